// Whatever an MCP server sends, a call on it and listening to it end, and ask for nothing out of
// turn.
#include "connectors/mcp_listener.hpp"
#include "connectors/registry.hpp"
#include "fuzz/fuzz.hpp"

using namespace behalf;

namespace {

service_registry make_services() {
  service_options one;
  one.name = "up";
  one.type = service_type::mcp;
  one.url = "https://up.example.com/mcp";
  one.max_reply_bytes = 1 << 16;
  return service_registry::create({one}).value();
}

outbound_reply reply_from(FuzzedDataProvider& in, bool stream) {
  static const std::vector<std::string> types{"application/json", "text/event-stream", "text/plain",
                                              "application/json; charset=utf-8"};
  static const std::vector<unsigned> statuses{200, 202, 204, 400, 401, 403, 404, 429, 500};
  outbound_reply r;
  r.status =
    in.PickValueInArray({200u, 200u, 200u, 202u, 204u, 400u, 401u, 403u, 404u, 429u, 500u});
  r.headers.emplace_back("Content-Type",
                         types[in.ConsumeIntegralInRange<std::size_t>(0, types.size() - 1)]);
  if (in.ConsumeBool())
    r.headers.emplace_back("Mcp-Session-Id", in.ConsumeRandomLengthString(8));
  if (in.ConsumeBool())
    r.headers.emplace_back("Retry-After", in.ConsumeRandomLengthString(8));
  if (stream)
    r.stream_id = 7;
  else
    r.body = in.ConsumeRandomLengthString(256);
  return r;
}

// Often what a server would say, with the id it was asked with, so that calls get far.
std::string body_from(FuzzedDataProvider& in, const std::string& asked) {
  if (in.ConsumeBool())
    return in.ConsumeRandomLengthString(256);
  auto parsed = parse_json(asked);
  const auto* id = parsed ? member(*parsed, "id") : nullptr;
  auto text = id ? dump(*id) : "1";
  switch (in.ConsumeIntegralInRange(0, 3)) {
  case 0:
    return R"({"jsonrpc":"2.0","id":)" + text
           + R"(,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
             R"("serverInfo":{"name":"x"}}})";
  case 1:
    return R"({"jsonrpc":"2.0","id":)" + text
           + R"(,"result":{"tools":[{"name":"a"}],"nextCursor":")"
           + std::to_string(in.ConsumeIntegral<uint8_t>()) + R"("}})";
  case 2:
    return R"({"jsonrpc":"2.0","id":9,"method":"ping"})";
  default:
    return R"({"jsonrpc":"2.0","id":)" + text + R"(,"error":{"code":-32000,"message":")"
           + std::to_string(in.ConsumeIntegral<uint8_t>()) + R"("}})";
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const auto services = make_services();
  FuzzedDataProvider in{data, size};
  service_call what{"up", in.ConsumeBool()
                            ? decltype(service_call::operation){list_tools_operation{}}
                            : call_tool_operation{"a", {}}};
  caller by;
  by.who.subject = std::to_string(in.ConsumeIntegralInRange(0, 1));
  auto machine = services.open(std::move(what), std::move(by)).value();
  if (in.ConsumeIntegralInRange(0, 3) == 0)
    machine = std::make_unique<mcp_listener>(services.find("up"), mcp_session{"s", "2025-03-26"});
  std::string asked;
  auto next = machine->start();
  bool open = false;
  for (int steps = 0; !std::holds_alternative<connector::done>(next); ++steps) {
    fuzz::require(steps < 20'000, "a call ends");
    if (auto* call = std::get_if<outbound_call>(&next)) {
      asked = call->body;
      if (in.ConsumeBool() || in.remaining_bytes() == 0) {
        open = open || call->stream;
        next = in.remaining_bytes() == 0 ? machine->resume(fail(errc::upstream, "gone"))
                                         : machine->resume(reply_from(in, call->stream));
      } else {
        next = machine->resume(fail(errc::timeout, "late"));
      }
    } else if (std::holds_alternative<connector::pull_chunk>(next)) {
      fuzz::require(open, "only an open stream is read");
      outbound_chunk chunk;
      chunk.bytes = body_from(in, asked);
      if (in.ConsumeBool())
        chunk.bytes = "data: " + chunk.bytes + "\n\n";
      chunk.last = in.ConsumeBool() || in.remaining_bytes() == 0;
      next = machine->resume_chunk(std::move(chunk));
    } else {
      next = machine->proceed();
    }
  }
  return 0;
}
