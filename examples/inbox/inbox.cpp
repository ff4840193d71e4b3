// An agent that works through its user's mail. It lists the unread messages by MCP, sums them up,
// asks for approval, and marks them done by the HTTP API: each call as the user who runs it.
#include <behalf/plugin.hpp>

using namespace behalf;

namespace {

coroutine<node_result> fetch(state_view, context ctx) {
  auto reply = co_await ctx.service("mail").call_tool("list_unread");
  if (!reply)
    co_return reply.error();
  auto found = tool_result(*reply);
  const auto* messages = member(found, "messages");
  ctx.write({{"step", "fetched"}, {"as", ctx.identity()}, {"receipt", reply->receipt}});
  co_return flow::update{{"unread", messages ? *messages : json::value(list())}};
}

node_result summarise(const state_view& state, context& ctx) {
  const auto& unread = state.list("unread");
  std::string text =
    std::string(ctx.identity()) + " has " + std::to_string(unread.size()) + " unread messages";
  for (const auto& message : unread) {
    const auto& m = message.as_object();
    text += "\n- " + std::string(string_or(m, "subject")) + " (from "
            + std::string(string_or(m, "from")) + ")";
  }
  return flow::update{{"summary", text}, {"messages", list(ai(text))}};
}

flow::route anything_to_do(const state_view& state, const context&) {
  return state.list("unread").empty() ? flow::end : "approve";
}

coroutine<node_result> approve(state_view state, context ctx) {
  auto answer = co_await ctx.interrupt(
    {{"question", "Mark these messages as done?"}, {"summary", state["summary"]}});
  co_return flow::update{{"approved", answer == json::value(true) || answer == "yes"}};
}

coroutine<node_result> mark_done(state_view state, context ctx) {
  if (!state.flag("approved"))
    co_return flow::update{{"messages", list(ai("Left everything as it was."))}};
  std::vector<service_request> calls;
  for (const auto& message : state.list("unread")) {
    auto id = std::string(string_or(message.as_object(), "id"));
    calls.push_back(ctx.service("mail-api").post("/api/messages/" + id + "/done", nullptr));
  }
  json::array receipts;
  for (auto& reply : co_await when_all(std::move(calls), 4)) {
    if (!reply)
      co_return reply.error();
    if (reply->status != 200)
      co_return fail(errc::upstream, "mail-api answered " + std::to_string(reply->status));
    receipts.push_back(reply->receipt);
  }
  auto done = receipts.size();
  ctx.write({{"step", "marked"}, {"as", ctx.identity()}, {"receipts", receipts}});
  co_return flow::update{
    {"done", done},
    {"messages", list(ai("Marked " + std::to_string(done) + " messages as done."))}};
}

result<std::shared_ptr<const graph>> inbox() {
  graph_builder b{"inbox"};
  b.channel("messages", flow::messages());
  for (const auto* name : {"unread", "summary", "approved", "done"})
    b.channel(name, flow::last_value());
  b.node("fetch", fetch);
  b.node("summarise", summarise);
  b.node("approve", approve);
  b.node("mark_done", mark_done);
  b.edge(flow::start, "fetch");
  b.edge("fetch", "summarise");
  b.conditional("summarise", anything_to_do, {"approve", flow::end});
  b.edge("approve", "mark_done");
  b.edge("mark_done", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(inbox(), "Reads your mail, asks, and marks it done");
}
