// The agent of the API suites: an echo of two answers, a tool, the store, an interrupt.
#include "tests/graphs/fake_model.hpp"
#include "tests/graphs/graphs.hpp"

#include <chrono>

using namespace behalf;

namespace graphs {
namespace {

// A number of seconds, or {steps, ms}.
coroutine<bool> sleep_as_told(json::value told, context ctx) {
  using std::chrono::milliseconds;
  if (told.is_number())
    co_await ctx.sleep(milliseconds(static_cast<int64_t>(told.to_number<double>() * 1000)));
  if (!told.is_object())
    co_return told.is_number();
  const auto steps = int_or(told.get_object(), "steps");
  for (int64_t step = 0; step < steps; ++step) {
    ctx.write({{"type", "sleep"}, {"step", step}});
    co_await ctx.sleep(milliseconds(int_or(told.get_object(), "ms")));
  }
  co_return true;
}

coroutine<node_result> call_model(state_view state, context ctx) {
  static fake_model model{{"begin", "end"}};
  if (state.flag("interrupt"))
    co_await ctx.interrupt("i want to interrupt");
  const auto* newest = state.last("messages");
  if (newest && string_or(newest->as_object(), "type") == "human")
    co_await sleep_as_told(state["sleep"], ctx);
  auto reply = model.reply(ctx);
  const auto& shared = state["sharedStateFromStoreConfig"];
  if (shared.is_null()) {
    const labels place{"sharedState", "data"};
    json::object user;
    user["id"] = ctx.configurable().at("user_id");
    auto kept = co_await ctx.store().put(place, "user_id", user);
    if (!kept)
      co_return kept.error();
  }
  flow::update out;
  out.set("interrupt", false).set("messages", json::array{reply});
  co_return out;
}

coroutine<node_result> call_tool(state_view state, context ctx) {
  const labels place{"sharedState", "data"};
  auto shared = co_await ctx.store().get(place, "user_id");
  auto answer = tool_message("tool_call__" + text_of(state.last("messages")), "tool_call_id");
  flow::update out;
  out.set("messages", json::array{answer});
  out.set("sharedStateFromStoreConfig", shared ? json::value(shared->value) : json::value(nullptr));
  co_return out;
}

coroutine<node_result> check_shared_state(state_view, context ctx) {
  const labels place{"inputtedState", "data"};
  auto found = co_await ctx.store().get(place, "my_key");
  if (!found || !bool_or(found->value, "isTrue"))
    co_return fail(errc::internal, "Value is not true");
  co_return flow::update{};
}

flow::route after_model(const state_view& state, const context&) {
  const auto& messages = state.list("messages");
  const auto first = messages.empty() ? std::string() : text_of(messages.front());
  if (first == "should_end")
    return flow::end;
  if (first == "___check_state_value")
    return "checkSharedState";
  return text_of(state.last("messages")) == "end" ? flow::route{flow::end} : flow::route{"tool"};
}

coroutine<node_result> call_simple_model(state_view state, context ctx) {
  static fake_model model{{"begin", "end\u2028"}};
  if (const auto* header = member(ctx.configurable(), "x-configurable-header")) {
    auto answer = ai("end: " + std::string(header->as_string()));
    co_return flow::update{{"messages", json::array{answer}}};
  }
  const labels place{std::string(ctx.identity().empty() ? "ALL" : ctx.identity())};
  auto known = co_await ctx.store().get(place, "key_one");
  if (!known) {
    json::object item;
    item["text"] = text_of(state.last("messages"));
    auto kept = co_await ctx.store().put(place, "key_one", item);
    if (!kept)
      co_return kept.error();
  }
  auto reply = model.reply(ctx);
  co_return flow::update{{"messages", json::array{reply}}};
}

// Sent the message alone.
node_result simple_tool(const state_view& state, context&) {
  auto answer = tool_message("tool_call__" + text_of(state.sent()), "tool_call_id");
  return flow::update{{"messages", json::array{answer}}};
}

flow::route after_simple_model(const state_view& state, const context&) {
  const auto* newest = state.last("messages");
  if (text_of(newest).starts_with("end"))
    return flow::end;
  return flow::send{"tool", *newest};
}

json::object either(json::array types) {
  return {{"type", std::move(types)}};
}

} // namespace

made make_agent() {
  graph_builder b{"agent"};
  b.channel("messages", flow::messages());
  for (auto name : {"sharedStateValue", "keyOne", "keyTwo"})
    b.channel(name, flow::last_value(either({"string", "null"})));
  b.channel("sharedStateFromStoreConfig", flow::last_value(either({"object", "null"})));
  b.channel("sleep", flow::last_value(either({"number", "object", "null"})));
  b.channel("interrupt", flow::last_value({{"type", "boolean"}}));
  b.output({"messages", "sharedStateValue", "interrupt", "keyOne", "keyTwo", "sleep"});
  b.config_schema({{"type", "object"}, {"properties", {{"model_name", {{"type", "string"}}}}}});
  b.node("agent", call_model).node("tool", call_tool).node("checkSharedState", check_shared_state);
  b.edge(flow::start, "agent");
  b.conditional("agent", after_model, {"tool", "checkSharedState", flow::end});
  b.edge("tool", "agent").edge("checkSharedState", flow::end);
  return b.build();
}

made make_agent_simple() {
  graph_builder b{"agent_simple"};
  b.channel("messages", flow::messages());
  for (auto name : {"key_one", "key_two", "sleep"})
    b.channel(name, flow::last_value());
  b.node("agent", call_simple_model).node("tool", simple_tool);
  b.edge(flow::start, "agent");
  b.conditional("agent", after_simple_model, {"tool", flow::end});
  b.edge("tool", "agent");
  return b.build();
}

} // namespace graphs
