#include "actors/listen_address.hpp"

#include "runtime/net/url.hpp"

#include <boost/asio/ip/address.hpp>

namespace behalf {

result<void> check_listen_address(const std::string& address, bool identity) {
  boost::system::error_code ec;
  auto ip = boost::asio::ip::make_address(listen_address(address), ec);
  if (ec)
    return fail(errc::invalid_argument,
                "server.listen: '" + address + "' is no IP address; host names are not looked up");
  if (!identity && !ip.is_loopback())
    return fail(errc::invalid_argument,
                "server.listen: without an identity section, or a plugin with an authenticate "
                "handler, the server serves this machine only: listen on 127.0.0.1, or configure "
                "who may come in");
  return {};
}

} // namespace behalf
