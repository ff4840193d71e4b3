// An assistant that does what it is told in words, for the tests of `behalf chat`.
#include "behalf/plugin.hpp"

#include <chrono>

using namespace behalf;

namespace {

json::value asked_about(std::string_view to) {
  json::object request{{"name", "send"}, {"args", {{"to", to}}}, {"description", "Sends a letter"}};
  json::object config{{"action_name", "send"},
                      {"allowed_decisions", {"approve", "edit", "reject", "respond"}}};
  return json::object{{"action_requests", json::array{request}},
                      {"review_configs", json::array{config}}};
}

std::string stream(const context& ctx, const std::string& said) {
  json::object thought{{"type", "reasoning"}, {"reasoning", "It was asked nicely."}};
  json::object first{{"type", "AIMessageChunk"}, {"content", json::array{thought}}};
  auto id = ctx.write_message(first);
  for (auto part : {"You said: ", said.c_str()}) {
    json::object chunk{{"type", "AIMessageChunk"}, {"id", id}, {"content", part}};
    ctx.write_message(chunk);
  }
  return id;
}

coroutine<node_result> serve(state_view state, context ctx) {
  const auto said = text_of(state.last("messages"));
  if (said == "fail")
    co_return fail(errc::internal, "the clerk\x1b[31m is out");
  if (said == "wait")
    co_await ctx.sleep(std::chrono::minutes(5));
  if (said == "nothing")
    co_return flow::update{};
  if (said == "ask") {
    auto answer = co_await ctx.interrupt("which one?");
    auto reply = ai("It is " + dump(answer));
    co_return flow::update{{"messages", reply}};
  }
  if (said.starts_with("send ")) {
    auto question = asked_about(said.substr(5));
    auto answer = co_await ctx.interrupt(question);
    auto call = ai("", list(tool_call("c1", "send", {{"to", said.substr(5)}})));
    auto result = tool_message("decided", "c1");
    auto reply = ai("Done: " + dump(answer));
    auto all = list(call, result, reply);
    co_return flow::update{{"messages", all}};
  }
  auto id = stream(ctx, said);
  auto reply = with_id(ai("You said: " + said), id);
  co_return flow::update{{"messages", reply}};
}

result<std::shared_ptr<const graph>> clerk() {
  graph_builder b{"clerk"};
  b.channel("messages", flow::messages());
  b.node("serve", serve);
  b.edge(flow::start, "serve").edge("serve", flow::end);
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(clerk());
}
