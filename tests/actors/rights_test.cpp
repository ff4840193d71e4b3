// What a caller may do through the API: every field a handler sees, and the rights that one request
// needs beside its route's own. Against a whole server.
#include "actors/endpoints/routes.hpp"
#include "actors/listen_address.hpp"
#include "runtime/base/id.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

#include <functional>
#include <mutex>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

// Handlers a test can exchange while the server runs.
class live_handler {
public:
  void set(on_handler h) {
    std::lock_guard lock{guard_};
    now_ = std::move(h);
  }
  on_answer operator()(const on_context& ctx, json::object& value) {
    std::lock_guard lock{guard_};
    return now_ ? now_(ctx, value) : on_answer{true};
  }

private:
  std::mutex guard_;
  on_handler now_;
};

struct handled_server {
  std::shared_ptr<live_handler> handler = std::make_shared<live_handler>();
  running_fixture server{10s, 4, [h = handler](system_setup& s) {
                           s.plugins.on("*", [h](const on_context& ctx, json::object& value) {
                             return (*h)(ctx, value);
                           });
                         }};
  api_client alice{server.system->port()};

  handled_server() { REQUIRE(alice.log_in("alice")); }

  std::string make_thread() {
    auto id = uuid7();
    REQUIRE(alice.post("/threads", {{"thread_id", id}}).status == 200);
    return id;
  }
  /// Waits for its turn for ever.
  std::string make_run(const std::string& thread) {
    auto made = alice.post("/threads/" + thread + "/runs",
                           {{"assistant_id", "hello"}, {"after_seconds", 3600}});
    REQUIRE(made.status == 200);
    return std::string(parse_json(made.body).value().at("run_id").as_string());
  }
  std::string make_cron() {
    auto made = alice.post("/runs/crons", {{"assistant_id", "hello"}, {"schedule", "@yearly"}});
    REQUIRE(made.status == 200);
    return std::string(parse_json(made.body).value().at("cron_id").as_string());
  }
};

json::object body_of(const json::value& v) {
  return v.is_object() ? v.get_object() : json::object{};
}

// A well-formed request for each route; `pattern` of one that is not here has no body.
json::value body_for(std::string_view pattern, verb method) {
  static const std::map<std::string_view, json::value> bodies{
    {"/assistants", {{"graph_id", "hello"}}},
    {"/assistants/{assistant_id}/latest", {{"version", 1}}},
    {"/runs", {{"assistant_id", "hello"}}},
    {"/runs/stream", {{"assistant_id", "hello"}}},
    {"/runs/wait", {{"assistant_id", "hello"}}},
    {"/threads/{thread_id}/runs", {{"assistant_id", "hello"}, {"after_seconds", 3600}}},
    {"/threads/{thread_id}/runs/stream", {{"assistant_id", "hello"}}},
    {"/threads/{thread_id}/runs/wait", {{"assistant_id", "hello"}}},
    {"/runs/batch", json::array{json::object{{"assistant_id", "hello"}}}},
    {"/runs/cancel", {{"status", "all"}}},
    {"/threads/prune", {{"thread_ids", json::array{uuid7()}}}},
    {"/runs/crons", {{"assistant_id", "hello"}, {"schedule", "@yearly"}}},
    {"/threads/{thread_id}/runs/crons", {{"assistant_id", "hello"}, {"schedule", "@yearly"}}},
    {"/runs/crons/{cron_id}", {{"enabled", false}}},
    {"/threads/{thread_id}/state/checkpoint", {{"checkpoint", json::object{}}}},
    {"/threads/{thread_id}/stream/events", {{"channels", json::array{"values"}}}},
    {"/store/items",
     {{"namespace", json::array{"notes"}}, {"key", "k"}, {"value", json::object{}}, {"ttl", 5}}}};
  auto at = bodies.find(pattern);
  return at == bodies.end() || method == verb::get ? json::value(json::object{}) : at->second;
}

std::string filled(std::string_view pattern, const std::map<std::string, std::string>& values) {
  std::string target{pattern};
  for (const auto& [name, value] : values)
    if (auto at = target.find("{" + name + "}"); at != target.npos)
      target.replace(at, name.size() + 2, value);
  return target;
}

} // namespace

TEST_CASE_METHOD(handled_server, "no handler's mistake in any field of any route passes in silence",
                 "[rights]") {
  auto thread = make_thread();
  auto run = make_run(thread);
  auto cron = make_cron();
  const json::value wrong{json::array{json::object{}}};
  std::size_t tried = 0;
  for (const auto& r : endpoints::all_routes().payloads()) {
    if (r.who.is != endpoints::access::level::checked)
      continue;
    auto target = filled(r.pattern, {{"thread_id", thread},
                                     {"run_id", run},
                                     {"assistant_id", uuid7()},
                                     {"cron_id", cron},
                                     {"checkpoint_id", uuid7()}});
    if (r.pattern == "/store/items" && r.method == verb::get)
      target += "?namespace=notes&key=k";
    auto ask = [&] {
      return alice.call(to_string(r.method), target, body_for(r.pattern, r.method));
    };
    std::vector<std::string> fields;
    handler->set([&](const on_context&, json::object& value) -> on_answer {
      for (const auto& [key, v] : value)
        fields.emplace_back(key);
      return false;
    });
    INFO(to_string(r.method) << " " << r.pattern);
    CHECK(ask().status == 403);
    REQUIRE_FALSE(fields.empty());
    for (auto name : r.may_change)
      CHECK(std::find(fields.begin(), fields.end(), name) != fields.end());
    for (const auto& field : fields) {
      handler->set([&](const on_context&, json::object& value) -> on_answer {
        value[field] = wrong;
        return true;
      });
      INFO(field);
      CHECK(ask().status == 500);
      ++tried;
    }
  }
  CHECK(tried > 80);
}

TEST_CASE_METHOD(handled_server, "what a handler makes of a run is what runs", "[rights]") {
  auto thread = make_thread();
  handler->set([](const on_context& ctx, json::object& value) -> on_answer {
    if (ctx.action == "create_run") {
      value["assistant_id"] = "mail";
      value["after_seconds"] = 3600;
      value["multitask_strategy"] = "reject";
    }
    return true;
  });
  auto made = alice.post("/threads/" + thread + "/runs", {{"assistant_id", "hello"}});
  REQUIRE(made.status == 200);
  auto row = body_of(parse_json(made.body).value());
  CHECK(row.at("multitask_strategy") == "reject");
  CHECK(row.at("assistant_id") != json::value(nullptr));
  handler->set({});
  auto assistants = parse_json(alice.post("/assistants/search").body).value();
  for (const auto& one : assistants.as_array())
    if (one.at("graph_id") == "mail")
      CHECK(row.at("assistant_id") == one.at("assistant_id"));
  handler->set([](const on_context& ctx, json::object& value) -> on_answer {
    if (ctx.action == "create_run")
      value["multitask_strategy"] = "reject";
    return true;
  });
  CHECK(alice.post("/threads/" + thread + "/runs", {{"assistant_id", "hello"}}).status == 409);
}

TEST_CASE_METHOD(handled_server, "a run that brings its thread along needs the right to create it",
                 "[rights]") {
  handler->set([](const on_context& ctx, json::object& value) -> on_answer {
    if (ctx.action == "create")
      value["metadata"].as_object()["made"] = "by the rule";
    return true;
  });
  const json::object body{{"assistant_id", "hello"}, {"if_not_exists", "create"}};
  auto fresh = uuid7();
  REQUIRE(alice.post("/threads/" + fresh + "/runs/wait", body).status == 200);
  auto thread = parse_json(alice.get("/threads/" + fresh).body).value();
  CHECK(thread.at("metadata").at("made") == "by the rule");

  handler->set(
    [](const on_context& ctx, json::object&) -> on_answer { return ctx.action != "create"; });
  auto other = uuid7();
  CHECK(alice.post("/threads/" + other + "/runs/wait", body).status == 403);
  CHECK(alice.get("/threads/" + other).status == 404);
  CHECK(alice.post("/threads/" + fresh + "/runs/wait", body).status == 200); // it is there

  handler->set([](const on_context& ctx, json::object& value) -> on_answer {
    if (ctx.action == "create_run")
      value["if_not_exists"] = "reject";
    return true;
  });
  CHECK(alice.post("/threads/" + other + "/runs/wait", body).status == 404);
}

TEST_CASE_METHOD(handled_server, "leaving cancels a run only for those who may cancel it",
                 "[rights]") {
  auto thread = make_thread();
  auto run = "/threads/" + thread + "/runs/" + make_run(thread);
  auto refuse_updates = [](const on_context& ctx, json::object& value) -> on_answer {
    return ctx.action != "update" || value.at("action") != "interrupt";
  };
  auto others = [](const on_context& ctx, json::object&) -> on_answer {
    return ctx.action == "update" ? on_answer{json::object{{"owner", "nobody"}}} : on_answer{true};
  };
  for (auto h : {on_handler{refuse_updates}, on_handler{others}}) {
    handler->set(h);
    CHECK(alice.get(run + "/join?cancel_on_disconnect=1").status == 403);
    CHECK(alice.get(run + "/stream?cancel_on_disconnect=true").status == 403);
    auto status = parse_json(alice.get(run).body).value().at("status");
    CHECK(status == "pending");
  }
}

TEST_CASE_METHOD(handled_server, "a run displaces others only for those who may end them",
                 "[rights]") {
  auto thread = make_thread();
  auto waiting = "/threads/" + thread + "/runs/" + make_run(thread);
  handler->set(
    [](const on_context& ctx, json::object&) -> on_answer { return ctx.action != "update"; });
  auto ask = [&](const char* strategy) {
    return alice
      .post("/threads/" + thread + "/runs",
            {{"assistant_id", "hello"}, {"multitask_strategy", strategy}, {"after_seconds", 3600}})
      .status;
  };
  for (auto strategy : {"interrupt", "rollback"})
    CHECK(ask(strategy) == 403);
  CHECK(parse_json(alice.get(waiting).body).value().at("status") == "pending");
  CHECK(ask("enqueue") == 200);
  handler->set({});
  CHECK(ask("interrupt") == 200);
  CHECK(parse_json(alice.get(waiting).body).value().at("status") != "pending");
}

TEST_CASE("a server that asks nobody who they are serves its own machine only", "[rights]") {
  CHECK(check_listen_address("127.0.0.1", false));
  CHECK(check_listen_address("::1", false));
  CHECK(check_listen_address("localhost", false));
  CHECK(check_listen_address("0.0.0.0", true));
  for (auto address : {"0.0.0.0", "::", "192.0.2.1"})
    CHECK(check_listen_address(address, false).error().message.starts_with("server.listen: "));
  CHECK_FALSE(check_listen_address("example.com", true));
  system_setup plugins_only;
  plugins_only.plugins.on("threads", [](const on_context&, json::object&) { return on_answer{}; });
  CHECK_FALSE(has_identity(plugins_only)); // handlers are no identity
  plugins_only.plugins.authenticate(
    [](auth_context) -> coroutine<result<auth_answer>> { co_return auth_answer{"x"}; });
  CHECK(has_identity(plugins_only));
}
