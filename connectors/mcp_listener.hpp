// Reads an MCP session's own event stream, and answers the server's requests.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/service_options.hpp"
#include "runtime/net/event_stream.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace behalf {

/// A session's own event stream (a GET). `ping` and `roots/list` are answered, other requests are
/// declined, notifications are ignored. A stream that ends, or is beyond a bound, is opened again
/// after a pause. Done, with the last reply's status, when the server offers no stream or fails too
/// often in a row. The driver adds the handle to its calls. What it reads is sent to no one but the
/// same server.
class mcp_listener final : public connector {
public:
  mcp_listener(std::shared_ptr<const service_options> service, mcp_session session)
    : service_(std::move(service)), session_(std::move(session)) {}

  step start() override { return open(); }
  step resume(result<outbound_reply> reply) override;
  step resume_chunk(result<outbound_chunk> chunk) override;
  step proceed() override;

private:
  enum class waiting : uint8_t {
    for_stream, // of the GET
    for_bytes,  // of it
    for_answer, // of our answer
    to_pause,   // the stream is being closed
    to_open,    // again
    to_finish,  // the stream is being closed
  };

  step open();
  step read_head(outbound_reply& reply);
  step take(std::string_view bytes, bool last);
  void look_at(const json::value& message);
  step go_on();
  step open_later();
  step finish();

  const std::shared_ptr<const service_options> service_;
  const mcp_session session_;

  waiting state_ = waiting::to_open;
  unsigned status_ = 0; // of the last GET
  uint64_t stream_ = 0; // open now
  bool ended_ = false;  // the stream is complete
  event_stream events_;
  std::deque<std::string> answers_; // to be sent
  std::size_t received_ = 0;        // of this stream
  int requests_ = 0;                // in this stream
  int openings_ = 0;
  int failures_ = 0; // since a stream was open
};

} // namespace behalf
