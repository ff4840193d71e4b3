// One request and the one place to answer it.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/base/fair_budget.hpp"
#include "runtime/http/request.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

using secret_headers = std::vector<std::pair<std::string, wiped_string>>;

/// The body of a request, as far as its head and the bytes around it tell.
struct incoming_body {
  bool expected = false;            // there is one
  std::size_t announced = 0;        // bytes, by Content-Length; 0 when the head does not say
  std::optional<std::string> whole; // it came with the head, or there is none
};
using body_handler = std::function<void(result<std::string>)>;

/// A request waiting for its answer. Everything may be called from any thread. Answer once,
/// either whole (`respond`) or in parts (`begin_stream`, `write`…, `finish`); what comes after
/// that, or after the client went away, is ignored. Letting go of the last reference without an
/// answer answers 500; letting go in the middle of a stream cuts the connection, so that the
/// client can tell it from an end.
/// Callbacks run on an I/O thread and must not block: send a message and return. Each but
/// `every` runs at most once, and is destroyed when the exchange ends.
class exchange {
public:
  exchange(http_request req, secret_headers secrets, incoming_body body);
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  virtual ~exchange();

  const http_request& req() const { return req_; }

  /// Moves the value of a credential's field (any case) out: the exchange keeps no copy. Empty when
  /// it was not sent or is taken already. Several Cookie fields come joined by "; ".
  wiped_string take_header(std::string_view name);

  /// Is there a body, and how many bytes it has if the head says so (else 0).
  bool has_body() const { return body_.expected; }
  std::size_t announced_body() const { return body_.announced; }
  /// Moves the body out if it is here already, because it came with the head or there is none.
  std::optional<std::string> take_body();
  /// Reads the body; once. Nothing of it is read before this is called, after authentication:
  /// `memory` (may be null) is the caller's share, which grows with what has arrived. `got` runs on
  /// an I/O thread, but not when the client has left; its error is too_large, slow_request,
  /// too_many, overloaded or bad_request. The deadline is suspended meanwhile, then begins anew.
  virtual void read_body(std::size_t limit, fair_budget::share_ptr memory, body_handler got) = 0;

  /// The whole answer. Content-Length, Date, Connection, X-Request-Id and the CORS fields are
  /// added; an empty `content_type` sends none. Fields with line breaks are left out.
  virtual void respond(unsigned status, header_list headers, std::string body,
                       std::string content_type = "application/json") = 0;

  /// Begins an answer whose length is not known yet: chunked, or up to the end of the connection
  /// for HTTP/1.0. The head leaves at once. The deadline still counts: see `clear_deadline`.
  virtual void begin_stream(unsigned status, header_list headers) = 0;
  /// Sends a part. `written` (may be empty) runs when the socket has accepted it, or when the
  /// client is gone: check `gone()`. Write the next part only then; parts queue otherwise.
  virtual void write(std::string chunk, std::function<void()> written) = 0;
  /// Ends the stream after the parts written so far.
  virtual void finish() = 0;

  /// Begins a WebSocket instead of an answer. Then `write` sends one text message each time. `got`
  /// runs on an I/O thread with each message of the client, of at most `limit` bytes; the next one
  /// is read after `read_on`. `close_socket` is its `finish`, with RFC 6455's code for why.
  virtual void open_socket(std::size_t limit, std::function<void(std::string)> got) = 0;
  virtual void read_on() = 0;
  virtual void close_socket(uint16_t code) = 0;

  /// True when the answer is not needed any more: the client left, or got 504 at the deadline.
  virtual bool gone() const = 0;
  /// Calls `call` when the client leaves; at once if it has left. Noticing it costs a system call
  /// or two, so it begins with this call. A client that closes its sending side counts as gone.
  virtual void on_gone(std::function<void()> call) = 0;

  /// Calls `call` when the server begins to stop; at once if it has begun. For what has no end of
  /// its own, and would hold the stop up.
  virtual void on_drain(std::function<void()> call) = 0;

  /// Calls every `period` from now until the answer has ended: keep-alive bytes of streams.
  virtual void every(std::chrono::milliseconds period, std::function<void()> call) = 0;

  /// Calls `call` when the deadline passes before the answer (or stream) is complete; the handler
  /// then has `server_options::deadline_grace` more to answer. Without a callback the client gets
  /// 504, or the end of its connection if a stream had begun.
  virtual void on_deadline(std::function<void()> call) = 0;
  /// For streams that live as long as their client.
  virtual void clear_deadline() = 0;
  /// Moves the deadline to now + `more`, never to an earlier time than it was.
  virtual void extend_deadline(std::chrono::milliseconds more) = 0;

private:
  http_request req_;
  mutable std::mutex guard_;
  secret_headers secrets_;
  incoming_body body_;
};

using exchange_ptr = std::shared_ptr<exchange>;

/// {"detail": "<sentence>"}: the one shape of an error's body.
std::string error_body(std::string_view detail);

/// Answers with the error's status, sentence and headers. 500 hides its sentence from the
/// client ("Internal Server Error").
void respond_error(exchange& to, const error& why);

} // namespace behalf
