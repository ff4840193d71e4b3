// Graphs for the integration tests: `probe` does what its input says, `steps` counts slowly enough
// to be interrupted at any point, `ask` stops for an answer, `survey` does both, `toil` and
// `toil_apart` do not let anyone in for a time.
#include "behalf/plugin.hpp"

#include <cstdlib>
#include <stdexcept>
#include <thread>

using namespace behalf;

namespace {

std::string text_of(const json::value& what, std::string_view key) {
  const auto* v = member(what, key);
  return v && v->is_string() ? std::string(v->get_string()) : std::string{};
}

json::value shown(const service_reply& r) {
  return json::object{{"status", r.status}, {"body", r.body}, {"receipt", r.receipt}};
}

coroutine<result<json::value>> call_http(context ctx, json::value what) {
  auto service = ctx.service(text_of(what, "service"));
  auto method = text_of(what, "method");
  auto request = service.request(method.empty() ? "GET" : method, text_of(what, "path"));
  if (const auto* headers = member(what, "headers"); headers && headers->is_object())
    for (const auto& [name, value] : headers->get_object())
      request.header(name, value.as_string());
  auto reply = co_await request;
  if (!reply)
    co_return reply.error();
  co_return shown(*reply);
}

coroutine<result<json::value>> call_mcp(context ctx, json::value what) {
  auto service = ctx.service(text_of(what, "service"));
  auto tool = text_of(what, "tool");
  auto listing = tool.empty();
  const auto* given = member(what, "arguments");
  auto arguments = given && given->is_object() ? given->get_object() : json::object{};
  if (listing) {
    auto tools = co_await service.list_tools();
    if (!tools)
      co_return tools.error();
    co_return shown(*tools);
  }
  auto reply = co_await service.call_tool(tool, arguments);
  if (!reply)
    co_return reply.error();
  co_return shown(*reply);
}

coroutine<result<json::value>> read_stream(context ctx, json::value what) {
  auto service = ctx.service(text_of(what, "service"));
  auto path = text_of(what, "path");
  auto opened = co_await service.open(path);
  if (!opened)
    co_return opened.error();
  std::string bytes;
  for (bool last = false; !last;) {
    auto chunk = co_await opened->next();
    if (!chunk)
      co_return chunk.error();
    bytes += chunk->bytes;
    last = chunk->last;
  }
  co_return json::value(bytes);
}

// Puts an item, looks for it by meaning, and lists where there are items.
coroutine<result<json::value>> use_store(context ctx, json::value what) {
  auto text = text_of(what, "text"), sought = text_of(what, "query");
  auto value = json::object{{"title", text}, {"of", "a node"}};
  auto kept = co_await ctx.store()
                .put({"of nodes", "kept"}, text, value)
                .index("title")
                .ttl(std::chrono::minutes(5));
  if (!kept)
    co_return kept.error();
  auto found = co_await ctx.store().search("of nodes").query(sought).limit(2);
  if (!found)
    co_return found.error();
  auto listed = co_await ctx.store().namespaces("of nodes").suffix("kept").max_depth(2);
  if (!listed)
    co_return listed.error();
  json::object said{{"namespaces", json::value_from(*listed)}};
  json::array keys;
  for (const auto& one : *found)
    keys.push_back(json::array{json::value(one.key), json::value(one.score.has_value())});
  said["found"] = std::move(keys);
  co_return json::value(std::move(said));
}

coroutine<node_result> act(state_view state, context ctx) {
  auto what = state["do"];
  auto op = text_of(what, "op");
  flow::update out;
  if (op == "abort")
    std::abort();
  if (op == "throw")
    throw std::runtime_error("the node failed as asked");
  if (op == "config") {
    auto config = ctx.config();
    out.set("result", config);
    co_return out;
  }
  auto work = op == "mcp"      ? call_mcp(ctx, what)
              : op == "stream" ? read_stream(ctx, what)
              : op == "store"  ? use_store(ctx, what)
                               : call_http(ctx, what);
  auto answer = co_await std::move(work);
  if (!answer)
    co_return answer.error();
  out.set("result", *answer);
  co_return out;
}

node_result count(const state_view& state, context& ctx) {
  auto n = state.number("n");
  auto note = json::object{{"n", n + 1}};
  ctx.write(std::move(note));
  // Blocks its thread for a time, as a slow library does: nothing can tell it to stop earlier.
  std::this_thread::sleep_for(std::chrono::milliseconds(state.number("pause_ms", 5)));
  flow::update out;
  out.set("n", n + 1);
  out.set("seen", json::array{n + 1});
  return out;
}

// For `ms`: computes, or with `waits` does nothing, and with `polite` looks whether it is still
// wanted.
node_result toil(const state_view& state, context& ctx) {
  auto polite = state.number("polite") != 0, waits = state.number("waits") != 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(state.number("ms"));
  while (std::chrono::steady_clock::now() < end && !(polite && ctx.cancelled()))
    if (waits)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  flow::update out;
  out.set("toiled", json::value(true));
  return out;
}

node_result ask(const state_view&, context& ctx) {
  const auto* answer = ctx.answer();
  if (!answer)
    return flow::interrupt{json::object{{"question", "ok?"}}};
  flow::update out;
  out.set("ans", *answer);
  return out;
}

result<std::shared_ptr<const graph>> probe() {
  graph_builder b{"probe"};
  b.channel("do", flow::last_value()).channel("result", flow::last_value());
  b.node("act", act);
  b.edge(flow::start, "act").edge("act", flow::end);
  return b.build();
}

result<std::shared_ptr<const graph>> steps() {
  graph_builder b{"steps"};
  b.channel("n", flow::last_value()).channel("seen", flow::append());
  b.channel("upto", flow::last_value()).channel("pause_ms", flow::last_value());
  b.node("count", count, {.blocking = true});
  b.edge(flow::start, "count");
  b.conditional("count",
                [](const state_view& s, const context&) {
                  return s.number("n") < s.number("upto", 5) ? flow::route{"count"}
                                                             : flow::route{flow::end};
                },
                {"count", std::string(flow::end)});
  return b.build();
}

result<std::shared_ptr<const graph>> inter() {
  graph_builder b{"ask"};
  b.channel("foo", flow::append()).channel("ans", flow::last_value());
  b.node("a", [](const state_view&, context&) -> node_result {
    return flow::update{{"foo", list("a")}};
  });
  b.node("ask", ask);
  b.edge(flow::start, "a").edge("a", "ask").edge("ask", flow::end);
  return b.build();
}

result<std::shared_ptr<const graph>> toiling(const char* name, bool blocking) {
  graph_builder b{name};
  for (const auto* one : {"ms", "waits", "polite", "toiled"})
    b.channel(one, flow::last_value());
  b.node("toil", toil, {.blocking = blocking});
  b.edge(flow::start, "toil").edge("toil", flow::end);
  return b.build();
}

// Asks, then counts slowly: a run that was resumed and is not over yet.
result<std::shared_ptr<const graph>> survey() {
  graph_builder b{"survey"};
  b.channel("n", flow::last_value()).channel("seen", flow::append());
  b.channel("ans", flow::last_value()).channel("pause_ms", flow::last_value());
  b.node("ask", ask).node("count", count, {.blocking = true});
  b.edge(flow::start, "ask").edge("ask", "count").edge("count", "count");
  return b.build();
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.graph(probe());
  registry.graph(steps());
  registry.graph(inter());
  registry.graph(survey());
  registry.graph(toiling("toil", false));
  registry.graph(toiling("toil_apart", true));
}
