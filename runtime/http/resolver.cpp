#include "runtime/http/resolver.hpp"

#include <boost/asio/post.hpp>

#include <netdb.h>
#include <sys/socket.h>

namespace behalf {

namespace asio = boost::asio;

namespace {

result<address_list> parse(const std::vector<std::string>& texts) {
  address_list out;
  for (const auto& text : texts) {
    boost::system::error_code ec;
    auto address = asio::ip::make_address(text, ec);
    if (ec)
      return fail(errc::upstream, "the resolver answered with something that is no address");
    out.push_back(address);
  }
  return out;
}

// A resolver given by the caller may throw; that must not end the process.
result<address_list> ask_contained(const resolve_function& ask, const std::string& host) {
  try {
    auto texts = ask(host);
    if (!texts)
      return texts.error();
    return parse(*texts);
  } catch (const std::exception&) {
    return fail(errc::internal, "the resolver failed");
  }
}

} // namespace

result<std::vector<std::string>> system_resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0)
    return fail(errc::upstream, ::gai_strerror(code));
  std::vector<std::string> out;
  for (auto* at = list; at; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST)
        == 0)
      out.emplace_back(text);
  }
  ::freeaddrinfo(list);
  return out;
}

resolver::resolver(std::size_t threads, resolve_function ask)
  : ask_(ask ? std::move(ask) : resolve_function{system_resolve}), threads_(threads) {}

std::shared_ptr<name_lookup> resolver::begin(std::string host, asio::any_io_executor strand) {
  auto lookup = std::make_shared<name_lookup>(strand);
  lookup->signal.expires_at(asio::steady_timer::time_point::max());
  asio::post(threads_, [lookup, strand, host = std::move(host), ask = ask_] {
    auto answer = ask_contained(ask, host);
    asio::post(strand, [lookup, answer = std::move(answer)]() mutable {
      lookup->answer = std::move(answer);
      lookup->signal.cancel();
    });
  });
  return lookup;
}

void resolver::stop() {
  threads_.stop();
  threads_.join();
}

} // namespace behalf
