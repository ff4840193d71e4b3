#include "behalf/plugin.hpp"
#include "runtime/graph/load_plugin.hpp"
#include "runtime/graph/task_facts.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fstream>
#include <stdexcept>

using namespace behalf;

namespace {

std::string library(const std::string& name) {
  return std::string(BEHALF_TEST_PLUGINS) + "/lib" + name + ".so";
}

std::string refusal(const std::string& path) {
  plugin_registry into;
  auto loaded = load_plugin(path, into);
  REQUIRE(loaded.has_error());
  CHECK(into.graphs().empty());
  CHECK_THAT(loaded.error().message, Catch::Contains(path));
  return loaded.error().message;
}

} // namespace

TEST_CASE("a plugin registers graphs and handlers that work", "[graph]") {
  plugin_registry all;
  auto loaded = load_plugin(library("sample_plugin"), all);
  INFO((loaded ? "" : loaded.error().message));
  REQUIRE(loaded);
  REQUIRE(all.find("greeter"));
  const auto& greeter = all.find("greeter")->flow;
  CHECK(all.graphs().at(0).description == "says hi");

  auto facts = std::make_shared<task_facts>();
  context ctx{facts};
  state_view state{json::value(json::object{{"name", "bob"}})};
  auto machine = greeter->find("greet")->make();
  auto now = machine->start({state, ctx});
  auto asked = std::get<std::vector<asked_effect>>(now);
  REQUIRE(asked.size() == 1);
  CHECK(std::get<service_call>(asked[0].what).service == "names");
  now = machine->resume(asked[0].id, service_reply{});
  auto wrote = std::get<flow::update>(std::get<node_result>(now).value);
  CHECK(wrote.values.at("text") == "hi bob");

  principal alice;
  alice.identity = "alice";
  json::object value;
  auto answer = all.handlers().at("threads.create")({alice, "threads", "create"}, value);
  CHECK(std::get<json::object>(answer).at("owner") == "alice");
  CHECK(value.at("metadata").at("owner") == "alice");

  auto stranger = all.authenticate()(auth_context{std::make_shared<auth_request>()});
  stranger.start();
  REQUIRE(stranger.done());
  CHECK(stranger.take().error().code == errc::unauthenticated);
}

TEST_CASE("what is no plugin of this version is refused with the reason", "[graph]") {
  CHECK_THAT(refusal("/nowhere/lib.so"), Catch::Contains("cannot be used"));
  CHECK_THAT(refusal(library("other_version_plugin")),
             Catch::Contains("it was built for behalf 0.0.0"));
  CHECK_THAT(refusal(library("no_card_plugin")), Catch::Contains("BEHALF_PLUGIN"));
  CHECK_THAT(refusal(library("empty_card_plugin")), Catch::Contains("is incomplete"));
  CHECK_THAT(BEHALF_ABI, !Catch::Contains("BOOST_VERSION"));
}

TEST_CASE("a library that is not there to its end is refused, not loaded", "[graph]") {
  scratch_folder folder;
  const auto whole = read_file(library("sample_plugin"));
  const auto part = folder / "libpart.so";
  for (auto size : {whole.size() - 1, whole.size() / 2, std::size_t{20'000}, std::size_t{100}}) {
    std::ofstream{part, std::ios::binary} << whole.substr(0, size);
    CHECK_THAT(refusal(part), Catch::Contains("the file ends too soon"));
  }
}

TEST_CASE("a name is registered once", "[graph]") {
  plugin_registry all;
  REQUIRE(load_plugin(library("sample_plugin"), all));
  auto again = load_plugin(library("sample_plugin"), all);
  REQUIRE(again.has_error());
  CHECK_THAT(again.error().message, Catch::Contains("'greeter' is registered twice"));
}

TEST_CASE("an on handler is for a known resource and action", "[graph]") {
  plugin_registry all;
  auto allow = [](const on_context&, json::object&) -> on_answer { return true; };
  for (auto key : {"*", "threads", "threads.create_run", "*.search", "store.put"})
    all.on(key, allow);
  CHECK(all.faults().empty());
  for (auto key : {"", "thread", "threads.", "threads.make", ".create", "threads.create.x"})
    all.on(key, allow);
  CHECK(all.faults().size() == 6);
  all.on("threads", allow);
  CHECK_THAT(all.faults().back(), Catch::Contains("more than one"));
}

TEST_CASE("a graph that failed to build is a fault of the registry", "[graph]") {
  plugin_registry all;
  all.graph(graph_builder{"empty"}.build());
  REQUIRE(all.faults().size() == 1);
  CHECK_THAT(all.faults()[0], Catch::Contains("the graph 'empty' cannot be built"));
}

TEST_CASE("a factory makes the graph of each configuration", "[graph]") {
  auto with_node = [](std::string name) {
    graph_builder b{"g"};
    b.channel("c", flow::last_value());
    b.node(name, [](const state_view&, context&) -> node_result { return {}; });
    b.edge(flow::start, name);
    return b.build();
  };
  plugin_registry all;
  all.graph("dynamic", [with_node](const context& ctx) {
    auto name = string_or(ctx.configurable(), "node", "default");
    return with_node(std::string(name) + " of " + std::string(ctx.identity()));
  });
  REQUIRE(all.find("dynamic"));
  auto made = [&](json::object configurable) {
    auto run = std::make_shared<run_facts>();
    run->config =
      std::make_shared<json::object>(json::object{{"configurable", std::move(configurable)}});
    return make_graph(all.find("dynamic")->make, run);
  };
  CHECK(made({}).value()->find("default of "));
  CHECK(made({{"node", "n"}, {"langgraph_auth_user_id", "bob"}}).value()->find("n of bob"));
  CHECK_THAT(made({{"node", "a|b"}}).error().message, Catch::Contains("cannot be a node's name"));

  all.graph("dynamic", [](const context&) { return graph_builder{"x"}.build(); });
  all.graph("", [](const context&) { return graph_builder{"x"}.build(); });
  all.graph("none", graph_factory{});
  REQUIRE(all.faults().size() == 3);
  CHECK_THAT(all.faults()[0], Catch::Contains("'dynamic' is registered twice"));
}

TEST_CASE("a factory that throws or makes nothing is an error", "[graph]") {
  auto run = std::make_shared<run_facts>();
  auto throws = [](const context& ctx) -> result<std::shared_ptr<const graph>> {
    throw std::out_of_range("no model in " + dump(ctx.configurable()));
  };
  CHECK(make_graph(throws, run).error().kind == "KeyError");
  auto nothing = [](const context&) { return std::shared_ptr<const graph>{}; };
  CHECK_THAT(make_graph(nothing, run).error().message, Catch::Contains("made none"));
}

TEST_CASE("a bearer token is read without its scheme", "[graph]") {
  auth_request r;
  CHECK(r.bearer().empty());
  r.authorization = wiped_string{"bearer x"};
  CHECK(r.bearer() == "x");
  r.authorization = wiped_string{"Basic x"};
  CHECK(r.bearer().empty());
}
