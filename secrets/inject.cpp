#include "secrets/inject.hpp"

#include "secrets/encode.hpp"
#include "secrets/needles.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t longest_value = 16 * 1024; // what servers accept as a header, and some

bool token_byte(unsigned char c) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || others.find(static_cast<char>(c)) != others.npos;
}

bool header_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), token_byte);
}

// A credential in one of these would change what the message is, or where it goes.
bool reserved_header(std::string_view name) {
  std::string lower;
  for (char c : name)
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  constexpr std::string_view names[] = {"host",         "content-length", "transfer-encoding",
                                        "connection",   "keep-alive",     "te",
                                        "trailer",      "upgrade",        "expect",
                                        "content-type", "http2-settings", "accept-encoding"};
  return std::find(std::begin(names), std::end(names), lower) != std::end(names)
         || lower.starts_with("proxy-");
}

bool visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// RFC 9110 5.5: no control bytes, no blanks at the ends (they would be trimmed on the way).
bool field_value(std::string_view text) {
  auto inside = [](unsigned char c) { return c >= 0x20 && c != 0x7f; };
  return !text.empty() && text.front() != ' ' && text.back() != ' '
         && std::all_of(text.begin(), text.end(), inside);
}

result<void> fits(const credential_rule& rule, const stored_credential& c) {
  auto value = c.value.expose();
  auto refuse = [](const char* why) { return fail(errc::invalid_argument, why); };
  if (value.empty())
    return refuse("the stored credential is empty");
  if (value.size() > longest_value)
    return refuse("the stored credential is longer than 16 KiB");
  switch (rule.form) {
  case credential_form::bearer:
    if (!visible(value))
      return refuse("the stored token has bytes that a bearer token cannot have");
    return {};
  case credential_form::header:
    if (!field_value(value))
      return refuse("the stored credential has bytes that a header cannot have");
    return {};
  case credential_form::basic:
    if (c.username.empty())
      return refuse("the service wants a user name and password; no user name is stored");
    if (c.username.find(':') != std::string::npos)
      return refuse("a user name for basic authentication cannot have a colon");
    return {};
  case credential_form::query:
    return {};
  }
  return refuse("unknown credential form");
}

class injector final : public credential_writer {
public:
  injector(credential_rule rule, stored_credential_ptr credential)
    : rule_(std::move(rule)), credential_(std::move(credential)),
      needles_(make_needles(credential_->value)) {}

  void write_head(wiped_string& head) const override {
    auto value = credential_->value.expose();
    switch (rule_.form) {
    case credential_form::bearer:
      head.append("Authorization: Bearer ").append(value).append("\r\n");
      return;
    case credential_form::header:
      head.append(rule_.name).append(": ").append(value).append("\r\n");
      return;
    case credential_form::basic: {
      wiped_string pair{credential_->username};
      pair.append(":").append(value);
      head.append("Authorization: Basic ");
      append_base64(head, pair.view());
      head.append("\r\n");
      return;
    }
    case credential_form::query:
      return;
    }
  }

  void write_target(wiped_string& target) const override {
    if (rule_.form != credential_form::query)
      return;
    target.push_back(target.view().find('?') == std::string_view::npos ? '?' : '&');
    append_percent(target, rule_.name);
    target.push_back('=');
    append_percent(target, credential_->value.expose());
  }

  std::unique_ptr<reply_scrubber> scrubber() const override {
    return std::make_unique<needle_scrubber>(needles_);
  }

private:
  credential_rule rule_;
  stored_credential_ptr credential_;
  std::shared_ptr<const needle_list> needles_;
};

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
    if (!header_name(name) || reserved_header(name))
      return fail(errc::invalid_argument,
                  "header:<name> needs the name of a header that can carry a credential");
    return credential_rule{credential_form::header, std::string(name)};
  }
  if (kind == "query") {
    if (name.empty() || !visible(name))
      return fail(errc::invalid_argument, "query:<name> needs the name of a query parameter");
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

result<std::shared_ptr<const credential_writer>> make_writer(const credential_rule& rule,
                                                             stored_credential_ptr credential) {
  if (!credential)
    return fail(errc::invalid_argument, "there is no stored credential");
  if (auto ok = fits(rule, *credential); !ok)
    return ok.error();
  return std::shared_ptr<const credential_writer>(
    std::make_shared<injector>(rule, std::move(credential)));
}

} // namespace behalf
