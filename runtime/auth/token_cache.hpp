// Tokens verified lately, so that a request costs a hash and not a signature.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "runtime/base/lru_map.hpp"
#include "runtime/base/validity.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

namespace behalf {

/// SHA-256 of a token: tells tokens apart without keeping them.
using token_digest = std::array<unsigned char, 32>;
token_digest digest_token(std::string_view token);

/// Bounded, least recently used goes first. One owner: no lock.
class token_cache {
public:
  /// An entry is used until its token expires and for `max_age` at most, so that an issuer's
  /// change of mind is noticed. One made before the clock was set back is over.
  explicit token_cache(std::size_t capacity = 10'000,
                       std::chrono::seconds max_age = std::chrono::seconds{300})
    : max_age_(max_age), known_(capacity) {}

  /// Null when unknown or over.
  std::shared_ptr<const principal> find(const token_digest& token, time_point now);
  /// Whose it was when it was last known, even if that is over: never a reason to let anybody in.
  /// Null when it never was, or was so long ago that others took its place.
  std::shared_ptr<const principal> last_owner(const token_digest& token) const;
  void put(const token_digest& token, std::shared_ptr<const principal> who, time_point expires,
           time_point now);

  std::size_t size() const { return known_.size(); }

private:
  struct entry {
    std::shared_ptr<const principal> who;
    validity valid;
  };
  struct digest_hash {
    std::size_t operator()(const token_digest& d) const {
      std::size_t h; // a digest is as good as random already
      std::memcpy(&h, d.data(), sizeof h);
      return h;
    }
  };

  std::chrono::seconds max_age_;
  lru_map<token_digest, entry, digest_hash> known_;
};

} // namespace behalf
