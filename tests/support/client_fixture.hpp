// The outbound client on two threads, called as if it were blocking.
#pragma once

#include "runtime/http/client.hpp"
#include "secrets/scrubber.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/raw_server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <future>
#include <thread>

namespace behalf::testing {

using std::chrono::milliseconds;

inline deadline in(milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

/// A bearer token.
class bearer_writer : public credential_writer {
public:
  explicit bearer_writer(std::string token) : token_(std::move(token)) {}
  void write_head(wiped_string& head) const override {
    head.append("Authorization: Bearer ").append(token_).append("\r\n");
  }
  std::unique_ptr<reply_scrubber> scrubber() const override { return make_scrubber(token_); }

private:
  std::string token_;
};

struct client_fixture {
  explicit client_fixture(client_options options = {}) {
    auto made = client::create(io, std::move(options));
    REQUIRE(made);
    door = std::move(*made);
    for (auto& thread : threads)
      thread = std::thread{[this] { io.run(); }};
  }

  ~client_fixture() {
    door.reset();
    guard.reset();
    for (auto& thread : threads)
      thread.join();
  }

  /// A GET that may go to that URL's origin, private or not.
  static wire_request to(const std::string& url) {
    wire_request r;
    r.call.service = "mail";
    r.call.url = url;
    r.pool_key = "acme|https://id.test|alice|mail";
    r.policy.allow_private = r.policy.allow_plain_http = true;
    if (auto where = parse_origin(url))
      r.policy.allowed.push_back(*where);
    return r;
  }

  result<outbound_reply> send(wire_request request, milliseconds time = milliseconds{5000}) {
    std::promise<result<outbound_reply>> answer;
    door->start(std::move(request), in(time),
                [&](result<outbound_reply> r) { answer.set_value(std::move(r)); });
    return answer.get_future().get();
  }

  result<outbound_reply> get(const std::string& url) { return send(to(url)); }

  result<outbound_chunk> pull(uint64_t stream, milliseconds time = milliseconds{5000}) {
    std::promise<result<outbound_chunk>> answer;
    door->read_chunk(stream, in(time),
                     [&](result<outbound_chunk> r) { answer.set_value(std::move(r)); });
    return answer.get_future().get();
  }

  boost::asio::io_context io{2};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  std::unique_ptr<client> door;
  std::thread threads[2];
};

} // namespace behalf::testing
