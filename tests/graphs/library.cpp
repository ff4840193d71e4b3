#include "behalf/plugin.hpp"
#include "tests/graphs/graphs.hpp"

BEHALF_PLUGIN(registry) {
  for (auto make : {graphs::make_agent,
                    graphs::make_agent_simple,
                    graphs::make_agent_with_stats,
                    graphs::make_agent_with_tools,
                    graphs::make_create_agent,
                    graphs::make_delay,
                    graphs::make_error,
                    graphs::make_interrupt_graph,
                    graphs::make_nested,
                    graphs::make_plain_zod_graph,
                    graphs::make_simple_runtime,
                    graphs::make_state_schema_graph,
                    graphs::make_stategraph_text,
                    graphs::make_sub,
                    graphs::make_calls,
                    graphs::make_kept,
                    graphs::make_limited,
                    graphs::make_up,
                    graphs::make_weather,
                    graphs::make_zod_registry_graph})
    registry.graph(make());
  for (auto make : {graphs::make_cfg, graphs::make_custom, graphs::make_echo, graphs::make_err,
                    graphs::make_fan, graphs::make_inter, graphs::make_inter2, graphs::make_slow,
                    graphs::make_talk})
    registry.graph(make());
  registry.graph("dynamic", graphs::make_dynamic);
}
