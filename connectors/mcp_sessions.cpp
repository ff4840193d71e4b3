#include "connectors/mcp_sessions.hpp"

namespace behalf {

std::optional<mcp_session> mcp_sessions::find(const principal_key& who, std::string_view service) {
  std::lock_guard lock{guard_};
  const auto found = entries_.find(key{who, service});
  if (found == entries_.end())
    return std::nullopt;
  ages_.splice(ages_.end(), ages_, found->second.age);
  const auto now = std::chrono::steady_clock::now();
  auto session = found->second.session;
  session.idle = now - std::exchange(found->second.used, now);
  return session;
}

mcp_session mcp_sessions::keep(const principal_key& who, std::string_view service,
                               mcp_session session) {
  std::lock_guard lock{guard_};
  const auto [at, fresh] = entries_.try_emplace(key{who, service});
  at->second.used = std::chrono::steady_clock::now();
  if (!fresh) {
    ages_.splice(ages_.end(), ages_, at->second.age);
    return at->second.session;
  }
  at->second.age = ages_.insert(ages_.end(), &at->first);
  at->second.session = session;
  if (entries_.size() > capacity_)
    erase(entries_.find(*ages_.front()));
  return session;
}

void mcp_sessions::forget(const principal_key& who, std::string_view service, std::string_view id) {
  std::lock_guard lock{guard_};
  const auto found = entries_.find(key{who, service});
  if (found != entries_.end() && found->second.session.id == id)
    erase(found);
}

void mcp_sessions::forget(const principal_key& who) {
  std::lock_guard lock{guard_};
  auto at = entries_.lower_bound(key{who, {}});
  while (at != entries_.end() && at->first.first == who)
    erase(at++);
}

std::size_t mcp_sessions::size() const {
  std::lock_guard lock{guard_};
  return entries_.size();
}

void mcp_sessions::erase(entries::iterator at) {
  ages_.erase(at->second.age);
  entries_.erase(at);
}

} // namespace behalf
