#include "runtime/auth/token_cache.hpp"

#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf {

token_digest digest_token(std::string_view token) {
  return sha256(token);
}

std::shared_ptr<const principal> token_cache::find(const token_digest& token, time_point now) {
  auto at = by_digest_.find(token);
  if (at == by_digest_.end())
    return nullptr;
  if (at->second->until <= now)
    return nullptr;
  order_.splice(order_.begin(), order_, at->second);
  return at->second->who;
}

std::shared_ptr<const principal> token_cache::last_owner(const token_digest& token) const {
  auto at = by_digest_.find(token);
  return at == by_digest_.end() ? nullptr : at->second->who;
}

void token_cache::put(const token_digest& token, std::shared_ptr<const principal> who,
                      time_point expires, time_point now) {
  if (auto at = by_digest_.find(token); at != by_digest_.end())
    erase(at->second);
  auto until = std::min(expires, now + max_age_);
  if (capacity_ == 0)
    return;
  if (by_digest_.size() >= capacity_)
    erase(std::prev(order_.end()));
  order_.push_front({token, std::move(who), until});
  by_digest_.emplace(token, order_.begin());
}

void token_cache::erase(entries::iterator at) {
  by_digest_.erase(at->token);
  order_.erase(at);
}

} // namespace behalf
