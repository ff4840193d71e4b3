#include "connectors/mcp_sessions.hpp"

namespace behalf {

std::optional<mcp_session> mcp_sessions::find(const principal_key& who, std::string_view service,
                                              const std::string& run_id) {
  std::lock_guard lock{guard_};
  const auto found = entries_.find(key{who, service});
  if (found == entries_.end())
    return std::nullopt;
  found->second.runs.insert(run_id);
  return found->second.session;
}

mcp_session mcp_sessions::keep(const principal_key& who, std::string_view service,
                               mcp_session session, const std::string& run_id) {
  std::lock_guard lock{guard_};
  auto& kept = entries_.try_emplace(key{who, service}, entry{std::move(session), {}}).first->second;
  kept.runs.insert(run_id);
  return kept.session;
}

void mcp_sessions::forget(const principal_key& who, std::string_view service, std::string_view id) {
  std::lock_guard lock{guard_};
  if (const auto found = with_id(who, service, id); found != entries_.end())
    entries_.erase(found);
}

void mcp_sessions::leave(const principal_key& who, std::string_view service, std::string_view id,
                         const std::string& run_id) {
  std::lock_guard lock{guard_};
  if (const auto found = with_id(who, service, id); found != entries_.end())
    found->second.runs.erase(run_id);
}

bool mcp_sessions::take_unused(const principal_key& who, std::string_view service,
                               std::string_view id) {
  std::lock_guard lock{guard_};
  const auto found = with_id(who, service, id);
  if (found == entries_.end())
    return true;
  if (!found->second.runs.empty())
    return false;
  entries_.erase(found);
  return true;
}

std::size_t mcp_sessions::size() const {
  std::lock_guard lock{guard_};
  return entries_.size();
}

mcp_sessions::entries::iterator
mcp_sessions::with_id(const principal_key& who, std::string_view service, std::string_view id) {
  const auto found = entries_.find(key{who, service});
  return found != entries_.end() && found->second.session.id == id ? found : entries_.end();
}

} // namespace behalf
