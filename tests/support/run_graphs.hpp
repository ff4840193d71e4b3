// Graphs for tests of runs: each does one thing a run has to cope with.
#pragma once

#include "runtime/graph/graph.hpp"

#include <stdexcept>

namespace behalf::runs {

inline node_fn say(std::string word) {
  return [word](const state_view&, context&) -> node_result {
    return flow::update{{"foo", json::array{json::value(word)}}};
  };
}

inline coroutine<node_result> call_api(state_view, context ctx) {
  auto api = ctx.service("api");
  auto path = "/runs/" + std::string(ctx.run_id());
  auto reply = co_await api.get(path);
  if (!reply)
    co_return reply.error();
  flow::update out;
  out.set("got", reply->body);
  co_return out;
}

inline node_result ask_person(const state_view&, context& ctx) {
  const auto* answer = ctx.answer();
  if (!answer)
    return flow::interrupt{"ok?"};
  return flow::update{{"ans", *answer}};
}

inline graph_builder with_channels(std::string name) {
  graph_builder b{std::move(name)};
  b.channel("foo", flow::append()).channel("got", flow::last_value());
  b.channel("ans", flow::last_value());
  return b;
}

/// a → b
inline std::shared_ptr<const graph> pair() {
  auto b = with_channels("pair");
  b.node("a", say("a")).node("b", say("b"));
  b.edge(flow::start, "a").edge("a", "b");
  return b.build().value();
}

/// a → call, which asks the service `api` for /runs/<its run>
inline std::shared_ptr<const graph> call(node_options options = {}) {
  auto b = with_channels("call");
  b.node("a", say("a")).node("call", call_api, std::move(options));
  b.edge(flow::start, "a").edge("a", "call");
  return b.build().value();
}

/// a → ask, which stops for a person → call
inline std::shared_ptr<const graph> ask_then_call() {
  auto b = with_channels("ask");
  b.node("a", say("a")).node("ask", ask_person).node("call", call_api);
  b.edge(flow::start, "a").edge("a", "ask").edge("ask", "call");
  return b.build().value();
}

/// One node.
template <class Body>
std::shared_ptr<const graph> one(Body body, node_options options = {}) {
  auto b = with_channels("one");
  b.node("only", std::move(body), std::move(options)).edge(flow::start, "only");
  return b.build().value();
}

/// s again and again
inline std::shared_ptr<const graph> endless() {
  auto b = with_channels("endless");
  b.node("s", say("s")).edge(flow::start, "s").edge("s", "s");
  return b.build().value();
}

} // namespace behalf::runs
