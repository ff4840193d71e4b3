// @NAME@: notes down what its user says, once the user agrees. A tool call, and an interrupt.
#include <behalf/plugin.hpp>
#include <string>

using namespace behalf;

namespace {

// Stands where a model would be: it wants the tool `add_note` called.
node_result plan(const state_view& state, context&) {
  auto call = tool_call("call-1", "add_note", {{"text", text_of(state.last("messages"))}});
  return flow::update{{"messages", ai("", list(call))}};
}

json::object call_of(const state_view& state) {
  return state.last("messages")->at("tool_calls").at(0).as_object();
}

// Stops until the user has answered; then runs again from its top.
coroutine<node_result> approve(state_view state, context ctx) {
  auto answer =
    co_await ctx.interrupt({{"question", "Shall I note this down?"}, {"call", call_of(state)}});
  co_return flow::update{{"approved", answer == json::value(true)}};
}

flow::route approved(const state_view& state, const context&) {
  return state.flag("approved") ? "add_note" : "decline";
}

// The tool: puts the note into the user's part of the store. A call on a service of the
// configuration, made as the user, would be `co_await ctx.service("mail").call_tool(…)`.
coroutine<node_result> add_note(state_view state, context ctx) {
  auto call = call_of(state);
  std::string user(ctx.identity().empty() ? "everybody" : ctx.identity());
  auto note = call.at("args").as_object();
  auto kept = co_await ctx.store().put({user, "notes"}, ctx.run_id(), note);
  if (!kept)
    co_return kept.error();
  auto id = std::string(string_or(call, "id"));
  co_return flow::update{
    {"messages", list(tool_message("noted", id), ai("I have noted it down."))}};
}

node_result decline(const state_view&, context&) {
  return flow::update{{"messages", ai("I have left it.")}};
}

result<std::shared_ptr<const graph>> make_graph() {
  graph_builder b{"@NAME@"};
  b.channel("messages", flow::messages());
  b.channel("approved", flow::last_value());
  b.node("plan", plan).node("approve", approve);
  b.node("add_note", add_note).node("decline", decline);
  b.edge(flow::start, "plan").edge("plan", "approve");
  b.conditional("approve", approved, {"add_note", "decline"});
  b.edge("add_note", flow::end).edge("decline", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(make_graph(), "Notes down what you say, once you agree");
}
