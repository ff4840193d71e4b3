// States of threads whose graph is made for each run. Against a whole server.
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

coroutine<node_result> ask(state_view, context ctx) {
  auto answer = co_await ctx.interrupt("ok?");
  co_return flow::update{{"said", answer}};
}

// A graph inside, which asks, at the node that the configuration names.
result<std::shared_ptr<const graph>> make_shaped(const context& ctx) {
  const std::string name(string_or(ctx.configurable(), "node", "usual"));
  graph_builder child{"child"};
  child.channel("said", flow::last_value()).node("ask", ask).edge(flow::start, "ask");
  auto inner = child.build();
  if (!inner)
    return inner;
  graph_builder b{"shaped"};
  b.channel("said", flow::last_value()).node(name, *inner).edge(flow::start, name);
  return b.build();
}

struct made_graph_fixture {
  running_fixture server{10s, 4, [](system_setup& s) {
                           served_graph shaped{"shaped", "", nullptr};
                           shaped.make = make_shaped;
                           s.graphs.push_back(std::move(shaped));
                         }};
  api_client alice{server.system->port()};
  std::string thread = "/threads/";

  made_graph_fixture() {
    REQUIRE(alice.log_in("alice"));
    thread += json_of(alice.post("/threads")).at("thread_id").as_string();
  }

  static json::value json_of(const raw_reply& reply, unsigned status = 200) {
    CAPTURE(reply.body);
    REQUIRE(reply.status == status);
    return parse_json(reply.body).value();
  }

  void run(const json::object& configurable) {
    json_of(alice.post(thread + "/runs/wait", {{"assistant_id", "shaped"},
                                               {"input", json::object{}},
                                               {"config", {{"configurable", configurable}}}}));
  }

  json::value state(const std::string& query = {}) {
    return json_of(alice.get(thread + "/state" + query));
  }
};

} // namespace

TEST_CASE_METHOD(made_graph_fixture, "a state is of the graph that its run's configuration made",
                 "[threads]") {
  run({{"node", "mine"}});
  const auto whole = state("?subgraphs=true");
  CHECK(whole.at("next") == json::array{"mine"});
  CHECK(whole.at("tasks").at(0).at("state").at("next") == json::array{"ask"});

  const auto place = state().at("tasks").at(0).at("checkpoint");
  const std::string ns(place.at("checkpoint_ns").as_string());
  REQUIRE(ns.starts_with("mine"));
  CHECK(state("?checkpoint_ns=" + ns).at("next") == json::array{"ask"});
  const json::object at{{"checkpoint", place}};
  CHECK(json_of(alice.post(thread + "/state/checkpoint", at)).at("next") == json::array{"ask"});
  CHECK(json_of(alice.post(thread + "/history", at)).at(0).at("next") == json::array{"ask"});
  CHECK(json_of(alice.get(thread + "/state?checkpoint_ns=usual"), 400).at("detail")
        == "Subgraph usual not found");

  SECTION("and so is an earlier one, after another run") {
    const std::string id(whole.at("checkpoint").at("checkpoint_id").as_string());
    run({});
    CHECK(state("?subgraphs=true").at("tasks").at(0).at("state").at("next") == json::array{"ask"});
    CHECK(state().at("next") == json::array{"usual"});
    const auto before = state("/" + id + "?subgraphs=true");
    CHECK(before.at("tasks").at(0).at("name") == "mine");
    CHECK(before.at("tasks").at(0).at("state").is_object());
  }
  SECTION("which its nodes can be named of when it is changed") {
    json_of(alice.post(thread + "/state", {{"values", {{"said", "no"}}}, {"as_node", "mine"}}));
    CHECK(state().at("values").at("said") == "no");
    CHECK(state().at("next") == json::value(json::array{}));
    json_of(alice.post(thread + "/state", {{"values", {{"said", "yes"}}}, {"as_node", "mine"}}));
  }
  SECTION("also of a copy") {
    const auto copy = json_of(alice.post(thread + "/copy"));
    CHECK(copy.at("status") == "interrupted");
    CHECK(copy.at("interrupts").as_object().size() == 1);
  }
}
