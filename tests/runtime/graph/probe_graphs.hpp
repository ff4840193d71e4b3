// The small graphs the contract was recorded with, in our builder.
#pragma once

#include "runtime/graph/graph.hpp"
#include "runtime/graph/messages.hpp"

namespace behalf::probes {

using flow::update;

inline std::shared_ptr<const graph> built(graph_builder& b) {
  return b.build().value();
}

inline node_result add_a(const state_view&, context&) {
  return update{{"foo", json::array{"a"}}};
}

inline node_result add_b(const state_view&, context&) {
  return update{{"foo", json::array{"b"}}};
}

inline coroutine<node_result> ask_ok(state_view, context ctx) {
  json::object question{{"question", "ok?"}};
  auto answer = co_await ctx.interrupt(question);
  co_return update{{"ans", answer}};
}

/// a → ask[interrupt] → b
inline std::shared_ptr<const graph> inter() {
  graph_builder b{"inter"};
  b.channel("foo", flow::append()).channel("ans", flow::last_value());
  b.node("a", add_a).node("ask", ask_ok).node("b", add_b);
  b.edge(flow::start, "a").edge("a", "ask").edge("ask", "b").edge("b", flow::end);
  return built(b);
}

inline node_result question_1(const state_view&, context& ctx) {
  if (const auto* yes = ctx.answer())
    return update{{"foo", *yes}};
  return flow::interrupt{"one?"};
}

inline node_result question_2(const state_view&, context& ctx) {
  if (const auto* yes = ctx.answer())
    return update{{"foo", *yes}};
  return flow::interrupt{"two?"};
}

/// two parallel interrupts → b
inline std::shared_ptr<const graph> inter2() {
  graph_builder b{"inter2"};
  b.channel("foo", flow::append());
  b.node("q1", question_1).node("q2", question_2).node("b", add_b);
  b.edge(flow::start, "q1").edge(flow::start, "q2").edge({"q1", "q2"}, "b");
  return built(b);
}

inline node_result boom(const state_view&, context&) {
  return error{errc::internal, "boom happened", {}, "ValueError"};
}

/// a → boom
inline std::shared_ptr<const graph> err() {
  graph_builder b{"err"};
  b.channel("foo", flow::append());
  b.node("a", add_a).node("boom", boom);
  b.edge(flow::start, "a").edge("a", "boom");
  return built(b);
}

inline node_result write_all(const state_view&, context& ctx) {
  ctx.write(json::object{{"step", 1}});
  ctx.write("text");
  ctx.write(7);
  return update{{"done", true}};
}

inline std::shared_ptr<const graph> custom() {
  graph_builder b{"custom"};
  b.channel("done", flow::last_value());
  b.node("w", write_all);
  b.edge(flow::start, "w");
  return built(b);
}

inline node_result split(const state_view&, context&) {
  flow::route both{flow::send{"w", json::object{{"n", 1}}}};
  both.add(flow::send{"w", json::object{{"n", 2}}});
  return flow::command{std::move(both)};
}

inline node_result work(const state_view& s, context&) {
  return update{{"foo", json::array{s.number("n") * 10}}};
}

/// command goto two sends to w
inline std::shared_ptr<const graph> fan() {
  graph_builder b{"fan"};
  node_options splits;
  splits.may_go_to = {"w"};
  b.channel("foo", flow::append());
  b.node("split", split, splits).node("w", work);
  b.edge(flow::start, "split");
  return built(b);
}

inline node_result dump_config(const state_view&, context& ctx) {
  return update{{"seen", ctx.configurable()}, {"ctx", ctx.run_context()}};
}

inline std::shared_ptr<const graph> cfg() {
  graph_builder b{"cfg"};
  b.channel("seen", flow::last_value()).channel("ctx", flow::last_value());
  b.node("dump", dump_config);
  b.edge(flow::start, "dump");
  return built(b);
}

inline node_result echo_last(const state_view& s, context&) {
  const auto* last = s.last("messages");
  auto text = last ? text_of(*last) : std::string{};
  return update{{"messages", ai("echo: " + text)}};
}

inline std::shared_ptr<const graph> echo() {
  graph_builder b{"echo"};
  b.channel("messages", flow::messages());
  b.node("echo", echo_last);
  b.edge(flow::start, "echo");
  return built(b);
}

inline node_result count_down(const state_view& s, context&) {
  return update{{"n", s.number("n") - 1}};
}

/// s loops while n > 0
inline std::shared_ptr<const graph> loop() {
  graph_builder b{"loop"};
  b.channel("n", flow::last_value());
  b.node("s", count_down);
  b.edge(flow::start, "s");
  b.conditional("s",
                [](const state_view& s, const context&) -> flow::route {
                  return s.number("n") > 0 ? flow::route{"s"} : flow::route{flow::end};
                },
                {"s", "__end__"});
  return built(b);
}

/// a and b (which takes two steps) join before c
inline std::shared_ptr<const graph> join() {
  graph_builder b{"join"};
  b.channel("foo", flow::append());
  auto say = [](std::string what) {
    return [what](const state_view&, context&) -> node_result {
      return update{{"foo", json::array{json::value(what)}}};
    };
  };
  b.node("a", say("a")).node("b1", say("b1")).node("b2", say("b2")).node("c", say("c"));
  b.edge(flow::start, "a").edge(flow::start, "b1").edge("b1", "b2");
  b.edge({"a", "b2"}, "c");
  return built(b);
}

} // namespace behalf::probes
