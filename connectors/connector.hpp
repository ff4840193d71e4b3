// One call of a node on a service, as a machine without I/O: it says what to send and is given the
// reply. Its driver owns the network, so a connector never has a credential.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/principal.hpp"
#include "connectors/mcp_sessions.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <variant>

namespace behalf {

/// Drive it so: `start()`, then do what the step says and answer it, until `done`.
///
/// | step           | do                                   | then call                        |
/// |----------------|--------------------------------------|----------------------------------|
/// | outbound_call  | send it, wait for its reply          | `resume(reply or error)`         |
/// | pull_chunk     | read the stream's next bytes         | `resume_chunk(chunk or error)`   |
/// | close_stream   | end the stream, wait for nothing     | `proceed()`                      |
/// | pause          | wait that long                       | `proceed()`                      |
/// | in_session     | note that the run uses the session   | `proceed()`                      |
/// | emit           | show it in the run's stream          | `proceed()`                      |
/// | done           | hand the reply to the node           | nothing: the machine is over     |
///
/// Each step has one answer and each answer one step. A stream may be open while a further call
/// is sent. A machine dropped before `done` leaves the stream of its last `pull_chunk` to its
/// driver. Not thread-safe; may move between threads from one call to the next.
class connector {
public:
  struct pull_chunk {
    uint64_t stream_id;
  };
  struct close_stream {
    uint64_t stream_id;
  };
  struct pause {
    std::chrono::milliseconds time;
  };
  struct in_session {
    mcp_session session;
  };
  /// What the service says while it works: a `custom` event {"service", …}.
  struct emit {
    json::object what;
  };
  struct done {
    result<service_reply> reply;
  };
  using step = std::variant<outbound_call, pull_chunk, close_stream, pause, in_session, emit, done>;

  virtual ~connector() = default;
  virtual step start() = 0;
  virtual step resume(result<outbound_reply> reply) = 0;
  virtual step resume_chunk(result<outbound_chunk> chunk) = 0;
  virtual step proceed() = 0;
  /// Of the outbound_call given last: what the service is to be told when its driver cancels it, or
  /// waits for it no longer.
  virtual std::optional<outbound_call> cancellation() const { return std::nullopt; }
};

/// For whom a call is made: the key of what is kept between calls, and the credential's handle.
struct caller {
  principal_key who;
  sealed_handle handle;          // empty: the service takes no credential
  std::string run_id = {};       // the run that uses what is kept between calls
  json::object reported_as = {}; // in events of the call's progress, which then say their type
};

} // namespace behalf
