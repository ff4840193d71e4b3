#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/context.hpp"

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
      co_return failed_call(ctx, what, reply.error(), name());
    co_return outcome_of(*reply, what);
  }
};

} // namespace

std::shared_ptr<const toolbox> mcp_toolbox(std::string service) {
  return std::make_shared<mcp_service>(std::move(service));
}

} // namespace behalf
