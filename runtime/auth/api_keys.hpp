// Keys for programs: the configuration holds their hashes, callers hold the keys.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "behalf/wiped.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace behalf {

/// One key as configured. Keys are 256-bit random, so a plain SHA-256 is a fit hash for them.
struct api_key_entry {
  std::string sha256; // of the whole key text, 64 hexadecimal digits
  std::string subject;
  std::string tenant = "default";
  std::string identity_prefix; // "key:", to tell programs from users of the same tenant
  std::string display_name;    // empty: the subject
  std::vector<std::string> permissions;
  json::object custom;
  std::optional<time_point> expires;
};

class api_keys {
public:
  api_keys() = default;

  /// Error: invalid_argument naming the entry (by number and subject) that is malformed or
  /// repeats another's hash.
  static result<api_keys> make(const std::vector<api_key_entry>& entries);

  /// Whose key this is; issuer "api_key". Takes the same time for every key of the same length.
  /// Error: unauthenticated.
  result<std::shared_ptr<const principal>> find(std::string_view key, time_point now) const;

  std::size_t size() const { return by_prefix_.size(); }

private:
  struct entry {
    std::array<unsigned char, 32> digest;
    std::shared_ptr<const principal> who;
    std::optional<time_point> expires;
  };
  std::unordered_multimap<uint64_t, entry> by_prefix_; // first 8 bytes of the digest
};

/// True for text shaped like our keys: `bh_` and 43 characters of base64url.
bool looks_like_api_key(std::string_view text);

/// A new key: shown once, to be stored as its hash.
struct new_api_key {
  wiped_string key;
  std::string sha256;
};
new_api_key generate_api_key();

} // namespace behalf
