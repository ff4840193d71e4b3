// Passes bytes on, both ways, and does nothing else: what a token costs anything that stands
// between a client and a provider, and is told of each by the kernel.
//   relay <port> <port of the provider>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint local(const char* port) {
  return {asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(std::atoi(port))};
}

struct pair {
  tcp::socket client, provider;
};

struct way {
  std::shared_ptr<pair> both;
  tcp::socket &from, &to;
  char part[4096];
};

void pass_on(std::shared_ptr<way> one) {
  auto room = asio::buffer(one->part);
  one->from.async_read_some(room, [one](error_code ec, std::size_t n) {
    if (ec)
      return one->to.close(ec), void();
    asio::async_write(one->to, asio::buffer(one->part, n), [one](error_code failed, std::size_t) {
      if (!failed)
        pass_on(one);
    });
  });
}

void accept(tcp::acceptor& door, tcp::endpoint provider) {
  door.async_accept([&door, provider](error_code ec, tcp::socket client) {
    if (ec)
      return;
    auto both = std::make_shared<pair>(pair{std::move(client), tcp::socket{door.get_executor()}});
    both->provider.connect(provider, ec);
    if (!ec) {
      both->client.set_option(tcp::no_delay{true}, ec);
      both->provider.set_option(tcp::no_delay{true}, ec);
      pass_on(std::shared_ptr<way>(new way{both, both->client, both->provider, {}}));
      pass_on(std::shared_ptr<way>(new way{both, both->provider, both->client, {}}));
    }
    accept(door, provider);
  });
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: relay <port> <port of the provider>\n", stderr);
    return 2;
  }
  asio::io_context io{1};
  asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([&](auto, int) { io.stop(); });
  tcp::acceptor door{io, local(argv[1])};
  door.listen(4096);
  std::printf("%d\n", door.local_endpoint().port());
  std::fflush(stdout);
  accept(door, local(argv[2]));
  io.run();
  return 0;
}
