// One MCP request and everything until its response: an answer as JSON or as an event stream,
// requests of the server in between, a stream that breaks and is taken up again.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/mcp_sessions.hpp"
#include "connectors/service_options.hpp"
#include "runtime/net/event_stream.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace behalf {

struct mcp_answer {
  json::object value;     // the response's result
  std::string session_id; // the session's, or what this reply named
  int64_t receipt = 0;    // of the request itself
};

/// Driven as a connector is, and by one; it ends with `finished` instead of `done`. What the server
/// reports of a tool call while it works is emitted, 20 reports at once and then ten a second at
/// most: {"service", "progress": {…}} or {"service", "log": {…}}; with `reported_as` as {"type":
/// "progress", "service", "progress", "total", "message"} or {"type": "log", "service", "log"},
/// beside what that has.
class mcp_exchange {
public:
  struct finished {
    result<mcp_answer> answer;
    unsigned status = 0; // of the reply to the request; 0: there was none
  };
  using step = std::variant<outbound_call, connector::pull_chunk, connector::close_stream,
                            connector::pause, connector::emit, finished>;

  mcp_exchange(std::shared_ptr<const service_options> service, sealed_handle handle,
               mcp_session session, int64_t id, std::string method, json::object params,
               json::object reported_as = {});

  step start();
  step resume(result<outbound_reply> reply);
  step resume_chunk(result<outbound_chunk> chunk);
  step proceed();
  /// As of a connector.
  std::optional<outbound_call> cancellation() const;

private:
  enum class waiting : uint8_t {
    for_reply,  // of our request
    for_bytes,  // of its body
    for_answer, // of our answer to a request of the server
    to_resume,  // before the GET
    for_stream, // of the GET
    to_finish,  // the stream is being closed
    to_go_on,   // a report is being shown
  };
  enum class form : uint8_t { whole, events, problem };

  outbound_call post(std::string message) const;
  step read_head(outbound_reply& reply);
  step read_resumed(outbound_reply& reply);
  step take(std::string_view bytes, bool last);
  step pull();
  step work_off();
  step whole_body();
  step take_up();
  std::optional<step> read_next();
  std::optional<step> look_at(const json::value& message);
  std::optional<step> report(const json::object& message);
  bool may_report();
  step finish(result<mcp_answer> answer);
  step give_up(std::string_view why);
  step report_problem();
  error problem(std::string_view why) const;

  const std::shared_ptr<const service_options> service_;
  const sealed_handle handle_;
  mcp_session session_;
  const int64_t id_;
  const std::string method_;
  json::object params_;
  const json::object reported_as_;

  waiting state_ = waiting::for_reply;
  form form_ = form::whole;
  unsigned status_ = 0;
  int64_t receipt_ = 0;
  uint64_t stream_ = 0; // open now
  bool ended_ = false;  // the body is complete
  std::string body_;
  std::string retry_after_; // of the reply, as it says
  event_stream events_;
  std::deque<std::string> messages_; // read, not yet looked at
  std::deque<json::value> batch_;    // of the message last read; before those above
  std::size_t received_ = 0;
  int requests_ = 0; // of the server, answered so far
  int resumed_ = 0;  // since the last message came
  int reports_left_; // for now: more are dropped
  std::chrono::steady_clock::time_point reported_at_;
  std::optional<finished> end_;
};

} // namespace behalf
