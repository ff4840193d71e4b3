// Small graphs, one behaviour of a server each: what tests/differential compares.
#include "tests/graphs/graphs.hpp"

#include <chrono>

using namespace behalf;

namespace graphs {
namespace {

json::object texts() {
  return {{"type", "array"}, {"items", {{"type", "string"}}}};
}

// A node that notes its own name in `foo`.
node_result note_name(const state_view&, context& ctx) {
  return flow::update{{"foo", list(ctx.node())}};
}

coroutine<node_result> ask(state_view, context ctx) {
  auto answer = co_await ctx.interrupt({{"question", "ok?"}});
  co_return flow::update{{"ans", answer}};
}

// Asks for what its node is named after.
coroutine<node_result> ask_for_itself(state_view, context ctx) {
  const std::string name(ctx.node());
  auto answer = co_await ctx.interrupt(name);
  auto noted = name + ": " + (answer.is_string() ? std::string(answer.get_string()) : dump(answer));
  co_return flow::update{{"foo", list(noted)}};
}

// `n` times, `delay` seconds each.
coroutine<node_result> count_down(state_view state, context ctx) {
  const auto& delay = state["delay"];
  const auto seconds = delay.is_number() ? delay.to_number<double>() : 0.0;
  co_await ctx.sleep(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  flow::update out;
  out.set("n", state.number("n") - 1).set("log", list("s"));
  co_return out;
}

node_result fail_as_told(const state_view&, context&) {
  return error{errc::invalid_argument, "boom happened", {}, "ValueError"};
}

node_result write_things(const state_view&, context& ctx) {
  ctx.write({{"a", 1}});
  ctx.write("text");
  ctx.write(7);
  return flow::update{{"foo", list("done")}};
}

node_result fan_out(const state_view&, context&) {
  flow::route to;
  for (int x : {1, 2})
    to.add(flow::send{"w", json::object{{"x", x}}});
  return flow::command{flow::update{{"foo", list("plan")}}, to};
}

node_result note_number(const state_view& state, context&) {
  return flow::update{{"foo", list("w" + std::to_string(state.number("x")))}};
}

// What a client sent for the run, without what servers add.
node_result show_config(const state_view&, context& ctx) {
  json::object seen;
  for (const auto* key : {"tone", "user_id", "model"})
    if (const auto* v = member(ctx.configurable(), key))
      seen[key] = *v;
  flow::update out;
  out.set("seen", seen).set("context", ctx.run_context());
  const auto* tags = member(ctx.config(), "tags");
  out.set("tags", tags ? *tags : json::value(json::array{}));
  return out;
}

node_result echo(const state_view& state, context&) {
  return flow::update{{"said", state["text"]}};
}

// "w1 w2 …", a word each `ms`.
coroutine<node_result> talk(state_view state, context ctx) {
  const auto words = state.number("words");
  std::string whole, id;
  for (int64_t n = 1; n <= words; ++n) {
    co_await ctx.sleep(std::chrono::milliseconds(state.number("ms")));
    const auto word = (n > 1 ? " w" : "w") + std::to_string(n);
    json::object chunk{{"content", word}};
    if (!id.empty())
      chunk["id"] = id;
    id = ctx.write_message(chunk);
    whole += word;
  }
  json::object message{{"type", "ai"}, {"content", whole}};
  if (!id.empty())
    message["id"] = id;
  co_return flow::update{{"messages", list(message)}};
}

} // namespace

// a, then a question, then b.
made make_inter() {
  graph_builder b{"inter"};
  b.channel("foo", flow::append(texts())).channel("ans", flow::last_value());
  b.node("a", note_name).node("ask", ask).node("b", note_name);
  b.edge(flow::start, "a").edge("a", "ask").edge("ask", "b").edge("b", flow::end);
  return b.build();
}

// Two questions at once, then b.
made make_inter2() {
  graph_builder b{"inter2"};
  b.channel("foo", flow::append(texts()));
  b.node("p", ask_for_itself).node("q", ask_for_itself).node("b", note_name);
  b.edge(flow::start, "p").edge(flow::start, "q").edge({"p", "q"}, "b").edge("b", flow::end);
  return b.build();
}

made make_slow() {
  graph_builder b{"slow"};
  b.channel("n", flow::last_value()).channel("delay", flow::last_value());
  b.channel("log", flow::append(texts()));
  b.node("s", count_down).edge(flow::start, "s");
  const auto more = [](const state_view& state, const context&) {
    return state.number("n") > 0 ? flow::route{"s"} : flow::route{flow::end};
  };
  b.conditional("s", more, {"s", flow::end});
  return b.build();
}

made make_err() {
  graph_builder b{"err"};
  b.channel("foo", flow::append(texts()));
  b.node("a", note_name).node("boom", fail_as_told);
  b.edge(flow::start, "a").edge("a", "boom").edge("boom", flow::end);
  return b.build();
}

made make_custom() {
  graph_builder b{"custom"};
  b.channel("foo", flow::append(texts()));
  b.node("write", write_things).edge(flow::start, "write").edge("write", flow::end);
  return b.build();
}

made make_fan() {
  graph_builder b{"fan"};
  b.channel("foo", flow::append(texts()));
  b.node("plan", fan_out, {.may_go_to = {"w"}}).node("w", note_number);
  b.edge(flow::start, "plan").edge("w", flow::end);
  return b.build();
}

made make_cfg() {
  graph_builder b{"cfg"};
  for (const auto* name : {"seen", "context", "tags"})
    b.channel(name, flow::last_value());
  b.node("show", show_config).edge(flow::start, "show").edge("show", flow::end);
  return b.build();
}

made make_echo() {
  graph_builder b{"echo"};
  b.channel("text", flow::last_value()).channel("said", flow::last_value());
  b.node("echo", echo).edge(flow::start, "echo").edge("echo", flow::end);
  return b.build();
}

made make_talk() {
  graph_builder b{"talk"};
  b.channel("messages", flow::messages());
  b.channel("words", flow::last_value()).channel("ms", flow::last_value());
  b.node("talk", talk).edge(flow::start, "talk").edge("talk", flow::end);
  return b.build();
}

} // namespace graphs
