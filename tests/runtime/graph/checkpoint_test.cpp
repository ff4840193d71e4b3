// What was kept is what was: restoring a chain gives the state it was made from.
#include "runtime/graph/checkpoint.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

#include <random>

using namespace behalf;

namespace {

using rng = std::mt19937;

int pick(rng& r, int below) {
  return static_cast<int>(r() % static_cast<unsigned>(below));
}

json::value random_value(rng& r, int depth = 0) {
  switch (pick(r, depth > 2 ? 4 : 6)) {
  case 0:
    return nullptr;
  case 1:
    return static_cast<int64_t>(pick(r, 1000)) - 500;
  case 2:
    return json::value(std::string(static_cast<std::size_t>(pick(r, 20)), 'x') + "\"\\\n\u00e9");
  case 3:
    return pick(r, 2) == 0;
  case 4: {
    json::array a;
    for (int i = pick(r, 4); i > 0; --i)
      a.push_back(random_value(r, depth + 1));
    return a;
  }
  default: {
    json::object o;
    for (int i = pick(r, 4); i > 0; --i)
      o["k" + std::to_string(i)] = random_value(r, depth + 1);
    return o;
  }
  }
}

json::value random_messages(rng& r, const json::array& have) {
  json::array all;
  for (int i = pick(r, 3); i >= 0; --i) {
    auto known = !have.empty() && pick(r, 3) == 0;
    if (!known) {
      all.push_back(
        json::object{{"role", "user"}, {"content", random_value(r, 2).is_null() ? "" : "m"}});
      continue;
    }
    const auto& m = have[static_cast<std::size_t>(pick(r, static_cast<int>(have.size())))];
    auto replaced = json::object{{"role", "user"}, {"content", "again"}, {"id", m.at("id")}};
    auto removed = json::object{{"type", "remove"}, {"id", m.at("id")}};
    all.push_back(pick(r, 2) == 0 ? replaced : removed);
  }
  // The same id twice in one update, removed and then replaced, is no case worth having here.
  if (all.size() > 1 && pick(r, 2) == 0)
    all.resize(1);
  return all;
}

json::object random_update(rng& r, const state_view& s) {
  json::object u;
  if (pick(r, 2) == 0)
    u["x"] = random_value(r);
  if (pick(r, 2) == 0)
    u["list"] = random_value(r);
  if (pick(r, 2) == 0)
    u["messages"] = random_messages(r, s.list("messages"));
  if (pick(r, 3) == 0)
    u["sum"] = pick(r, 10);
  return u;
}

// Nodes that write at random: a chain of supersteps, some of them parallel.
std::shared_ptr<const graph> random_graph(std::shared_ptr<rng> r, int steps) {
  graph_builder b{"random"};
  b.channel("x", flow::last_value()).channel("list", flow::append());
  b.channel("messages", flow::messages());
  b.channel("sum", flow::reduced(
                     [](const json::value& old, const json::value& v) -> json::value {
                       return old.to_number<int64_t>() + v.to_number<int64_t>();
                     },
                     0));
  b.node("a", [r](const state_view& s, context&) -> node_result {
    return flow::update{random_update(*r, s)};
  });
  b.node("b", [r](const state_view&, context&) -> node_result {
    return flow::update{{"list", random_value(*r)}, {"sum", 1}};
  });
  b.edge(flow::start, "a");
  b.conditional("a", [r, steps](const state_view&, const context& ctx) -> flow::route {
    if (ctx.step() >= steps)
      return flow::end;
    return pick(*r, 3) == 0 ? flow::route{"a", "b"} : flow::route{"a"};
  });
  return b.build().value();
}

json::object restored(const kept_checkpoints& thread, const std::string& id) {
  auto loaded = thread.load(id);
  json::object all;
  for (const auto& [name, v] : loaded->values)
    all[name] = *v;
  return all;
}

} // namespace

TEST_CASE("every kept checkpoint restores the state of its moment", "[graph]") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    auto r = std::make_shared<rng>(seed);
    kept_checkpoints thread;
    run_driver run{random_graph(r, 60), thread};
    run.modes("checkpoints").input(json::object{{"list", random_value(*r)}}).run();
    if (run.outcome->is != run_outcome::state::success) {
      // A removal of what an earlier write of the same step removed: fine, but rare.
      CHECK(run.outcome->error.at("error") == "InvalidUpdateError");
      continue;
    }
    int deltas = 0;
    for (const auto& event : run.data("checkpoints")) {
      std::string id(event.at("config").at("configurable").at("checkpoint_id").as_string());
      auto shown = event.at("values").as_object();
      auto stored = restored(thread, id);
      for (const auto& [name, v] : stored)
        CHECK(shown.at(name) == v);
      deltas += !thread.docs.at(id).full;
    }
    CHECK(deltas > 0);
  }
}

TEST_CASE("a chain is cut by a whole copy before it gets long or heavy", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::loop(), thread};
  run.modes(json::array{}).input(js(R"({"n": 200})")).run();
  int longest = 0, links = 0;
  for (const auto& [id, doc] : thread.docs) {
    links = doc.full ? 0 : links + 1;
    longest = std::max(longest, links);
    CHECK(doc.weight <= doc.full_weight);
  }
  CHECK(longest <= 32);
}

TEST_CASE("a long conversation is not stored again with every message", "[graph]") {
  kept_checkpoints thread;
  std::size_t whole = 0, stored = 0;
  json::array long_talk;
  for (int i = 0; i < 200; ++i)
    long_talk.push_back(json::object{{"role", "user"}, {"content", std::string(100, 'm')}});
  run_driver{probes::echo(), thread}.input(json::object{{"messages", long_talk}}).run();
  auto before = thread.docs.size();
  for (int i = 0; i < 10; ++i)
    run_driver{probes::echo(), thread}.input(js(R"({"messages": "short"})")).run();
  for (auto at = std::next(thread.docs.begin(), static_cast<std::ptrdiff_t>(before));
       at != thread.docs.end(); ++at) {
    stored += dump(at->second.body()).size();
    whole += dump(restored(thread, at->first)).size();
  }
  CHECK(stored * 10 < whole);
}

TEST_CASE("a chain that is broken is refused", "[graph]") {
  CHECK(restore_chain({}).has_error());
  checkpoint_doc whole, link, stranger;
  whole.id = "1";
  link.id = "2";
  link.parent_id = "1";
  link.full = false;
  stranger = link;
  stranger.parent_id = "0";
  std::vector<checkpoint_doc> good{whole, link}, headless{link}, gap{whole, stranger};
  CHECK(restore_chain(good));
  CHECK(restore_chain(headless).has_error());
  CHECK(restore_chain(gap).has_error());
  good[1].append["x"] = std::make_shared<json::value>(json::array{1});
  good[0].set["x"] = std::make_shared<json::value>(5);
  CHECK_THAT(restore_chain(good).error().message, Catch::Contains("grows but is no list"));
}

TEST_CASE("a checkpoint survives being stored", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter2(), thread};
  run.input(js("{}")).begin();
  run.run_task("q1");
  auto doc = thread.docs.rbegin()->second;
  auto again = checkpoint_doc::from(doc.id, doc.parent_id, doc.ns, doc.full, doc.metadata(),
                                    doc.body(), doc.created_at)
                 .value();
  CHECK(dump(again.body()) == dump(doc.body()));
  CHECK(dump(again.metadata()) == dump(doc.metadata()));
  CHECK(again.pending.at(0).interrupts.at(0).value == "one?");
  CHECK(checkpoint_doc::from("x", "", "", true, {}, js(R"({"next": [1]})").as_object(), {})
          .has_error());
}
