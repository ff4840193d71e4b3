#include "agents/tools/kept_results.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/context.hpp"
#include "runtime/base/log.hpp"

namespace behalf {
namespace {

class mcp_service final : public toolbox {
public:
  using toolbox::toolbox;

  coroutine<result<json::value>> list(context ctx) const override {
    auto reply = co_await ctx.service(name()).list_tools();
    if (!reply)
      co_return reply.error();
    co_return std::move(reply->body);
  }

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    auto request = ctx.service(name()).call_tool(what.tool, what.args);
    auto reply = co_await std::move(request);
    if (!reply)
      co_return failed_call(what, reply.error(), name());
    co_return outcome_of(*reply, what);
  }
};

} // namespace

std::shared_ptr<const toolbox> mcp_toolbox(std::string service) {
  return std::make_shared<mcp_service>(std::move(service));
}

bool refused_access(const error& why, std::string_view service) {
  return why.kind == "needs_auth"
         && (why.message.empty()
             || why.message.starts_with("service '" + std::string(service) + "' refused "));
}

// Without the service's own words: they may repeat the arguments.
json::object failed_call(const requested_call& call, const error& why, std::string_view service) {
  const std::string outcome = !why.kind.empty()            ? why.kind
                              : why.code == errc::timeout  ? "timeout"
                              : why.code == errc::upstream ? "upstream"
                                                           : "refused";
  log::warning("tool_failed", {{"service", service}, {"tool", call.tool}, {"outcome", outcome}});
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

} // namespace behalf
