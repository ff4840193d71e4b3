// What the superstep engine costs for one trivial run, without storage and sockets.
// Prints microseconds per run: a fresh thread, and a thread with a long conversation.
#include "runtime/graph/run_loop.hpp"

#include "runtime/graph/hello_graph.hpp"

#include <chrono>
#include <cstdio>

using namespace behalf;

namespace {

struct totals {
  std::size_t events = 0, bytes = 0, checkpoints = 0;
};

std::optional<loaded_checkpoint> run_once(const std::shared_ptr<const graph>& flow,
                                          const json::object& kwargs,
                                          std::optional<loaded_checkpoint> from, totals& sum) {
  auto facts = std::make_shared<run_facts>();
  facts->run_id = "01a1fc8f-3d6d-7337-b205-c56534bd8c40";
  facts->thread_id = "01a1fc8f-3d6d-7337-b205-c56534bd8c41";
  facts->graph_id = "hello";
  facts->config = std::make_shared<const json::object>(
    json::object{{"configurable", json::object{{"langgraph_auth_user_id", "alice"}}}});
  auto asked = std::make_shared<const json::object>(kwargs);
  run_loop loop{flow, std::move(from), run_spec::from_kwargs(std::move(asked), facts)};
  auto out = loop.begin();
  std::optional<checkpoint_doc> last;
  for (;;) {
    sum.events += out.events.size();
    for (const auto& e : out.events)
      sum.bytes += e.data->size();
    sum.checkpoints += out.checkpoints.size();
    if (!out.checkpoints.empty())
      last = std::move(out.checkpoints.back());
    if (out.outcome)
      break;
    auto t = std::move(out.start.front());
    auto ctx = t.make_context(loop.facts(), {});
    auto ended = std::get<node_result>(t.what->make()->start({t.input, ctx}));
    auto which = t.this_attempt();
    t = {};
    out = loop.task_done(which, std::move(ended));
  }
  if (!last)
    return std::nullopt;
  return loaded_checkpoint{std::move(*last), {}};
}

void measure(const char* name, const std::shared_ptr<const graph>& flow, const json::object& kwargs,
             const std::optional<loaded_checkpoint>& from, int rounds) {
  totals sum;
  for (int i = 0; i < rounds / 10; ++i)
    run_once(flow, kwargs, from, sum);
  sum = {};
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i)
    run_once(flow, kwargs, from, sum);
  std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  std::printf("%-44s %8.2f us/run  %zu events  %zu bytes  %zu checkpoints\n", name,
              took.count() / rounds, sum.events / static_cast<std::size_t>(rounds),
              sum.bytes / static_cast<std::size_t>(rounds),
              sum.checkpoints / static_cast<std::size_t>(rounds));
}

} // namespace

int main() {
  auto flow = hello_graph().value();
  json::object kwargs{
    {"input", json::parse(R"({"messages": [{"role": "user", "content": "hi"}]})")},
    {"stream_mode", json::array{}}};
  measure("one node, nobody watches", flow, kwargs, {}, 20'000);
  kwargs["stream_mode"] = json::array{"values"};
  measure("one node, values", flow, kwargs, {}, 20'000);
  kwargs["stream_mode"] = json::array{"values", "updates", "messages-tuple"};
  measure("one node, values, updates, messages", flow, kwargs, {}, 20'000);

  json::array talk;
  for (int i = 0; i < 500; ++i)
    talk.push_back(json::object{
      {"content", std::string(200, 'x')}, {"type", "human"}, {"id", "m" + std::to_string(i)}});
  loaded_checkpoint old;
  old.at.id = "1f1e56ce-ddc3-6787-8001-870a0be07ef8";
  old.at.full_weight = 200'000;
  old.values["messages"] = std::make_shared<const json::value>(std::move(talk));
  kwargs["stream_mode"] = json::array{};
  measure("500 messages before, nobody watches", flow, kwargs, old, 2'000);
}
