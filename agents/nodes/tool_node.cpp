// The node of behalf/tools.hpp: functions of this program alone, for graphs that people write.
#include "agents/nodes/agent_state.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/results.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>

namespace behalf {
namespace {

struct function_calls {
  std::vector<tool_definition> told;
  std::shared_ptr<const toolbox> box;
};

coroutine<json::object> answer_call(context ctx, const function_calls& functions,
                                    json::object call) {
  const std::string name{string_or(call, "name")};
  requested_call what{std::string(string_or(call, "id")), name, name,
                      object_or_empty(call, "args")};
  const auto one = std::find_if(functions.told.begin(), functions.told.end(),
                                [&](const auto& each) { return each.name == name; });
  if (one == functions.told.end())
    co_return tool_error(what.id, name, "Error: " + name + " is not a valid tool.");
  if (auto wrong = wrong_arguments(one->schema, call))
    co_return tool_error(what.id, name, *wrong);
  auto under_way = functions.box->call(std::move(ctx), std::move(what));
  auto became = co_await std::move(under_way);
  co_return std::move(became.message);
}

coroutine<node_result> answer_open_calls(state_view state, context ctx,
                                         std::shared_ptr<const function_calls> functions) {
  std::vector<coroutine<json::object>> calls;
  for (auto& call : open_calls(state))
    calls.push_back(answer_call(ctx, *functions, std::move(call)));
  auto answers = co_await when_all(std::move(calls));
  json::array messages;
  for (auto& one : answers)
    messages.push_back(std::move(one));
  co_return flow::update{{"messages", std::move(messages)}};
}

} // namespace

node_coroutine_fn tool_node(std::vector<function_tool> tools) {
  auto told = definitions_of(tools);
  auto kept = std::make_shared<const function_calls>(
    function_calls{std::move(told), function_toolbox(std::move(tools))});
  return
    [kept](const state_view& state, context& ctx) { return answer_open_calls(state, ctx, kept); };
}

} // namespace behalf
