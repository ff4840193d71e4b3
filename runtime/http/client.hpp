// The HTTP client: HTTP/1.1 calls to declared hosts only, credentials written straight into the
// socket's buffer, redirects never followed, replies bounded and scrubbed.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/time.hpp"
#include "runtime/http/credential_writer.hpp"
#include "runtime/http/net_guard.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace behalf {

class client_core;

/// Addresses of a host name, as text. May block: it is called on the client's own threads.
/// The error's message says why in a few words ("unknown host").
using resolve_function = std::function<result<std::vector<std::string>>(const std::string& host)>;

struct client_options {
  std::chrono::milliseconds connect_timeout{5'000}; // name, TCP and TLS together
  std::size_t max_reply_bytes = 10u << 20;          // of a body that is not streamed
  uint32_t max_header_bytes = 64u << 10;            // of a reply
  std::size_t pool_size = 4;                        // idle connections kept per pool key and host
  std::size_t pool_total = 512;                     // idle connections kept in all
  std::chrono::milliseconds idle_timeout{30'000};   // of a kept connection
  std::chrono::milliseconds stream_idle{60'000}; // a stream that is not read for so long is closed
  std::chrono::milliseconds linger{100};         // for the end of a stream closed early
  std::size_t linger_bytes = 16u << 10;          // and at most so much of it
  std::string ca_file; // PEM; with ca_path instead of the system's trusted authorities
  std::string ca_path; // directory of hashed PEM files
  std::string user_agent = "behalf/" BEHALF_VERSION;
  std::size_t resolver_threads = 2;
  resolve_function resolve; // empty: the system's resolver
};

/// One call and the writer of its credential.
struct wire_request {
  outbound_call call;     // `handle` is ignored: it has been redeemed
  std::string pool_key;   // tenant, issuer, subject and service: users share no connection
  endpoint_policy policy; // of the service
  std::shared_ptr<const credential_writer> credential;  // null: the call takes none
  std::shared_ptr<const wiped_string> secret_body = {}; // sent instead of call.body
  std::shared_ptr<wiped_string> secret_reply = {};      // takes the body, unscrubbed, if given
  std::size_t max_reply_bytes = 0;                      // 0: the client's own limit
  deadline until = deadline::max();                     // for all of it, also of a stream
  std::shared_ptr<std::atomic<bool>> sent = {}; // set once the request was written, if given
};

using reply_handler = std::function<void(result<outbound_reply>)>;
using chunk_handler = std::function<void(result<outbound_chunk>)>;

struct client_figures {
  uint64_t opened = 0; // connections, since the start
  uint64_t reused = 0; // calls that began on a kept connection
  std::size_t idle = 0;
  std::size_t in_flight = 0; // calls and open streams
};

/// Thread-safe. Every handler is called exactly once, on a thread of the io_context, never from
/// inside the function it was given to; it must not block or throw.
///
/// Errors: `denied` (the guard, or a header a call may not set), `invalid_argument` (a malformed
/// method or header), `timeout`, `upstream` (connection, TLS or reply; kind "cancelled" after
/// `cancel`). Sentences name host and reason, never a query, header value or body.
/// A status of 300 or more is a reply, not an error.
class client {
public:
  /// Error: internal, when the certificate authorities cannot be read.
  static result<std::unique_ptr<client>> create(boost::asio::io_context& io,
                                                client_options options);

  /// Cancels everything (handlers are still called, if the io_context runs) and waits for name
  /// lookups under way. The io_context must outlive the client.
  ~client();

  /// Sends a call. It ends by `by` or after call.timeout, whichever is first: for a stream that
  /// is when its head has come. `until` bounds what follows, too. Returns the number for `cancel`;
  /// 0 when the guard refused it. A reply of a call with `stream` set has the same number as
  /// `stream_id`, and no body.
  uint64_t start(wire_request request, deadline by, reply_handler done);

  /// Pulls the next bytes of a stream, at least one unless it is the last chunk; one pull at a
  /// time. Waits until `by` or for call.timeout. After the last chunk or an error the stream is
  /// gone: not_found.
  void read_chunk(uint64_t stream_id, deadline by, chunk_handler done);

  /// Ends a stream early: to its reader it is gone at once. When its end comes within
  /// options.linger (and no pull is under way), its connection is kept, else closed. Unknown
  /// numbers are ignored.
  void close(uint64_t stream_id);

  /// Ends a call or stream wherever it is, and closes its connection.
  void cancel(uint64_t id);

  client_figures figures() const;

private:
  explicit client(std::shared_ptr<client_core> core);
  std::shared_ptr<client_core> core_;
};

} // namespace behalf
