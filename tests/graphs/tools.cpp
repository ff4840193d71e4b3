// Agents with tools: a model that asks for one, the tool, the model that tells what it said.
#include "tests/graphs/fake_model.hpp"
#include "tests/graphs/graphs.hpp"

#include <chrono>

using namespace behalf;

namespace graphs {
namespace {

bool is_tool_message(const json::value* message) {
  return message && string_or(message->as_object(), "type") == "tool";
}

const json::value* first_call(const json::value* message) {
  const auto* calls = message ? member(*message, "tool_calls") : nullptr;
  return calls && calls->is_array() && !calls->get_array().empty() ? &calls->get_array().front()
                                                                   : nullptr;
}

flow::route after_model(const state_view& state, const context&) {
  return first_call(state.last("messages")) ? flow::route{"tools"} : flow::route{flow::end};
}

template <class Tools>
made with_tools(const char* name, node_fn model, Tools tools) {
  graph_builder b{name};
  b.channel("messages", flow::messages());
  b.node("agent", std::move(model)).node("tools", tools);
  b.edge(flow::start, "agent");
  b.conditional("agent", after_model, {"tools", flow::end});
  b.edge("tools", "agent");
  return b.build();
}

node_fn asks_for_weather(const char* call_id) {
  return [call_id](const state_view& state, context&) -> node_result {
    if (is_tool_message(state.last("messages")))
      return flow::update{{"messages", ai("Done.")}};
    auto call = tool_call(call_id, "weather", {{"query", "SF"}});
    return flow::update{{"messages", ai("", list(call))}};
  };
}

node_result tell_weather(const state_view& state, context&) {
  const auto& call = first_call(state.last("messages"))->as_object();
  auto query = string_or(call.at("args").as_object(), "query");
  const bool foggy = query == "SF" || query.find("san francisco") != query.npos;
  auto said = tool_message(foggy ? "It's 60 degrees and foggy." : "It's 90 degrees and sunny.",
                           string_or(call, "id"));
  return flow::update{{"messages", json::array{said}}};
}

// As a model streams a tool call: its arguments in two halves, then words.
node_result create_agent_model(const state_view& state, context& ctx) {
  if (is_tool_message(state.last("messages"))) {
    const std::string id = "call-weather-1-final";
    std::string whole;
    for (auto word : {"It's ", "64F ", "and ", "foggy ", "in ", "San ", "Francisco."}) {
      whole += word;
      json::object chunk{{"type", "AIMessageChunk"}, {"id", id}, {"content", word}};
      ctx.write_message(chunk);
    }
    json::object message{{"type", "ai"}, {"id", id}, {"content", whole}};
    return flow::update{{"messages", message}};
  }
  const std::string id = "call-weather-1-message";
  for (auto half : {R"({"city":"San )", R"(Francisco"})"}) {
    json::object part{
      {"id", "call-weather-1"}, {"name", "get_weather"}, {"args", half}, {"index", 0}};
    json::object chunk{{"type", "AIMessageChunk"},
                       {"id", id},
                       {"content", ""},
                       {"tool_call_chunks", json::array{part}}};
    ctx.write_message(chunk);
  }
  json::object call{
    {"id", "call-weather-1"}, {"name", "get_weather"}, {"args", {{"city", "San Francisco"}}}};
  json::object message{
    {"type", "ai"}, {"id", id}, {"content", ""}, {"tool_calls", json::array{call}}};
  return flow::update{{"messages", message}};
}

coroutine<node_result> get_weather(state_view state, context ctx) {
  co_await ctx.sleep(std::chrono::milliseconds(200));
  const auto& call = first_call(state.last("messages"))->as_object();
  json::object found{{"city", call.at("args").at("city")}, {"temp_f", 64}, {"condition", "Foggy"}};
  auto said = tool_message(dump(found), string_or(call, "id"));
  co_return flow::update{{"messages", json::array{said}}};
}

node_result say_accepted(const state_view&, context& ctx) {
  auto message = streamed(ctx, {"Plan ", "accepted."});
  return flow::update{{"messages", json::array{message}}};
}

coroutine<node_result> review(state_view state, context ctx) {
  json::object question{{"prompt", "Approve the outbound action?"}, {"request", state["request"]}};
  auto answer = co_await ctx.interrupt(question);
  json::object decision;
  if (answer.is_object())
    decision = answer.get_object();
  else
    decision["value"] = answer;
  flow::update out;
  out.set("decision", decision).set("completed", true);
  co_return out;
}

} // namespace

made make_agent_with_tools() {
  return with_tools("agent_with_tools", asks_for_weather("call_embed_1"), tell_weather);
}

made make_agent_with_stats() {
  return with_tools("agent_with_stats", asks_for_weather("call_stats_1"), tell_weather);
}

made make_create_agent() {
  return with_tools("create_agent", create_agent_model, get_weather);
}

made make_stategraph_text() {
  graph_builder b{"stategraph_text"};
  b.channel("messages", flow::messages());
  b.node("respond", say_accepted);
  b.edge(flow::start, "respond").edge("respond", flow::end);
  return b.build();
}

made make_interrupt_graph() {
  graph_builder b{"interrupt_graph"};
  for (auto name : {"request", "decision", "completed"})
    b.channel(name, flow::last_value());
  b.node("review", review);
  b.edge(flow::start, "review").edge("review", flow::end);
  return b.build();
}

} // namespace graphs
