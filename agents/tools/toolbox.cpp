#include "agents/tools/toolbox.hpp"

#include "agents/tools/results.hpp"
#include "behalf/context.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/log.hpp"

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

bool refused_access(const error& why, std::string_view service) {
  return why.kind == "needs_auth"
         && (why.message.empty()
             || why.message.starts_with("service '" + std::string(service) + "' refused "));
}

// Without the service's own words: they may repeat the arguments.
json::object failed_call(const context& ctx, const requested_call& call, const error& why,
                         std::string_view service) {
  const std::string outcome = !why.kind.empty()            ? why.kind
                              : why.code == errc::timeout  ? "timeout"
                              : why.code == errc::upstream ? "upstream"
                                                           : "refused";
  log_tool_failed(ctx, service, call.tool, outcome);
  auto told = "Error: '" + std::string(service) + "' ";
  if (refused_access(why, service))
    told += "refused access: a credential that is stored may be wrong, expired or not enough.";
  else if (why.kind == "needs_auth")
    told = "Error: the user has not given access to '" + std::string(service) + "'.";
  else if (why.code == errc::timeout)
    told +=
      "did not answer in time. Whether the call was made is unknown. Find out before you call "
      "the tool once more.";
  else // where it is concerns the operator
    told += "could not do it: "
            + (why.message.find("://") == std::string::npos
                 ? why.message
                 : "it cannot be reached, or broke off in its answer. Whether the call was made is "
                   "unknown");
  return tool_error(call.id, call.name, told);
}

json::object unknown_call(const context& ctx, const requested_call& call,
                          std::string_view service) {
  log_tool_failed(ctx, service, call.tool, "unknown");
  return tool_error(call.id, call.name, unknown_outcome);
}

void log_tool_failed(const context& ctx, std::string_view service, std::string_view tool,
                     std::string_view outcome) {
  log::warning(
    "tool_failed",
    {{"service", service}, {"tool", tool}, {"outcome", outcome}, {"run_id", ctx.run_id()}});
}

} // namespace behalf
