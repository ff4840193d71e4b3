#include "behalf/plugin.hpp"
#include "tests/graphs/graphs.hpp"

BEHALF_PLUGIN(registry) {
  for (auto make :
       {graphs::make_agent, graphs::make_agent_simple, graphs::make_agent_with_stats,
        graphs::make_agent_with_tools, graphs::make_create_agent, graphs::make_delay,
        graphs::make_error, graphs::make_interrupt_graph, graphs::make_nested,
        graphs::make_plain_zod_graph, graphs::make_simple_runtime, graphs::make_state_schema_graph,
        graphs::make_stategraph_text, graphs::make_weather, graphs::make_zod_registry_graph})
    registry.graph(make());
  registry.graph("dynamic", graphs::make_dynamic);
}
