// The tools that the conformance suite of the Model Context Protocol calls, as far as graphs can be
// them.
#include "behalf/graph.hpp"
#include "behalf/plugin.hpp"

#include <chrono>

using namespace behalf;

namespace {

node_result say(const state_view&, context&) {
  return flow::update{{"text", "This is a simple text response for testing."}};
}

node_result fail_on_purpose(const state_view&, context&) {
  return error{errc::invalid_argument,
               "This tool intentionally returns an error for testing",
               {},
               "ToolError"};
}

coroutine<node_result> tell_progress(state_view, context ctx) {
  for (int progress : {0, 50, 100}) {
    ctx.write({{"progress", progress}, {"total", 100}});
    co_await ctx.sleep(std::chrono::milliseconds(50));
  }
  co_return flow::update{{"text", "done"}};
}

template <class Node>
result<std::shared_ptr<const graph>> tool(const char* name, Node node) {
  graph_builder b{name};
  b.channel("text", flow::last_value());
  b.node("work", node).edge(flow::start, "work").edge("work", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(tool("test_simple_text", say));
  registry.graph(tool("test_error_handling", fail_on_purpose));
  registry.graph(tool("test_tool_with_progress", tell_progress));
}
