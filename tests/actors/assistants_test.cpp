// Assistants that clients make: whose they are, their versions, and the runs of them. Against a
// whole server.
#include "actors/endpoints/assistant_change.hpp"
#include "runtime/base/id.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

#include <thread>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

coroutine<node_result> tell_configuration(state_view, context ctx) {
  json::object told{{"configurable", ctx.configurable()},
                    {"context", ctx.run_context()},
                    {"tags", ctx.config().contains("tags") ? ctx.config().at("tags") : nullptr},
                    {"metadata", ctx.metadata()}};
  co_return flow::update{{"told", told}};
}

result<std::shared_ptr<const graph>> telling_graph(const char* name) {
  graph_builder b{name};
  b.channel("told", flow::last_value());
  b.node("tell", tell_configuration);
  b.edge(flow::start, "tell").edge("tell", flow::end);
  return b.build();
}

struct assistants_fixture {
  running_fixture server{10s, 4, [](system_setup& s) {
                           for (auto name : {"telling", "other"})
                             s.graphs.push_back({name, "", telling_graph(name).value()});
                         }};
  api_client alice{server.system->port()}, bob{server.system->port()};

  assistants_fixture() { REQUIRE((alice.log_in("alice") && bob.log_in("bob"))); }

  static json::value json_of(const raw_reply& reply, unsigned status = 200) {
    CAPTURE(reply.body);
    REQUIRE(reply.status == status);
    return parse_json(reply.body).value();
  }
  std::string make(json::object body = {}) {
    body["graph_id"] = "telling";
    return std::string(json_of(alice.post("/assistants", body)).at("assistant_id").as_string());
  }
  json::value patch(const std::string& id, const json::object& body) {
    return json_of(alice.call("PATCH", "/assistants/" + id, body));
  }
  /// What a run of it without a thread is told.
  json::value told(const std::string& id, json::object body = {}) {
    body["assistant_id"] = id;
    body["input"] = json::object{};
    return json_of(alice.post("/runs/wait", body)).at("told");
  }
};

} // namespace

TEST_CASE_METHOD(assistants_fixture,
                 "an assistant is its maker's, the server's own are everybody's", "[assistants]") {
  auto id = make({{"name", "mine"}});
  auto path = "/assistants/" + id;
  CHECK(json_of(alice.get(path)).at("metadata").at("owner") == "alice");
  CHECK(bob.get(path).status == 404);
  CHECK(bob.call("PATCH", path, {{"name", "taken"}}).status == 404);
  CHECK(bob.call("DELETE", path, {}).status == 404);
  CHECK(bob.post(path + "/versions").status == 404);
  CHECK(bob.post(path + "/latest", {{"version", 1}}).status == 404);
  CHECK(bob.post("/runs/wait", {{"assistant_id", id}, {"input", json::object{}}}).status == 404);
  CHECK(json_of(bob.post("/assistants/count", {{"name", "MIN"}})) == 0);
  CHECK(json_of(alice.post("/assistants/count", {{"name", "MIN"}})) == 1);
  CHECK(json_of(bob.post("/assistants/count")) == 5);

  // Somebody's id is taken, whoever asks.
  CHECK(bob.post("/assistants", {{"graph_id", "telling"}, {"assistant_id", id}}).status == 409);
  const json::object again{
    {"graph_id", "telling"}, {"assistant_id", id}, {"if_exists", "do_nothing"}};
  CHECK(bob.post("/assistants", again).status == 409);
  CHECK(json_of(alice.post("/assistants", again)).at("name") == "mine");
}

TEST_CASE_METHOD(assistants_fixture, "the server's own assistants stay as they are configured",
                 "[assistants]") {
  auto own = json_of(alice.post("/assistants/search", {{"graph_id", "telling"}})).as_array()[0];
  auto id = std::string(own.at("assistant_id").as_string());
  CHECK(alice.call("PATCH", "/assistants/" + id, {{"name", "x"}}).status == 404); // not hers
  CHECK(alice.post("/assistants", {{"graph_id", "telling"}, {"assistant_id", id}}).status == 409);
  auto versions = json_of(alice.post("/assistants/" + id + "/versions")).as_array();
  REQUIRE(versions.size() == 1);
  CHECK(versions[0].at("version") == 1);

  // Nobody passes off one of theirs as the server's.
  auto mine = make({{"metadata", {{"created_by", "system"}, {"k", 1}}}});
  CHECK_FALSE(
    json_of(alice.get("/assistants/" + mine)).at("metadata").as_object().contains("created_by"));
}

TEST_CASE_METHOD(assistants_fixture, "every change makes a version, and none is numbered twice",
                 "[assistants]") {
  auto id = make({{"context", {{"a", 1}}}, {"config", {{"tags", json::array{"t"}}}}});
  constexpr int each = 10;
  auto change = [&](const char* who) {
    api_client again{server.system->port()};
    bool fine = again.log_in("alice");
    for (int i = 0; i < each; ++i)
      fine =
        again.call("PATCH", "/assistants/" + id, {{"metadata", {{who, i}}}}).status == 200 && fine;
    return fine;
  };
  auto one = std::async(std::launch::async, change, "one");
  CHECK(change("other"));
  CHECK(one.get());
  auto versions = json_of(alice.post("/assistants/" + id + "/versions", {{"limit", 100}}));
  REQUIRE(versions.as_array().size() == 2 * each + 1);
  int64_t expected = 2 * each + 1;
  for (const auto& version : versions.as_array())
    CHECK(version.at("version") == expected--);
  auto now = json_of(alice.get("/assistants/" + id));
  CHECK(now.at("version") == 2 * each + 1);
  CHECK(now.at("metadata").at("one") == each - 1); // neither lost the other's
  CHECK(now.at("metadata").at("other") == each - 1);
}

TEST_CASE_METHOD(assistants_fixture, "an older version comes back whole, and numbers go on",
                 "[assistants]") {
  auto id = make({{"name", "first"}, {"context", {{"a", 1}}}, {"metadata", {{"k", 1}}}});
  patch(id, {{"graph_id", "other"}, {"name", "second"}, {"context", {{"b", 2}}}});
  auto path = "/assistants/" + id;
  CHECK(alice.post(path + "/latest", {{"version", 3}}).status == 404);
  CHECK(alice.post(path + "/latest").status == 422);
  auto back = json_of(alice.post(path + "/latest", {{"version", 1}}));
  CHECK(back.at("version") == 1);
  CHECK(back.at("name") == "first");
  CHECK(back.at("graph_id") == "telling");
  CHECK(back.at("context") == json::value(json::object{{"a", 1}}));
  CHECK(back.at("config").at("configurable") == back.at("context"));
  auto next = patch(id, {{"metadata", {{"k", 2}}}});
  CHECK(next.at("version") == 3);
  CHECK(next.at("name") == "first");
}

TEST_CASE_METHOD(assistants_fixture, "a run takes what its assistant says and may say otherwise",
                 "[assistants]") {
  auto id = make({{"config", {{"configurable", {{"a", 1}, {"b", 1}}}, {"tags", json::array{"t"}}}},
                  {"metadata", {{"m", 1}}}});
  auto plain = told(id);
  CHECK(plain.at("configurable").at("a") == 1);
  CHECK(plain.at("configurable").at("assistant_id") == json::value(id));
  CHECK(plain.at("context") == json::value(json::object{{"a", 1}, {"b", 1}}));
  CHECK(plain.at("tags") == json::value(json::array{"t"}));
  CHECK(plain.at("metadata").at("m") == 1);
  auto other = told(id, {{"context", {{"b", 2}}}, {"metadata", {{"m", 2}}}});
  CHECK(other.at("context") == json::value(json::object{{"a", 1}, {"b", 2}}));
  CHECK(other.at("metadata").at("m") == 2);

  auto thread = uuid7();
  REQUIRE(alice.post("/threads", {{"thread_id", thread}}).status == 200);
  REQUIRE(
    alice.post("/threads/" + thread + "/runs/wait", {{"assistant_id", id}, {"input", {}}}).status
    == 200);
  CHECK(json_of(alice.get("/threads/" + thread)).at("metadata").at("assistant_id")
        == json::value(id));
}

TEST_CASE_METHOD(assistants_fixture, "an assistant goes alone, or with its threads",
                 "[assistants]") {
  auto id = make();
  std::vector<std::string> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(uuid7());
    REQUIRE(alice.post("/threads", {{"thread_id", threads.back()}}).status == 200);
    REQUIRE(alice
              .post("/threads/" + threads.back() + "/runs",
                    {{"assistant_id", id}, {"after_seconds", 3600}})
              .status
            == 200);
  }
  auto kept = make();
  REQUIRE(alice.call("DELETE", "/assistants/" + kept, {}).status == 204);
  CHECK(alice.get("/assistants/" + kept).status == 404);
  CHECK(alice.call("DELETE", "/assistants/" + kept, {}).status == 404);
  REQUIRE(alice.call("DELETE", "/assistants/" + id + "?delete_threads=true", {}).status == 204);
  for (const auto& thread : threads)
    CHECK(alice.get("/threads/" + thread).status == 404);
  CHECK(alice.post("/runs/wait", {{"assistant_id", id}, {"input", json::object{}}}).status == 404);
}

TEST_CASE_METHOD(assistants_fixture, "an assistant whose graph is gone says so", "[assistants]") {
  auto id = make({{"graph_id", "telling"}});
  patch(id, {{"graph_id", "other"}});
  server.system->serve({{"telling", "", telling_graph("telling").value()}});
  auto run = alice.post("/runs/wait", {{"assistant_id", id}, {"input", json::object{}}});
  CHECK(run.status == 404);
  CHECK(run.body.find("The graph 'other' of assistant " + id + " is not served any more")
        != run.body.npos);
  CHECK(json_of(alice.get("/assistants/" + id)).at("graph_id") == "other");
  CHECK(patch(id, {{"graph_id", "telling"}}).at("version") == 3);
  CHECK(told(id).at("configurable").at("graph_id") == "telling");
}

TEST_CASE("changes of an assistant keep context and configurable alike", "[assistants]") {
  const shape_limits bounds;
  record row;
  auto change = [&](json::object body) {
    endpoints::body_reader in{body, bounds};
    auto change = endpoints::assistant_change::read(in, bounds);
    if (in.fault())
      return in.fault()->code;
    REQUIRE(change.apply_to(row, bounds));
    return errc{};
  };
  auto settings = [&] {
    return std::pair{object_or_empty(row.doc.at("config").as_object(), "configurable"),
                     row.doc.at("context").as_object()};
  };
  using both = std::pair<json::object, json::object>;
  change({{"config", {{"tags", json::array{"t"}}, {"configurable", {{"a", 1}}}}}});
  CHECK(settings() == both{{{"a", 1}}, {{"a", 1}}});
  change({{"context", {{"b", 2}}}});
  CHECK(settings() == both{{{"b", 2}}, {{"b", 2}}});
  CHECK(row.doc.at("config").as_object().contains("tags")); // what is not replaced stays
  change({{"config", json::object{}}});
  CHECK(settings() == both{{{"b", 2}}, {{"b", 2}}});
  change({{"config", {{"tags", json::array{"u"}}}}});
  CHECK(settings() == both{{}, {{"b", 2}}});
  change({{"context", json::object{}}});
  CHECK(settings() == both{{}, {}});
  CHECK(change({{"config", {{"configurable", {{"a", 1}}}}}, {"context", {{"b", 2}}}})
        == errc::bad_request);
  CHECK(change({{"config", {{"recursion_limit", "many"}}}}) == errc::invalid_argument);
  CHECK(change({{"config", {{"recursion_limit", 1'000'000}}}}) == errc::invalid_argument);
  json::object much;
  for (std::size_t i = 0; i <= bounds.fields; ++i)
    much[std::to_string(i)] = i;
  CHECK(change({{"metadata", much}}) == errc::invalid_argument);
}
