// Graphs that take their time, and then end well or badly.
#include "tests/graphs/graphs.hpp"

#include <chrono>

using namespace behalf;

namespace graphs {
namespace {

using std::chrono::milliseconds;

coroutine<node_result> fail_after_a_second(state_view, context ctx) {
  co_await ctx.sleep(milliseconds(1000));
  co_return error{errc::internal, "Boo!", {}, "CustomError"};
}

coroutine<node_result> run_long(state_view state, context ctx) {
  const auto delay = state.number("delay");
  co_await ctx.sleep(milliseconds(delay));
  co_return flow::update{{"messages", ai("finished after " + std::to_string(delay) + "ms")}};
}

made waiting(graph_builder& b, const char* name, node_coroutine_fn body) {
  b.channel("messages", flow::messages());
  b.node(name, std::move(body));
  b.edge(flow::start, name).edge(name, flow::end);
  return b.build();
}

} // namespace

made make_error() {
  graph_builder b{"error"};
  return waiting(b, "single_node", fail_after_a_second);
}

made make_delay() {
  graph_builder b{"delay"};
  b.channel("delay", flow::last_value({{"type", "integer"}}));
  return waiting(b, "long_running", run_long);
}

} // namespace graphs
