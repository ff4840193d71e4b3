#include "secrets/vault_path.hpp"

#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::string_view data_part = "/data/";
constexpr std::string_view last_part = "/{service}";

error bad_template(std::string why) {
  return fail(errc::invalid_argument, "the Vault path " + std::move(why));
}

bool safe(std::string_view name) {
  return !name.empty() && name.size() <= 512 && name != "." && name != ".."
         && std::none_of(name.begin(), name.end(), [](unsigned char c) {
              return c == '/' || c == '\\' || c < 0x20 || c == 0x7f;
            });
}

result<std::string> value_of(std::string_view name, const credential_key& key) {
  const std::array<std::pair<std::string_view, const std::string*>, 3> names{
    {{"subject", &key.who.subject}, {"tenant", &key.who.tenant}, {"service", &key.service}}};
  if (name == "subject_sha256")
    return sha256_hex(key.who.subject);
  if (name == "issuer_sha256")
    return sha256_hex(key.who.issuer);
  if (name == "principal_sha256")
    return sha256_hex(key.who.text());
  for (const auto& [known, value] : names) {
    if (name != known)
      continue;
    if (!safe(*value))
      return fail(errc::denied,
                  "this user's " + std::string(name) + " cannot be part of a Vault path");
    return percent_encode(*value);
  }
  return bad_template("has an unknown field {" + std::string(name) + "}");
}

bool has(std::string_view text, std::string_view field) {
  return text.find(field) != text.npos;
}

} // namespace

result<vault_path> vault_path::parse(std::string_view text, bool several_issuers) {
  while (text.starts_with('/'))
    text.remove_prefix(1);
  auto at = text.find(data_part);
  if (at == text.npos || at == 0)
    return bad_template("must be of a KV version 2 engine: <mount>/data/…");
  vault_path made;
  made.mount_ = text.substr(0, at);
  made.rest_ = text.substr(at + data_part.size());
  if (!has(made.rest_, "{service}"))
    return bad_template("does not name the {service}");
  if (!has(made.rest_, "{subject}") && !has(made.rest_, "{subject_sha256}")
      && !has(made.rest_, "{principal_sha256}"))
    return bad_template("does not name the user: {subject}, {subject_sha256} or "
                        "{principal_sha256}");
  if (several_issuers && !has(text, "{issuer_sha256}") && !has(text, "{principal_sha256}"))
    return bad_template("does not tell users of several identity providers apart: add "
                        "{issuer_sha256} or {principal_sha256}");
  // Any stand-in finds unknown fields.
  const credential_key sample{{"t", "i", "s"}, "service"};
  if (auto filled = made.data(sample); !filled)
    return filled.error();
  return made;
}

result<std::string> vault_path::fill(std::string_view text, const credential_key& key) const {
  std::string out;
  while (!text.empty()) {
    auto open = text.find('{');
    out += text.substr(0, open);
    if (open == text.npos)
      break;
    auto close = text.find('}', open);
    if (close == text.npos)
      return bad_template("has a { without its }");
    auto value = value_of(text.substr(open + 1, close - open - 1), key);
    if (!value)
      return value;
    out += *value;
    text.remove_prefix(close + 1);
  }
  return out;
}

result<std::string> vault_path::data(const credential_key& key) const {
  return fill(mount_ + std::string(data_part) + rest_, key);
}

result<std::string> vault_path::metadata(const credential_key& key) const {
  return fill(mount_ + "/metadata/" + rest_, key);
}

result<std::string> vault_path::folder(const principal_key& who) const {
  if (!std::string_view{rest_}.ends_with(last_part))
    return bad_template("does not end in /{service}: services cannot be listed");
  auto users = rest_.substr(0, rest_.size() - last_part.size());
  return fill(mount_ + "/metadata/" + users, {who, "all"});
}

} // namespace behalf
