// @NAME@: notes down what its user says, once the user agrees. A tool call, and an interrupt.
#include <behalf/plugin.hpp>
#include <string>

using namespace behalf;

namespace {

// Stands where a model would be: it wants the tool `add_note` called.
node_result plan(const state_view& state, context&) {
  const auto* newest = state.last("messages");
  json::object arguments;
  arguments["text"] = newest ? string_or(newest->as_object(), "content") : "";
  json::object call{{"id", "call-1"}, {"name", "add_note"}, {"args", arguments}};
  json::object message{{"type", "ai"}, {"content", ""}, {"tool_calls", json::array{call}}};
  return flow::update{{"messages", message}};
}

json::object call_of(const state_view& state) {
  return state.last("messages")->at("tool_calls").at(0).as_object();
}

// Stops until the user has answered; then runs again from its top.
node_result approve(const state_view& state, context& ctx) {
  const auto* answer = ctx.answer();
  if (!answer)
    return flow::interrupt{
      json::object{{"question", "Shall I note this down?"}, {"call", call_of(state)}}};
  return flow::update{{"approved", *answer == true}};
}

flow::route approved(const state_view& state, const context&) {
  return state.flag("approved") ? "add_note" : "decline";
}

// The tool: puts the note into the user's part of the store. A call on a service of the
// configuration, made as the user, would be `co_await ctx.service("mail").call_tool(…)`.
task<node_result> add_note(state_view state, context ctx) {
  auto call = call_of(state);
  std::string user(ctx.identity().empty() ? "everybody" : ctx.identity());
  store_client::labels notes{user, "notes"};
  auto note = call.at("args").as_object();
  auto kept = co_await ctx.store().put(notes, ctx.run_id(), note);
  if (!kept)
    co_return kept.error();
  json::object result{
    {"type", "tool"}, {"name", "add_note"}, {"tool_call_id", call.at("id")}, {"content", "noted"}};
  json::array messages{result, flow::ai_message("I have noted it down.")};
  flow::update out;
  out.set("messages", messages);
  co_return out;
}

node_result decline(const state_view&, context&) {
  return flow::update{{"messages", flow::ai_message("I have left it.")}};
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
