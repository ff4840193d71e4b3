// Calls to the outside, asked of an actor.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "runtime/http/client.hpp"
#include "runtime/net/url.hpp"
#include "tests/support/actor_fixture.hpp"

#include <boost/asio/io_context.hpp>

using namespace behalf;

TEST_CASE_METHOD(actor_fixture, "calls under way at a stop are answered", "[http]") {
  boost::asio::io_context io; // does not run: nothing is ever called
  auto door = own(outside::spawn_http_client(sys, client::create(io, {}).value()));
  auto request = std::make_shared<wire_request>();
  request->call.service = "mail";
  request->call.url = "https://mail.example.com/";
  request->policy.allowed.push_back(parse_origin(request->call.url).value());
  auto answer = ask_later<outbound_reply>(door, wire_call{request, deadline::max()});
  CHECK_FALSE(answer());
  self->send_exit(door, caf::exit_reason::user_shutdown);
  sched.run();
  REQUIRE(answer());
  CHECK(answer()->error().code == errc::overloaded);
  CHECK(answer()->error().message == "the server is stopping");
}
