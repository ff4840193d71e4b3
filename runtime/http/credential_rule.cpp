#include "runtime/http/credential_rule.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <iterator>

namespace behalf {
namespace {

bool made_of(std::string_view text, std::string_view also) {
  auto fits = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || also.find(c) != also.npos;
  };
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), fits);
}

// A credential in one of these would change what the message is, or where it goes.
bool reserved_header(std::string_view name) {
  constexpr std::string_view names[] = {"host",         "content-length", "transfer-encoding",
                                        "connection",   "keep-alive",     "te",
                                        "trailer",      "upgrade",        "expect",
                                        "content-type", "http2-settings", "accept-encoding",
                                        "range",        "if-range"};
  return std::any_of(std::begin(names), std::end(names),
                     [&](auto one) { return same_ignoring_case(name, one); })
         || same_ignoring_case(name.substr(0, 6), "proxy-");
}

} // namespace

result<credential_rule> parse_credential_rule(std::string_view text) {
  if (text == "bearer")
    return credential_rule{};
  if (text == "basic")
    return credential_rule{credential_form::basic};
  auto colon = text.find(':');
  auto kind = text.substr(0, colon);
  auto name = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
  if (kind == "header") {
    if (!made_of(name, "!#$%&'*+-.^_`|~") || reserved_header(name))
      return fail(errc::invalid_argument,
                  "header:<name> needs the name of a header that can carry a credential");
    return credential_rule{credential_form::header, std::string(name)};
  }
  if (kind == "query") {
    if (!made_of(name, "-._~"))
      return fail(errc::invalid_argument,
                  "query:<name> needs the name of a query parameter: letters, digits, '-', '.', "
                  "'_' or '~'");
    return credential_rule{credential_form::query, std::string(name)};
  }
  return fail(errc::invalid_argument,
              "a credential is injected as bearer, basic, header:<name> or query:<name>");
}

std::string to_string(const credential_rule& rule) {
  switch (rule.form) {
  case credential_form::bearer:
    return "bearer";
  case credential_form::basic:
    return "basic";
  case credential_form::header:
    return "header:" + rule.name;
  case credential_form::query:
    return "query:" + rule.name;
  }
  return "bearer";
}

} // namespace behalf
