// One outbound call from its guard to its last byte. Internal to the client.
#pragma once

#include "runtime/http/client.hpp"
#include "runtime/http/client_connection.hpp"
#include "runtime/http/reply_parser.hpp"
#include "runtime/http/resolver.hpp"

#include <boost/asio/steady_timer.hpp>

namespace behalf {

class client_core;

/// Lives on the strand of its connection. `begin`, `pull`, `close` and `cancel` may come from any
/// thread.
class client_call : public std::enable_shared_from_this<client_call> {
public:
  using connection_pointer = std::unique_ptr<client_connection>;

  /// `kept`: a pooled connection, or null. `request` and `url` have passed the guard.
  client_call(std::shared_ptr<client_core> core, uint64_t id, wire_request request, checked_url url,
              deadline by, reply_handler done, connection_pointer kept,
              boost::asio::any_io_executor strand);

  uint64_t id() const { return id_; }
  void begin();
  void pull(deadline by, chunk_handler done);
  void close();
  void cancel();

  /// Whose connections this call may use: user and service, host, and what the guard allowed.
  static std::string pool_key(const wire_request& request, const checked_url& url);

private:
  enum class stop_reason : uint8_t { none, late, cancelled };
  using none = result<void>;

  static boost::asio::awaitable<void> run(std::shared_ptr<client_call> self);
  static boost::asio::awaitable<void> run_out(std::shared_ptr<client_call> self);

  boost::asio::awaitable<none> exchange();
  boost::asio::awaitable<none> open();
  boost::asio::awaitable<result<address_list>> addresses();
  boost::asio::awaitable<none> secure();
  boost::asio::awaitable<none> send(std::size_t& sent);
  boost::asio::awaitable<none> read_head();
  boost::asio::awaitable<none> read_more();
  none took(const io_end& end);
  none parse();
  void reset_reply();
  bool may_retry(const error& e, std::size_t sent) const;

  void begin_pull(deadline by, chunk_handler done);
  void read_part();
  /// Takes what `read` gives; out of memory is a stream that failed.
  template <class Read>
  void go_on_with(Read read);
  void take_part(const none& read);

  void set_limit(deadline by);
  void set_timer(deadline at);
  void on_time();
  void interrupt(stop_reason why);
  void let_go();

  error failure(const boost::system::error_code& ec, const char* what) const;
  error about_host(error e) const;

  void head_arrived();
  void finish(result<outbound_reply> reply);
  void finish_pull(result<outbound_chunk> chunk);
  void end(bool whole);

  std::shared_ptr<client_core> core_;
  const uint64_t id_;
  wire_request request_;
  const checked_url url_;
  const deadline by_;
  reply_handler done_;
  chunk_handler pulled_; // set while a pull is under way
  boost::asio::any_io_executor strand_;
  boost::asio::steady_timer timer_;
  deadline time_limit_;
  deadline timer_at_ = deadline::max(); // when the timer fires; max: it is not set
  stop_reason stopped_ = stop_reason::none;
  bool streaming_ = false;
  bool leaving_ = false; // closed; reads the rest only to keep the connection
  bool over_ = false;
  connection_pointer connection_;
  std::shared_ptr<name_lookup> lookup_;
  wiped_string in_;       // read, not yet parsed
  bool answered_ = false; // a byte has come on this connection
  std::unique_ptr<reply_scrubber> scrub_;
  std::optional<reply_parser> parser_; // uses scrub_
};

} // namespace behalf
