// Load on anything that streams tokens: clients that post one request again and again and read the
// answer as it comes. One thread; prints one JSON object.
//   stream_load <port> <path> <clients> <seconds> <body file> [header line]… [--hold] [--slow <n>]
// A token is "tok " in the answer's bytes, its end what ends a chunked body. With --hold every
// client posts once; what is counted are the tokens of <seconds>, from when all of them have had
// their first. At most n requests a second are begun with --slow.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ticks = std::chrono::steady_clock;

constexpr std::string_view token = "tok ", ending = "\r\n0\r\n\r\n";

double ms_since(ticks::time_point begun) {
  return std::chrono::duration<double, std::milli>(ticks::now() - begun).count();
}

struct figures {
  bool counts = false; // the time that is measured has begun
  long long tokens = 0, bytes = 0, answers = 0, failed = 0, begun = 0;
  std::vector<double> first_ms, whole_ms;
};

class reader : public std::enable_shared_from_this<reader> {
public:
  reader(asio::io_context& io, tcp::endpoint to, const std::string& request, figures& to_tell,
         bool once)
    : socket_(io), to_(to), request_(request), told_(to_tell), once_(once) {}

  void begin() {
    error_code ec;
    socket_ = tcp::socket{socket_.get_executor()};
    socket_.connect(to_, ec);
    if (ec) {
      ++told_.failed;
      return;
    }
    socket_.set_option(tcp::no_delay{true});
    post();
  }

private:
  void post() {
    begun_ = ticks::now();
    tokens_ = 0;
    seen_.clear();
    asio::async_write(socket_, asio::buffer(request_),
                      [self = shared_from_this()](error_code ec, std::size_t) {
                        if (!ec)
                          self->read();
                      });
  }

  void read() {
    auto more = asio::buffer(in_, sizeof in_);
    socket_.async_read_some(more, [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec)
        ++self->told_.failed;
      else
        self->take({self->in_, n});
    });
  }

  void take(std::string_view more) {
    const bool head = seen_.empty() && tokens_ == 0;
    if (head && !more.starts_with("HTTP/1.1 200")) {
      if (++told_.failed == 1)
        std::fprintf(stderr, "%.*s\n", static_cast<int>(more.size()), more.data());
      return;
    }
    seen_ += more;
    long long now = 0;
    std::size_t at = 0;
    for (; (at = seen_.find(token, at)) != seen_.npos; at += token.size(), end_ = at)
      ++now;
    const bool over = seen_.ends_with(ending);
    seen_.erase(0, std::max(end_, seen_.size() - std::min(seen_.size(), ending.size())));
    end_ = 0;
    if (told_.counts) {
      told_.tokens += now;
      told_.bytes += static_cast<long long>(more.size());
    }
    if (tokens_ == 0 && now > 0) {
      ++told_.begun;
      if (told_.counts || once_)
        told_.first_ms.push_back(ms_since(begun_));
    }
    tokens_ += now;
    if (!over)
      return read();
    if (told_.counts) {
      ++told_.answers;
      told_.whole_ms.push_back(ms_since(begun_));
    }
    if (!once_)
      post();
  }

  tcp::socket socket_;
  const tcp::endpoint to_;
  const std::string& request_;
  figures& told_;
  const bool once_;
  ticks::time_point begun_;
  long long tokens_ = 0; // of this answer
  std::string seen_;     // what a token or the end may have begun with
  std::size_t end_ = 0;
  char in_[16384];
};

double share(std::vector<double>& all, double part) {
  if (all.empty())
    return 0;
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1,
                      static_cast<std::size_t>(part * static_cast<double>(all.size())))];
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fputs("usage: stream_load <port> <path> <clients> <seconds> <body file> [header line]…\n",
               stderr);
    return 2;
  }
  const int clients = std::atoi(argv[3]);
  const auto time = std::chrono::milliseconds{static_cast<int>(std::atof(argv[4]) * 1000)};
  std::ifstream file(argv[5]);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  std::string request = "POST " + std::string(argv[2]) + " HTTP/1.1\r\nHost: localhost\r\n";
  bool hold = false;
  int slow = 1'000'000;
  for (int i = 6; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--hold")
      hold = true;
    else if (std::string_view(argv[i]) == "--slow")
      slow = std::atoi(argv[++i]);
    else
      request += argv[i] + std::string("\r\n");
  }
  request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size())
             + "\r\n\r\n" + body;

  asio::io_context io{1};
  figures told;
  const tcp::endpoint to{asio::ip::make_address("127.0.0.1"),
                         static_cast<uint16_t>(std::atoi(argv[1]))};
  std::vector<std::shared_ptr<reader>> readers;
  asio::steady_timer pace{io}, end{io};
  ticks::time_point counted_from;
  const auto count = [&] {
    told.counts = true;
    counted_from = ticks::now();
    std::fputs("counting\n", stderr);
    end.expires_after(time);
    end.async_wait([&](error_code) { io.stop(); });
  };
  const auto begun_at = ticks::now();
  std::function<void()> begin = [&] {
    const auto due = static_cast<std::size_t>(1 + ms_since(begun_at) * slow / 1000);
    while (readers.size() < std::min<std::size_t>(due, static_cast<std::size_t>(clients))) {
      readers.push_back(std::make_shared<reader>(io, to, request, told, hold));
      readers.back()->begin();
    }
    const bool all =
      readers.size() == static_cast<std::size_t>(clients)
      && (!hold || told.begun + told.failed >= clients || ms_since(begun_at) > 60'000);
    if (all)
      return count();
    pace.expires_after(std::chrono::milliseconds{1});
    pace.async_wait([&](error_code) { begin(); });
  };
  begin();
  io.run();
  const double seconds = ms_since(counted_from) / 1000;
  std::printf("{\"seconds\": %.3f, \"tokens\": %lld, \"bytes\": %lld, \"answers\": %lld, "
              "\"begun\": %lld, \"failed\": %lld, \"first_p50\": %.3f, \"first_p99\": %.3f, "
              "\"whole_p50\": %.3f, \"whole_p99\": %.3f}\n",
              seconds, told.tokens, told.bytes, told.answers, told.begun, told.failed,
              share(told.first_ms, .5), share(told.first_ms, .99), share(told.whole_ms, .5),
              share(told.whole_ms, .99));
  return 0;
}
