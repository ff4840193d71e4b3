#include "connectors/registry.hpp"
#include "secrets/scrubber.hpp"
#include "tests/connectors/scripted_mcp.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const std::string token = "gho_16C7e42F292c6912E771+0c838347";

std::shared_ptr<const text_scrubber> knows_token() {
  return make_scrubber(token)->for_texts();
}

// As an upstream may write it: our own parser restores it.
std::string escaped() {
  std::string out;
  for (char c : token) {
    out += "\\u00";
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string all_of(const result<service_reply>& reply) {
  if (!reply)
    return reply.error().message;
  auto text = dump(reply->body);
  for (const auto& [name, value] : reply->headers)
    text += name + ": " + value + "\n";
  return text;
}

void check_clean(const result<service_reply>& reply) {
  auto text = all_of(reply);
  INFO(text);
  CHECK(text.find(token) == text.npos);
  CHECK(text.find("[redacted]") != text.npos);
}

} // namespace

TEST_CASE("what a connector decodes loses the credential", "[connectors][scrubber]") {
  auto services = service_registry::create({scripted_service(service_type::http)}).value();
  scripted_reply said{200,
                      {{"Content-Type", "application/json"}, {"X-Said", token}},
                      "{\"" + escaped() + "\":[{\"said\":\"" + escaped() + "\"}]}"};
  said.scrub = knows_token();
  scripted_upstream upstream{std::deque<scripted_reply>{said}};
  auto machine =
    services.open(service_call{"up", http_operation{"GET", "/x"}}, scripted_caller()).value();
  auto reply = upstream.run(*machine);
  check_clean(reply);
  CHECK(dump(reply->body) == R"({"[redacted]":[{"said":"[redacted]"}]})");
}

TEST_CASE("so does what an MCP server says, in content and in errors", "[connectors][scrubber]") {
  for (bool as_events : {false, true}) {
    mcp_bench bench;
    bench.server.as_events = as_events;
    bench.server.on_tools = [&](const outbound_call&, const json::object& message) {
      auto name = string_or(object_or_empty(message, "params"), "name");
      auto text = name == "fail" ? dump(rpc_error(message.at("id"), -32000, "bad token @"))
                                 : dump(rpc_result(message.at("id"), text_result("you are @")));
      text.replace(text.find('@'), 1, escaped());
      scripted_reply said{200, {{"Content-Type", "application/json"}}, text};
      if (bench.server.as_events)
        said = {200, {{"Content-Type", "text/event-stream"}}, "data: " + text + "\n\n"};
      if (name == "refuse")
        said = {400, {}, R"({"error":{"code":1,"message":")" + escaped() + "\"}}"};
      said.scrub = knows_token();
      return said;
    };
    for (const char* tool : {"whoami", "fail", "refuse"})
      check_clean(bench.call(tool));
  }
}

TEST_CASE("what a tool reports loses the credential too", "[connectors][scrubber]") {
  mcp_bench bench;
  bench.server.on_tools = [](const outbound_call&, const json::object& message) {
    json::object log{{"jsonrpc", "2.0"},
                     {"method", "notifications/message"},
                     {"params", {{"level", "info"}, {"data", "I was given " + token}}}};
    scripted_reply said{200,
                        {{"Content-Type", "text/event-stream"}},
                        sse_message(log)
                          + sse_message(rpc_result(message.at("id"), text_result("x")))};
    said.scrub = knows_token();
    return said;
  };
  REQUIRE(bench.call("leaky"));
  REQUIRE(bench.emitted.size() == 1);
  CHECK(dump(bench.emitted[0]).find(token) == std::string::npos);
  CHECK(dump(bench.emitted[0]).find("[redacted]") != std::string::npos);
}
