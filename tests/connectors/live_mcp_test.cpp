// The MCP connector on a real server, by the real client. Hidden: it needs a server, named by
// BEHALF_TEST_MCP_URL, such as the official everything server:
//   BEHALF_TEST_MCP_URL=http://127.0.0.1:3001/mcp unit_tests "[live]"
// A server that wants a user's token gets BEHALF_TEST_MCP_TOKEN; then "[live][connections]" alone.
#include "connectors/registry.hpp"
#include "runtime/http/client.hpp"
#include "tests/support/client_fixture.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <future>
#include <optional>
#include <thread>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

class live_upstream {
public:
  explicit live_upstream(service_options service, client_options options = {})
    : services_(service_registry::create({std::move(service)}).value()),
      work_(boost::asio::make_work_guard(io_)), thread_([this] { io_.run(); }),
      client_(client::create(io_, std::move(options)).value()) {}
  ~live_upstream() {
    client_.reset();
    work_.reset();
    thread_.join();
  }

  result<service_reply> run(service_call call, const principal_key& who) {
    calls = 0;
    auto machine = services_.open(std::move(call), {who, {}}).value();
    auto next = machine->start();
    while (!std::holds_alternative<connector::done>(next)) {
      if (auto* out = std::get_if<outbound_call>(&next))
        next = machine->resume(send(std::move(*out), who));
      else if (auto* pull = std::get_if<connector::pull_chunk>(&next))
        next = machine->resume_chunk(read(pull->stream_id));
      else if (auto* close = std::get_if<connector::close_stream>(&next)) {
        client_->close(close->stream_id);
        next = machine->proceed();
      } else {
        std::this_thread::sleep_for(std::get<connector::pause>(next).time); // as the server asked
        next = machine->proceed();
      }
    }
    return std::move(std::get<connector::done>(next).reply);
  }

  int calls = 0; // of the last run

  client_figures figures() const { return client_->figures(); }

private:
  static deadline soon() { return std::chrono::steady_clock::now() + 20s; }

  result<outbound_reply> send(outbound_call call, const principal_key& who) {
    ++calls;
    std::promise<result<outbound_reply>> answer;
    wire_request request;
    request.pool_key = who.text() + call.service;
    request.policy = services_.policy(call.service);
    request.call = std::move(call);
    if (const char* token = std::getenv("BEHALF_TEST_MCP_TOKEN"))
      request.credential = std::make_shared<testing::bearer_writer>(token);
    client_->start(std::move(request), soon(), [&](auto reply) { answer.set_value(reply); });
    return answer.get_future().get();
  }
  result<outbound_chunk> read(uint64_t stream_id) {
    std::promise<result<outbound_chunk>> answer;
    client_->read_chunk(stream_id, soon(), [&](auto chunk) { answer.set_value(chunk); });
    return answer.get_future().get();
  }

  service_registry services_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
  std::unique_ptr<client> client_;
};

service_options live_service(const char* url) {
  service_options service;
  service.name = "everything";
  service.type = service_type::mcp;
  service.url = url;
  service.allow_private = service.allow_http = true;
  return service;
}

} // namespace

TEST_CASE("the everything server lists and runs its tools", "[.][live]") {
  const char* url = std::getenv("BEHALF_TEST_MCP_URL");
  REQUIRE(url != nullptr);
  live_upstream upstream{live_service(url)};
  const principal_key alice{"t", "i", "alice"}, bob{"t", "i", "bob"};

  const auto tools = upstream.run({"everything", list_tools_operation{}}, alice);
  REQUIRE(tools);
  CHECK(tools->body.at("tools").as_array().size() >= 5);
  CHECK(upstream.calls == 3);

  const auto echo =
    upstream.run({"everything", call_tool_operation{"echo", {{"message", "hi"}}}}, alice);
  REQUIRE(echo);
  CHECK(echo->body.at("content").at(0).at("text") == "Echo: hi");
  CHECK(upstream.calls == 1); // the session is kept

  const auto other =
    upstream.run({"everything", call_tool_operation{"echo", {{"message", "bob"}}}}, bob);
  REQUIRE(other);
  CHECK(upstream.calls == 3); // not by another user

  call_tool_operation slow{"trigger-long-running-operation", {{"duration", 1}, {"steps", 3}}};
  const auto after = upstream.run({"everything", slow}, alice);
  REQUIRE(after);
  CHECK_FALSE(after->body.as_object().contains("isError"));

  const auto unknown = upstream.run({"everything", call_tool_operation{"nope"}}, alice);
  REQUIRE(unknown); // this server answers with a failed result, not a protocol error
  CHECK(unknown->body.at("isError") == true);
}

TEST_CASE("calls of one user share connections although streams end late",
          "[.][live][connections]") {
  const char* url = std::getenv("BEHALF_TEST_MCP_URL");
  REQUIRE(url != nullptr);
  const principal_key alice{"t", "i", "alice"};
  constexpr int calls = 300;
  uint64_t opened[2];
  for (int patient : {0, 1}) {
    client_options options;
    if (patient == 0)
      options.linger = 0ms;
    live_upstream upstream{live_service(url), options};
    for (int i = 0; i < calls; ++i)
      REQUIRE(upstream.run({"everything", list_tools_operation{}}, alice));
    opened[patient] = upstream.figures().opened;
  }
  WARN("connections for " << calls << " calls: " << opened[0] << " without linger, " << opened[1]
                          << " with");
  CHECK(opened[1] <= calls / 20);
}
