// Calls that another request may cancel: those of sessions of the Model Context Protocol.
#pragma once

#include "actors/endpoints/request.hpp"
#include "runtime/base/lru_map.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace behalf::endpoints {

/// As what a call that is cancelled is answered, in place of the request made of it.
constexpr unsigned status_cancelled = 499;

/// By session and the id that the client gave the call. A session's key holds its caller's, so that
/// nobody reaches another's. Sessions are not kept, only calls while they last, of which there are
/// as many as requests, and the ids of sessions that were ended last.
class calls_under_way : public std::enable_shared_from_this<calls_under_way> {
public:
  /// Lasts as long as what it returns is held. Null: such a call is under way.
  std::shared_ptr<const void> begin(std::string session, std::string id, request_actor call);

  void cancel(const std::string& session, const std::string& id);
  /// Cancels all its calls, and remembers that it is over.
  void end(const std::string& session);
  bool has_ended(const std::string& session) const;

private:
  using key = std::pair<std::string, std::string>; // session, id
  static constexpr std::size_t most_remembered = 10'000;

  mutable std::mutex guard_;
  std::map<key, request_actor> calls_;
  lru_map<std::string, bool> ended_{most_remembered};
};

} // namespace behalf::endpoints
