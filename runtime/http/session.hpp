// One connection: reads a request, hands it on as an exchange, writes its answer, and again. One
// coroutine on one strand; its phase is what it does now, and every phase has a timeout.
#pragma once

#include "runtime/http/outbox.hpp"
#include "runtime/http/read_buffer.hpp"
#include "runtime/http/request_parser.hpp"
#include "runtime/http/response_head.hpp"
#include "runtime/http/server_core.hpp"
#include "runtime/http/watchdog.hpp"
#include "runtime/http/web_socket.hpp"

#include <boost/asio/ssl/stream.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace behalf::inbound {

using tls_stream = asio::ssl::stream<tcp_socket>;

template <class Stream>
inline constexpr bool is_tls = std::is_same_v<Stream, tls_stream>;

/// `Stream` is tcp_socket or tls_stream.
template <class Stream>
class session final : public connection,
                      public watchdog::owner,
                      public std::enable_shared_from_this<session<Stream>> {
public:
  /// It holds either a slot, or a share of the refusals: then it only refuses.
  session(std::shared_ptr<server_core> core, Stream stream, connection_slots::slot_ptr slot,
          fair_budget::share_ptr refusal);
  ~session();

  /// Registers with the core and serves until the connection ends.
  void start();

  void begin_drain() override;
  void cut() override;
  void shut() override;
  bool give_way() override;
  deadline on_due(deadline now) override;

private:
  enum class phase : uint8_t { handshake, idle, head, body, waiting, writing, closing };
  // Whether its slot can be taken; set by its own strand and by new connections' (give_way).
  enum class activity : uint8_t { idle, serving, closing };
  using milliseconds = std::chrono::milliseconds;

  static awaitable<void> run(std::shared_ptr<session> self);
  awaitable<void> serve();
  awaitable<bool> serve_one(); // false: the connection ends
  awaitable<bool> read_head(request_parser& parser);
  awaitable<void> read_body(request_parser& parser, body_wish wish);
  awaitable<bool> receive(request_parser& parser, const body_wish& wish);
  awaitable<bool> read_more(std::size_t room);
  awaitable<bool> serve_request(std::unique_ptr<request_parser>& parser);
  awaitable<bool> send(std::string_view tail);
  awaitable<void> serve_socket();
  awaitable<bool> agree_on_socket();
  awaitable<bool> send_message(std::string_view text);
  awaitable<bool> refuse_request(refusal why);
  awaitable<void> say_goodbye();

  void forget_request();
  void remember(const request_parser& parser);
  void hand_on(request_parser& parser);
  bool hold(std::size_t bytes);
  bool begin_work();
  bool answer_preflight(const http_request& req);
  void compose(outgoing& next, std::string& tail);
  void compose_head(answer_head& head, std::string& tail);
  bool timed_out(unsigned status, const char* detail);
  void read_ahead();
  void read_what_came();
  void on_read_ahead(const error_code& ec, std::size_t size);
  void read_message();
  void on_message_part(const error_code& ec);
  void enter(phase p, milliseconds limit);
  void close_socket();
  tcp_socket& socket();

  const std::shared_ptr<server_core> core_;
  Stream stream_;
  connection_slots::slot_ptr slot_;
  fair_budget::share_ptr refusal_share_;
  std::atomic<activity> activity_{activity::idle};
  bool loopback_ = false;
  std::string remote_, peer_;
  fair_budget::share_ptr memory_; // of this peer
  watchdog watchdog_;
  read_buffer in_;
  std::string out_;

  phase phase_ = phase::idle;
  bool timed_out_ = false; // the phase, by the watchdog
  bool first_ = true;      // no request was read yet
  bool ended_ = false;     // the client sent its last byte, or the socket failed
  bool linger_ = false;    // the client may still be sending: let it read our answer first

  // A read during the answer, to notice that the client closes (`on_gone`).
  bool reading_ahead_ = false;
  wake_signal read_ahead_over_;

  std::unique_ptr<web_socket<Stream>> web_socket_; // what the connection has become

  // Of the request under way.
  std::shared_ptr<outbox> box_;
  std::optional<refusal> refusal_;
  std::string request_id_;
  std::optional<std::string> origin_;
  bool keep_ = true, http10_ = false, head_only_ = false;
  framing framing_ = framing::length;
};

} // namespace behalf::inbound
