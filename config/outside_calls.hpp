// Calls to services for a command, which has nothing else to do meanwhile. A server makes them by
// its actors, with receipts and lanes; here is neither.
#pragma once

#include "behalf/time.hpp"
#include "connectors/connector.hpp"
#include "runtime/http/client.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace behalf {

class outside_calls {
public:
  /// All calls together end by then. Error: as of client::create.
  static result<std::unique_ptr<outside_calls>> create(client_options egress, deadline by);

  /// Drives it to its end. `sample` is sent again and again with what the connector wants called:
  /// it has the policy, the credential and the bound of replies. Error: what the call failed with.
  result<service_reply> carry_out(connector& machine, const wire_request& sample);

private:
  explicit outside_calls(deadline by) : by_(by) {}
  result<outbound_reply> send(outbound_call call, const wire_request& sample);
  result<outbound_chunk> read(uint64_t stream_id);
  void wait(std::chrono::milliseconds time);

  deadline by_;
  boost::asio::io_context io_; // outlives the client
  std::unique_ptr<client> http_;
};

} // namespace behalf
