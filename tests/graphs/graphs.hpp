// The graphs that clients' own test suites run against a server, written with the public headers
// alone.
#pragma once

#include "behalf/graph.hpp"

#include <memory>

namespace graphs {

using made = behalf::result<std::shared_ptr<const behalf::graph>>;

made make_agent();
made make_agent_simple();
made make_agent_with_stats();
made make_agent_with_tools();
made make_calls();
made make_create_agent();
made make_delay();
made make_dynamic(const behalf::context& ctx); // a factory
made make_error();
made make_interrupt_graph();
made make_kept();
made make_limited();
made make_nested();
made make_plain_zod_graph();
made make_simple_runtime();
made make_state_schema_graph();
made make_stategraph_text();
made make_sub();
made make_up();
made make_weather();
made make_zod_registry_graph();

// Of probes.cpp.
made make_cfg();
made make_custom();
made make_echo();
made make_err();
made make_fan();
made make_inter();
made make_inter2();
made make_slow();
made make_talk();

} // namespace graphs
