// Graphs that take their time, and then end well or badly.
#include "tests/graphs/graphs.hpp"

#include <thread>

using namespace behalf;

namespace graphs {
namespace {

using std::chrono::milliseconds;

node_result fail_after_a_second(const state_view&, context&) {
  std::this_thread::sleep_for(milliseconds(1000));
  return error{errc::internal, "Boo!", {}, "CustomError"};
}

node_result run_long(const state_view& state, context&) {
  const auto delay = state.number("delay");
  std::this_thread::sleep_for(milliseconds(delay));
  return flow::update{{"messages", ai("finished after " + std::to_string(delay) + "ms")}};
}

made waiting(graph_builder& b, const char* name, node_fn body) {
  b.channel("messages", flow::messages());
  b.node(name, std::move(body), {.blocking = true});
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
