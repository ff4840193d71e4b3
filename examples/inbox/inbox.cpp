// An agent that works through its user's mail. It lists the unread messages by MCP, sums them up,
// asks for approval, and marks them done by the HTTP API: each call as the user who runs it.
#include "behalf/plugin.hpp"

#include <string>

using namespace behalf;

namespace {

json::object ai(std::string text) {
  return {{"type", "ai"}, {"content", std::move(text)}};
}

// The structured result of a tool, or the JSON in its first text part.
json::value result_of(const service_reply& reply) {
  const auto& body = reply.body;
  if (const auto* structured = member(body, "structuredContent");
      structured && !structured->is_null())
    return *structured;
  const auto* content = member(body, "content");
  if (!content || !content->is_array() || content->get_array().empty())
    return nullptr;
  const auto* text = member(content->get_array().front(), "text");
  if (!text || !text->is_string())
    return nullptr;
  auto parsed = parse_json({text->get_string().data(), text->get_string().size()});
  return parsed ? *parsed : json::value(nullptr);
}

task<node_result> fetch(state_view, context ctx) {
  auto mail = ctx.service("mail");
  auto reply = co_await mail.call_tool("list_unread");
  if (!reply)
    co_return reply.error();
  auto listed = result_of(*reply);
  const auto* messages = member(listed, "messages");
  flow::update out;
  out.set("unread", messages && messages->is_array() ? *messages : json::value(json::array{}));
  auto note =
    json::object{{"step", "fetched"}, {"as", ctx.identity()}, {"receipt", reply->receipt}};
  ctx.write(std::move(note));
  co_return out;
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
  flow::update out;
  out.set("summary", json::value(text));
  out.set("messages", json::array{ai(text)});
  return out;
}

flow::route anything_to_do(const state_view& state, const context&) {
  return state.list("unread").empty() ? flow::route{flow::end} : flow::route{"approve"};
}

node_result approve(const state_view& state, context& ctx) {
  const auto* answer = ctx.answer();
  if (!answer)
    return flow::interrupt{
      json::object{{"question", "Mark these messages as done?"}, {"summary", state["summary"]}}};
  auto yes = (answer->is_bool() && answer->get_bool()) || *answer == "yes";
  return flow::update{{{"approved", yes}}};
}

task<node_result> mark_done(state_view state, context ctx) {
  flow::update out;
  if (!state.flag("approved")) {
    out.set("messages", json::array{ai("Left everything as it was.")});
    co_return out;
  }
  auto mail_api = ctx.service("mail-api");
  int64_t done = 0;
  json::array receipts;
  for (const auto& message : state.list("unread")) {
    auto id = std::string(string_or(message.as_object(), "id"));
    auto path = "/api/messages/" + id + "/done";
    auto reply = co_await mail_api.post(path, nullptr);
    if (!reply)
      co_return reply.error();
    if (reply->status != 200)
      co_return fail(errc::upstream, "mail-api answered " + std::to_string(reply->status));
    ++done;
    receipts.emplace_back(reply->receipt);
  }
  auto note = json::object{{"step", "marked"}, {"as", ctx.identity()}, {"receipts", receipts}};
  ctx.write(std::move(note));
  out.set("done", done);
  out.set("messages", json::array{ai("Marked " + std::to_string(done) + " messages as done.")});
  co_return out;
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
  b.conditional("summarise", anything_to_do, {"approve", std::string(flow::end)});
  b.edge("approve", "mark_done");
  b.edge("mark_done", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(inbox(), "Reads your mail, asks, and marks it done");
}
