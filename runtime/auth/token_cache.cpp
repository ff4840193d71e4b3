#include "runtime/auth/token_cache.hpp"

#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf {

token_digest digest_token(std::string_view token) {
  return sha256(token);
}

std::shared_ptr<const principal> token_cache::find(const token_digest& token, time_point now) {
  const auto* known = known_.find(token);
  return known && known->valid.covers(now) ? known->who : nullptr;
}

std::shared_ptr<const principal> token_cache::last_owner(const token_digest& token) const {
  const auto* known = known_.peek(token);
  return known ? known->who : nullptr;
}

void token_cache::put(const token_digest& token, std::shared_ptr<const principal> who,
                      time_point expires, time_point now) {
  known_.put(token, {std::move(who), {now, std::min(expires, now + max_age_)}});
}

} // namespace behalf
