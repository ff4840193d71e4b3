// What our HTTP server costs over plain Beast: two servers that answer every request alike.
//   http_raw raw <port> <threads> [untimed|own-head]
//   http_raw behalf <port> <threads> [worker|hold]
// `raw` is Beast's own coroutine server: a strand, flat_buffer, basic_stream with a timeout per
// request, a string body and its serializer; `untimed` has a bare socket instead of basic_stream,
// `own-head` writes its answers by response_head. `behalf` is runtime/http; with `worker`, answers
// come from another thread, as they do from an actor; with `hold`, every request becomes an event
// stream that never ends (for its memory).
// Load: wrk -t1 -c64 -d5 http://127.0.0.1:<port>/ok
#include "runtime/http/io.hpp"
#include "runtime/http/response_head.hpp"
#include "runtime/http/server.hpp"
#include "runtime/http/sse.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using behalf::inbound::tcp_socket;
using timed_stream = beast::basic_stream<tcp, behalf::inbound::strand>;

constexpr std::string_view ok = R"({"ok":true})";

template <class Stream>
behalf::inbound::awaitable<void> raw_session(Stream peer, bool own_head) {
  beast::flat_buffer buffer;
  std::string answer;
  try {
    while (true) {
      if constexpr (std::is_same_v<Stream, timed_stream>)
        peer.expires_after(std::chrono::seconds{30});
      http::request<http::string_body> req;
      co_await http::async_read(peer, buffer, req, behalf::inbound::use_awaitable);
      if (own_head) {
        answer.clear();
        behalf::inbound::head_facts facts;
        facts.length = ok.size();
        facts.content_type = "application/json";
        behalf::inbound::append_head(answer, facts, {});
        answer.append("\r\n").append(ok);
        const auto bytes = asio::buffer(answer);
        co_await asio::async_write(peer, bytes, behalf::inbound::use_awaitable);
      } else {
        http::response<http::string_body> res{http::status::ok, req.version()};
        res.set(http::field::content_type, "application/json");
        res.keep_alive(req.keep_alive());
        res.body() = ok;
        res.prepare_payload();
        co_await http::async_write(peer, res, behalf::inbound::use_awaitable);
      }
      if (!req.keep_alive())
        break;
    }
  } catch (const boost::system::system_error&) {
    // the client left
  }
}

asio::awaitable<void> raw_server(asio::io_context& io, uint16_t port, bool timed, bool own_head) {
  tcp::acceptor acceptor{io, {asio::ip::make_address("127.0.0.1"), port}};
  while (true) {
    auto socket =
      co_await acceptor.async_accept(asio::make_strand(io.get_executor()), asio::use_awaitable);
    socket.set_option(tcp::no_delay{true});
    const auto executor = socket.get_executor();
    if (timed)
      asio::co_spawn(executor, raw_session(timed_stream{std::move(socket)}, own_head),
                     asio::detached);
    else
      asio::co_spawn(executor, raw_session(std::move(socket), own_head), asio::detached);
  }
}

void run(asio::io_context& io, int threads) {
  asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&](auto, int) { io.stop(); });
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i)
    pool.emplace_back([&] { io.run(); });
  io.run();
  for (auto& t : pool)
    t.join();
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: http_raw raw|behalf <port> <threads> [untimed|own-head|worker|hold]\n",
               stderr);
    return 2;
  }
  const std::string_view which = argv[1];
  const std::string_view how = argc > 4 ? argv[4] : "";
  const auto port = static_cast<uint16_t>(std::atoi(argv[2]));
  asio::io_context io;
  asio::thread_pool worker{1};
  behalf::server server;
  if (which == "raw") {
    asio::co_spawn(io, raw_server(io, port, how != "untimed", how == "own-head"), asio::detached);
  } else {
    behalf::server_options options;
    options.port = port;
    behalf::server::handler answer = [](behalf::exchange_ptr ex) {
      ex->respond(200, {}, std::string{ok});
    };
    if (how == "hold")
      answer = [](behalf::exchange_ptr ex) {
        ex->begin_stream(200, behalf::sse_headers());
        ex->clear_deadline();
        ex->on_gone([ex] { ex->finish(); });
        ex->every(std::chrono::seconds{5},
                  [ex] { ex->write(std::string{behalf::sse_heartbeat}, {}); });
      };
    if (how == "worker")
      answer = [&worker](behalf::exchange_ptr ex) {
        asio::post(worker, [ex = std::move(ex)] { ex->respond(200, {}, std::string{ok}); });
      };
    const auto started = server.start(io, options, std::move(answer));
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().message.c_str());
      return 1;
    }
  }
  run(io, std::atoi(argv[3]));
  worker.join();
  return 0;
}
