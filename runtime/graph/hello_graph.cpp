#include "runtime/graph/hello_graph.hpp"

#include "runtime/graph/messages.hpp"

namespace behalf {
namespace {

node_result greet(const state_view&, context& ctx) {
  auto who = ctx.identity().empty() ? std::string("stranger") : std::string(ctx.identity());
  return flow::update{{"messages", ai("hello " + who)}, {"who", who}};
}

} // namespace

result<std::shared_ptr<const graph>> hello_graph() {
  graph_builder b{"hello"};
  b.channel("messages", flow::messages());
  b.channel("who", flow::last_value({{"type", "string"}}));
  b.node("hello", greet);
  b.edge(flow::start, "hello");
  b.edge("hello", flow::end);
  return b.build();
}

} // namespace behalf
