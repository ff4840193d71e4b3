#include "runtime/http/credential_rule.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"

namespace behalf {
namespace {

constexpr std::size_t longest_name = 128;

// A credential in one of these would change what the message is, or where it goes.
bool reserved_header(std::string_view name) {
  return same_ignoring_case(name, "content-type")
         || is_header(name, header_class::framing | header_class::part | header_class::proxy);
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
    if (name.size() > longest_name || !made_of(name, "!#$%&'*+-.^_`|~") || reserved_header(name))
      return fail(errc::invalid_argument,
                  "header:<name> needs the name of a header that can carry a credential");
    return credential_rule{credential_form::header, std::string(name)};
  }
  if (kind == "query") {
    if (name.size() > longest_name || !made_of(name, "-._~"))
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
