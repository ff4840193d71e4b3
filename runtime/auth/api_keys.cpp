#include "runtime/auth/api_keys.hpp"

#include "runtime/auth/challenge.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace behalf {
namespace {

constexpr std::string_view key_prefix = "bh_";
constexpr std::size_t random_bytes = 32, random_part = 43; // those bytes in base64url

using digest = std::array<unsigned char, 32>;

std::optional<digest> parse_digest(std::string_view hex) {
  digest d{};
  if (hex.size() != 2 * d.size())
    return {};
  for (std::size_t i = 0; i < d.size(); ++i) {
    const auto* at = hex.data() + 2 * i;
    if (auto [end, ec] = std::from_chars(at, at + 2, d[i], 16); ec != std::errc{} || end != at + 2)
      return {};
  }
  return d;
}

uint64_t prefix_of(const digest& d) {
  uint64_t n = 0;
  std::memcpy(&n, d.data(), sizeof n);
  return n;
}

std::shared_ptr<const principal> principal_of(const api_key_entry& e) {
  auto who = std::make_shared<principal>();
  who->tenant = e.tenant;
  who->issuer = "api_key";
  who->subject = e.subject;
  who->identity = e.identity_prefix + e.subject;
  who->display_name = e.display_name.empty() ? e.subject : e.display_name;
  who->permissions = e.permissions;
  who->custom = e.custom;
  return who;
}

} // namespace

result<api_keys> api_keys::make(const std::vector<api_key_entry>& entries) {
  api_keys made;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& e = entries[i];
    auto bad = [&](std::string_view why) {
      return fail(errc::invalid_argument, "API key " + std::to_string(i + 1) + " (subject '"
                                            + e.subject + "'): " + std::string(why));
    };
    auto d = parse_digest(e.sha256);
    if (!d)
      return bad("'sha256' must be 64 hexadecimal digits: the SHA-256 of the key, not the key");
    if (e.subject.empty() || e.tenant.empty())
      return bad("'subject' and 'tenant' must not be empty");
    auto [from, to] = made.by_prefix_.equal_range(prefix_of(*d));
    if (std::any_of(from, to, [&](const auto& other) { return other.second.digest == *d; }))
      return bad("the same 'sha256' is configured twice");
    made.by_prefix_.emplace(prefix_of(*d), entry{*d, principal_of(e), e.expires});
  }
  return made;
}

// Timing shows at most how the digest of a guess begins, which does not help to find the key.
result<std::shared_ptr<const principal>> api_keys::find(std::string_view key,
                                                        time_point now) const {
  auto d = sha256(key);
  auto [from, to] = by_prefix_.equal_range(prefix_of(d));
  for (; from != to; ++from) {
    const auto& e = from->second;
    if (CRYPTO_memcmp(e.digest.data(), d.data(), d.size()) != 0)
      continue;
    if (e.expires && *e.expires <= now)
      return invalid_token("the API key has expired");
    return e.who;
  }
  return invalid_token("the API key is not known");
}

bool looks_like_api_key(std::string_view text) {
  return text.size() == key_prefix.size() + random_part && text.starts_with(key_prefix)
         && made_of(text.substr(key_prefix.size()), "-_");
}

new_api_key generate_api_key() {
  char random[random_bytes];
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random), random_bytes) != 1)
    throw std::runtime_error("the system has no random numbers");
  new_api_key made;
  made.key.reserve(key_prefix.size() + random_part);
  made.key.append(key_prefix);
  append_base64url(made.key, {random, random_bytes});
  wipe(random, sizeof random);
  made.sha256 = sha256_hex(made.key.view());
  return made;
}

} // namespace behalf
