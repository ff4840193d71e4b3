// Any graph on any input ends within its recursion limit, and what it keeps restores to what it
// showed.
#include "fuzz/fuzz.hpp"
#include "runtime/graph/messages.hpp"
#include "runtime/graph/thread_state.hpp"
#include "testing/run_driver.hpp"

using namespace behalf;

namespace {

std::string node_name(std::size_t i) {
  return std::string(1, static_cast<char>('a' + i));
}

json::value value_from(FuzzedDataProvider& in) {
  switch (in.ConsumeIntegralInRange(0, 4)) {
  case 0:
    return nullptr;
  case 1:
    return in.ConsumeIntegral<int32_t>();
  case 2:
    return json::array{"x", in.ConsumeIntegral<int8_t>()};
  case 3:
    return json::object{
      {"role", "user"}, {"content", "hi"}, {"id", node_name(in.ConsumeIntegral<uint8_t>() % 3)}};
  default: {
    auto parsed = parse_json(in.ConsumeRandomLengthString(64));
    return parsed ? *parsed : json::value("text");
  }
  }
}

json::object input_from(FuzzedDataProvider& in) {
  json::object all;
  for (const auto* channel : {"list", "last", "messages", "none"})
    if (in.ConsumeBool())
      all[channel] = value_from(in);
  return all;
}

// What the node does at every execution, decided once.
node_fn body_from(FuzzedDataProvider& in, std::size_t nodes) {
  auto writes = std::make_shared<json::object>(input_from(in));
  auto kind = in.ConsumeIntegralInRange(0, 6);
  auto target = node_name(in.ConsumeIntegralInRange<std::size_t>(0, nodes)); // one of them unknown
  auto sent = std::make_shared<json::value>(value_from(in));
  return [writes, kind, target, sent](const state_view&, context& ctx) -> node_result {
    switch (kind) {
    case 0:
      return {};
    case 1:
      return error{errc::upstream, "boom", {}, "ValueError"};
    case 2:
      if (ctx.answer())
        return flow::update{*writes};
      return flow::interrupt{*sent};
    case 3:
      return flow::command{flow::update{*writes}, flow::route{target}};
    case 4:
      return flow::command{flow::route{flow::send{target, *sent}}};
    default:
      ctx.write(*sent);
      return flow::update{*writes};
    }
  };
}

std::shared_ptr<const graph> graph_from(FuzzedDataProvider& in) {
  auto nodes = in.ConsumeIntegralInRange<std::size_t>(1, 6);
  graph_builder b{"fuzzed"};
  b.channel("list", flow::append()).channel("last", flow::last_value());
  b.channel("messages", flow::messages());
  for (std::size_t i = 0; i < nodes; ++i) {
    node_options options;
    if (in.ConsumeBool())
      for (std::size_t k = 0; k < nodes; ++k)
        options.may_go_to.push_back(node_name(k));
    b.node(node_name(i), body_from(in, nodes), options);
  }
  b.edge(flow::start, node_name(0));
  for (int edges = in.ConsumeIntegralInRange(0, 8); edges > 0; --edges) {
    auto from = in.ConsumeIntegralInRange<std::size_t>(0, nodes - 1);
    auto to = in.ConsumeIntegralInRange<std::size_t>(0, nodes - 1);
    if (in.ConsumeBool())
      b.edge(node_name(from), node_name(to));
    else
      b.edge(std::vector<std::string>{node_name(from), node_name(to)},
             node_name(in.ConsumeIntegralInRange<std::size_t>(0, nodes - 1)));
  }
  auto built = b.build();
  return built ? *built : nullptr;
}

json::object command_from(FuzzedDataProvider& in) {
  json::object command;
  if (in.ConsumeBool())
    command["resume"] = value_from(in);
  if (in.ConsumeBool())
    command["update"] = input_from(in);
  if (in.ConsumeBool())
    command["goto"] = node_name(in.ConsumeIntegralInRange<std::size_t>(0, 6));
  return command;
}

void check_kept(const run_driver& run, const kept_checkpoints& kept, const graph& flow) {
  if (run.outcome->checkpoint_id.empty())
    return;
  auto last = kept.load(run.outcome->checkpoint_id);
  auto restored = thread_values(*last, &flow);
  auto shown = run.values().as_object();
  if (restored == shown)
    return;
  std::fprintf(stderr, "restored %s\nshown    %s\n", dump(restored).c_str(), dump(shown).c_str());
  fuzz::require(false, "the last checkpoint restores to what the run showed");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  auto flow = graph_from(in);
  if (!flow)
    return 0;
  kept_checkpoints kept;
  for (int runs = in.ConsumeIntegralInRange(1, 3); runs > 0; --runs) {
    run_driver run{flow, kept};
    run.kwargs["config"] = json::object{{"recursion_limit", 12}};
    run.kwargs["durability"] = in.ConsumeBool() ? "sync" : "exit";
    if (in.ConsumeBool())
      run.kwargs[in.ConsumeBool() ? "interrupt_before" : "interrupt_after"] = "*";
    run.modes(json::array{"values", "updates", "messages", "tasks", "checkpoints", "debug"});
    if (in.ConsumeBool())
      run.command(command_from(in));
    else
      run.input(input_from(in));
    run.begin();
    int steps = 0;
    while (!run.outcome && !run.waiting.empty()) {
      fuzz::require(++steps < 20'000, "a run ends");
      if (in.ConsumeIntegralInRange(0, 31) == 31)
        run.take(run.loop->cancel());
      else
        run.run_task(in.ConsumeIntegralInRange<std::size_t>(0, run.waiting.size() - 1));
    }
    fuzz::require(run.outcome.has_value(), "a run without tasks is over");
    check_kept(run, kept, *flow);
  }
  return 0;
}
