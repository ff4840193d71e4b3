// MCP sessions shared by the runs of a user, so that only the first call on a server initializes.
#pragma once

#include "behalf/principal.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace behalf {

/// What `initialize` agreed on.
struct mcp_session {
  std::string id; // Mcp-Session-Id; empty: the server keeps no sessions
  std::string protocol_version;
};

/// Thread-safe. The key is the whole principal and the service, so no user gets another's session.
/// Sessions must be left and taken out by the MCP keeper: they are those that runs use, and those
/// that were left a moment ago.
class mcp_sessions {
public:
  /// The session; the run uses it from now on.
  std::optional<mcp_session> find(const principal_key& who, std::string_view service,
                                  const std::string& run_id);
  /// Keeps it unless there is one already. Returns the one kept; the run uses it from now on.
  mcp_session keep(const principal_key& who, std::string_view service, mcp_session session,
                   const std::string& run_id);

  /// Drops the session if it is the one with that id: another call may have replaced it.
  void forget(const principal_key& who, std::string_view service, std::string_view id);

  /// The run does not use the session any more.
  void leave(const principal_key& who, std::string_view service, std::string_view id,
             const std::string& run_id);

  /// Takes the session with that id out. False, and nothing happens, when a run uses it.
  bool take_unused(const principal_key& who, std::string_view service, std::string_view id);

  /// A JSON-RPC id no request of this process had before: ids are unique within a session.
  int64_t next_id() { return ids_.fetch_add(1, std::memory_order_relaxed); }

  std::size_t size() const;

private:
  using key = std::pair<principal_key, std::string>;
  struct entry {
    mcp_session session;
    std::set<std::string> runs;
  };
  using entries = std::map<key, entry>;
  entries::iterator with_id(const principal_key& who, std::string_view service,
                            std::string_view id);

  mutable std::mutex guard_;
  entries entries_;
  std::atomic<int64_t> ids_{1};
};

} // namespace behalf
