#include "secrets/inject.hpp"

#include "runtime/net/codec.hpp"
#include "secrets/scrubber.hpp"

#include <algorithm>
#include <mutex>

namespace behalf {
namespace {

constexpr std::size_t longest_value = 16 * 1024; // what servers accept as a header, and some

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
  auto refuse = [](const char* why) {
    return error{errc::invalid_argument, why, {}, std::string(credential_unusable)};
  };
  if (value.empty())
    return refuse("the stored credential is empty");
  if (value.size() > longest_value)
    return refuse("the stored credential is longer than 16 KiB");
  switch (rule.form) {
  case credential_form::bearer:
    if (!visible(value))
      return refuse("the token has bytes that a bearer token cannot have, such as a blank");
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
    : rule_(std::move(rule)), credential_(std::move(credential)) {}

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
    std::lock_guard lock{mutex_};
    auto texts = texts_.lock();
    if (!texts)
      texts_ = texts = make_texts(credential_->value.expose());
    return std::make_unique<credential_scrubber>(std::move(texts));
  }

private:
  credential_rule rule_;
  stored_credential_ptr credential_;
  // Made for a call and gone with the last one: a cached credential has no further copies.
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const credential_texts> texts_;
};

} // namespace

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
