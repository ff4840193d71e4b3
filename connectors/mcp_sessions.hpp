// MCP sessions kept between calls, so that only a user's first call on a server initializes.
#pragma once

#include "runtime/base/principal.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace behalf {

/// What `initialize` agreed on.
struct mcp_session {
  std::string id; // Mcp-Session-Id; empty: the server keeps no sessions
  std::string protocol_version;
  std::chrono::steady_clock::duration idle{}; // since it was used last; told by find
};

/// Thread-safe and bounded: the least recently used goes first. The key is the whole principal
/// and the service, so no user is ever given another's session.
class mcp_sessions {
public:
  explicit mcp_sessions(std::size_t capacity = 10'000) : capacity_(capacity) {}

  std::optional<mcp_session> find(const principal_key& who, std::string_view service);
  /// Keeps it unless there is one already. Answers the one kept.
  mcp_session keep(const principal_key& who, std::string_view service, mcp_session session);

  /// Forgets the session if it still is the one with that id: another call may have replaced it.
  void forget(const principal_key& who, std::string_view service, std::string_view id);

  /// Forgets all sessions of a principal whose access ended.
  void forget(const principal_key& who);

  /// A JSON-RPC id no request of this process had before: ids are unique within a session.
  int64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed); }

  std::size_t size() const;

private:
  using key = std::pair<principal_key, std::string>;
  struct entry {
    mcp_session session;
    std::chrono::steady_clock::time_point used;
    std::list<const key*>::iterator age;
  };
  using entries = std::map<key, entry>;
  void erase(entries::iterator at);

  const std::size_t capacity_;
  mutable std::mutex guard_;
  entries entries_;
  std::list<const key*> ages_; // the least recently used first; points at keys of entries_
  std::atomic<int64_t> ids_{1};
};

} // namespace behalf
