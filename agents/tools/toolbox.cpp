#include "agents/tools/toolbox.hpp"

#include "behalf/context.hpp"
#include "behalf/tools.hpp"

namespace behalf {

coroutine<result<json::value>> known_toolbox::list(context) const {
  co_return listed_;
}

json::object listed_tool(const tool_definition& what, const tool_hints& hints) {
  json::object annotations{{"readOnlyHint", hints.read_only},
                           {"destructiveHint", hints.destructive},
                           {"idempotentHint", hints.idempotent},
                           {"openWorldHint", hints.open_world}};
  return {{"name", what.name},
          {"description", what.description},
          {"inputSchema", what.schema},
          {"annotations", std::move(annotations)}};
}

} // namespace behalf
