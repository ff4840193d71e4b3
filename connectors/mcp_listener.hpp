// Listens to what an MCP server says of its own accord, and answers what it asks.
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

/// A session's own event stream (a GET), for as long as somebody drives this. `ping` and
/// `roots/list` are answered, other requests are declined at once, notifications are of no interest
/// here. A stream that ends, says too much or asks too much is opened again after a pause; a server
/// that offers none, or fails over and over, is left alone: then it is done, with the last reply's
/// status. Its calls are without a handle, which the driver knows. Nothing it read leaves it but
/// towards the same server.
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
