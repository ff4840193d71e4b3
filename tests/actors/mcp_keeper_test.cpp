// MCP sessions and the runs that share them: who listens, and when a session is ended.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "connectors/registry.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <map>

namespace behalf {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

// What the keeper asked of egress and of the secret store, and what it hears.
struct outer_world {
  std::vector<egress_call> calls;
  texts cut, closed_streams, handed, leases; // leases: "run: handles that stay"
  unsigned listening_status = 200;
  std::string holds; // calls with this method wait
  std::vector<std::pair<outbound_reply, promise_of<outbound_reply>>> held;
  std::deque<std::string> bytes; // of the stream that is read
  std::map<uint64_t, promise_of<outbound_chunk>> reads;
};

void hand_out(outer_world& w) {
  for (auto& [id, read] : std::exchange(w.reads, {})) {
    if (w.bytes.empty()) {
      w.reads[id] = read;
      continue;
    }
    read.deliver(outbound_chunk{w.bytes.front(), false});
    w.bytes.pop_front();
  }
}

egress_actor::behavior_type egress_like(egress_actor::pointer me, outer_world* w) {
  // Whom nobody answered hears so in the turn of the actor that owed it, which is the last one.
  me->set_exit_handler([me, w](const caf::exit_msg& m) {
    w->held.clear();
    w->reads.clear();
    me->quit(m.reason);
  });
  return {
    [me, w](const egress_call& m) -> caf::result<outbound_reply> {
      w->calls.push_back(m);
      outbound_reply reply;
      reply.status = m.call.method == "GET" ? w->listening_status : 202;
      if (m.call.method == "GET") {
        reply.headers.emplace_back("Content-Type", "text/event-stream");
        reply.stream_id = w->calls.size();
      }
      if (m.call.method != w->holds)
        return reply;
      w->held.emplace_back(std::move(reply), promise_of<outbound_reply>{me});
      return w->held.back().second;
    },
    [me, w](const egress_read& m) -> caf::result<outbound_chunk> {
      promise_of<outbound_chunk> promise{me};
      w->reads[m.stream_id] = promise;
      hand_out(*w);
      return promise;
    },
    [w](const egress_close& m) { w->closed_streams.push_back(m.run_id); },
    [w](const hand_stream& m) {
      w->handed.push_back(m.run_id + " to " + m.to_run + " " + m.handle.id);
    },
    [w](const cut_calls& m) { w->cut.push_back(m.run_id + " " + m.outside_lane); },
    [w](const recheck_credentials&) { // the test's: go on
      hand_out(*w);
      for (auto& [reply, promise] : std::exchange(w->held, {}))
        promise.deliver(std::move(reply));
    },
    [](const lane_turn&) {},
  };
}

secret_store_actor::behavior_type lender(outer_world* w) {
  return {
    [](const redeem&) -> caf::result<credential> { return credential{}; },
    [](const open_leases&) -> caf::result<run_handles> { return run_handles{}; },
    [w](const close_leases& m) {
      auto line = m.run_id + ":";
      for (const auto& handle : m.except)
        line += " " + handle.id;
      w->leases.push_back(std::move(line));
    },
    [](const forget_credential&) {},
    [](const retry_call&) {},
  };
}

struct keeper_fixture : actor_fixture {
  outer_world w;
  std::shared_ptr<const service_registry> services = registry();
  egress_actor egress;
  mcp_keeper_actor keeper;

  keeper_fixture() {
    auto* world = &w;
    egress = own(sys.spawn([world](egress_actor::pointer me) { return egress_like(me, world); }));
    auto secrets = own(sys.spawn([world](secret_store_actor::pointer) { return lender(world); }));
    keeper = own(outside::spawn_mcp_keeper(sys, services, egress, secrets));
  }

  ~keeper_fixture() {
    self->send_exit(egress, caf::exit_reason::user_shutdown);
    sched.run();
  }

  static std::shared_ptr<const service_registry> registry() {
    service_options mail;
    mail.name = "mail";
    mail.type = service_type::mcp;
    mail.url = "https://mail.example.com/mcp";
    mail.credential.from = credential_source::secrets;
    auto files = mail;
    files.name = "files";
    return std::make_shared<const service_registry>(
      service_registry::create({mail, files}).value());
  }

  static principal_key alice() { return {"t", "", "alice"}; }

  session_used use_of(const std::string& run_id, const std::string& session,
                      const std::string& service = "mail") {
    auto who = std::make_shared<principal>();
    who->tenant = "t";
    who->subject = "alice";
    return {who,
            run_id,
            "thread",
            {"h-" + run_id},
            service,
            {session, "2025-11-25"},
            std::make_shared<std::atomic<bool>>(false)};
  }
  /// As a connector and its node do: the session is found, or kept, and then used.
  pending_answer<session_ready> use(const std::string& run_id, const std::string& session = "s1",
                                    const std::string& service = "mail") {
    services->sessions().keep(alice(), service, {session, "2025-11-25"}, run_id);
    return ask_later<session_ready>(keeper, use_of(run_id, session, service));
  }
  void leave(const std::string& run_id) {
    self->send(keeper, run_left{run_id});
    sched.run();
  }
  void pass(std::chrono::milliseconds time) {
    sched.advance_time(time);
    sched.run();
  }
  void go_on() {
    self->send(egress, recheck_credentials{});
    sched.run();
  }
  void hear(std::string bytes) {
    w.bytes.push_back(std::move(bytes));
    go_on();
  }

  /// "GET run", one for each call since the last time.
  texts called() {
    texts all;
    for (const auto& m : std::exchange(w.calls, {})) {
      all.push_back(m.call.method + " " + m.run_id);
      CHECK(m.call.handle.id == "h-" + m.run_id);
      CHECK(m.thread_id == "thread");
      CHECK(m.outside_lane == (m.call.method != "DELETE"));
    }
    return all;
  }
  texts closed() { return std::exchange(w.leases, {}); }
};

} // namespace

TEST_CASE_METHOD(keeper_fixture, "a session is listened to, and ended soon after it was used",
                 "[mcp]") {
  CHECK(use("r")());
  CHECK(use("r")());
  CHECK(called() == texts{"GET r"});
  hear("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\n");
  REQUIRE(w.calls.size() == 1);
  CHECK(w.calls[0].call.body == R"({"jsonrpc":"2.0","id":1,"result":{"roots":[]}})");
  CHECK(called() == texts{"POST r"});
  leave("r");
  CHECK(closed() == texts{"r: h-r"});
  hear("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n\n");
  CHECK(called() == texts{"POST r"});
  pass(4900ms);
  CHECK(called().empty());
  CHECK(w.cut.empty());
  pass(100ms);
  CHECK(w.cut == texts{"r mail"});
  REQUIRE(w.calls.size() == 1);
  CHECK(w.calls[0].call.url == "https://mail.example.com/mcp");
  CHECK(*find_header(w.calls[0].call.headers, "mcp-session-id") == "s1");
  CHECK(called() == texts{"DELETE r"});
  CHECK(closed() == texts{"r:"}); // now the last handle goes too
  CHECK(services->sessions().size() == 0);
  w.bytes.push_back("data: {\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}\n\n");
  go_on();
  pass(1h);
  CHECK(called().empty());
}

TEST_CASE_METHOD(keeper_fixture, "a run soon after goes on with the session", "[mcp]") {
  use("first");
  leave("first");
  pass(4s);
  CHECK(called() == texts{"GET first"});
  CHECK(closed() == texts{"first: h-first"});
  CHECK(use("second")());
  CHECK(w.handed == texts{"first to second h-second"});
  CHECK(closed() == texts{"first:"});
  pass(1min);
  CHECK(called().empty());
  leave("second");
  pass(5s);
  CHECK(called() == texts{"DELETE second"});
  CHECK(closed() == texts{"second: h-second", "second:"});
}

TEST_CASE_METHOD(keeper_fixture, "the stream goes over to another run of the session", "[mcp]") {
  use("first");
  use("second");
  leave("second");
  use("third");
  CHECK(w.handed.empty());
  CHECK(closed() == texts{"second:"}); // nothing of it is needed
  leave("first");
  CHECK(w.handed == texts{"first to third h-third"});
  CHECK(closed() == texts{"first:"});
  CHECK(called() == texts{"GET first"});
  hear("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n");
  CHECK(called() == texts{"POST third"});
}

TEST_CASE_METHOD(keeper_fixture, "an answer under way stays with its run until it is there",
                 "[mcp]") {
  w.holds = "POST";
  use("first");
  use("second");
  hear("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n");
  leave("first");
  CHECK(w.handed.empty());
  CHECK(closed() == texts{"first: h-first"});
  go_on();
  CHECK(w.handed == texts{"first to second h-second"});
  CHECK(closed() == texts{"first:"});
  CHECK(called() == texts{"GET first", "POST first"});
}

TEST_CASE_METHOD(keeper_fixture, "a call waits until its server could ask something meanwhile",
                 "[mcp]") {
  w.holds = "GET";
  auto first = use("r"), second = use("r"), other = use("other");
  pass(900ms);
  CHECK_FALSE((first() || second() || other()));
  go_on();
  CHECK((first() && second() && other()));
  CHECK(called() == texts{"GET r"});
}

TEST_CASE_METHOD(keeper_fixture, "a server that keeps its stream's head back delays one call",
                 "[mcp]") {
  w.holds = "GET";
  auto first = use("r");
  pass(1s);
  CHECK(first());
  services->sessions().forget(alice(), "mail", "s1");
  CHECK(use("r", "s2")());
  CHECK_FALSE(use("r", "f1", "files")());
  pass(10min);
  services->sessions().forget(alice(), "mail", "s2");
  CHECK_FALSE(use("r", "s3")());
  leave("r");
  pass(5s); // its end cuts what waits
  CHECK(w.cut == texts{"r mail", "r mail", "r files", "r mail"});
}

TEST_CASE_METHOD(keeper_fixture, "a service without such streams is asked once in a while",
                 "[mcp]") {
  w.listening_status = 405;
  use("a");
  use("a", "f1", "files");
  CHECK(called() == texts{"GET a", "GET a"});
  CHECK(w.closed_streams == texts{"a", "a"});
  use("b");
  services->sessions().forget(alice(), "mail", "s1");
  use("b", "s2");
  CHECK(called().empty());
  pass(10min);
  services->sessions().forget(alice(), "mail", "s2");
  use("b", "s3");
  CHECK(called() == texts{"GET b"});
}

TEST_CASE_METHOD(keeper_fixture, "a session that was replaced is ended too", "[mcp]") {
  use("r");
  services->sessions().forget(alice(), "mail", "s1");
  use("r", "s2");
  use("r", "f1", "files");
  called();
  leave("r");
  CHECK(closed().back() == "r: h-r h-r h-r");
  pass(5s);
  CHECK(called() == texts{"DELETE r", "DELETE r", "DELETE r"});
  CHECK(closed().back() == "r:");
  CHECK(services->sessions().size() == 0);
}

TEST_CASE_METHOD(keeper_fixture, "a run that has just found the session keeps it", "[mcp]") {
  use("first");
  leave("first");
  REQUIRE(services->sessions().find(alice(), "mail", "second"));
  called();
  pass(5s);
  CHECK(called().empty());
  CHECK(ask<session_ready>(keeper, use_of("second", "s1")));
  CHECK(w.handed == texts{"first to second h-second"});
  CHECK(closed().back() == "first:");
  leave("second");
  pass(5s);
  CHECK(called() == texts{"DELETE second"});
}

TEST_CASE_METHOD(keeper_fixture, "what a node does too late keeps no session", "[mcp]") {
  services->sessions().keep(alice(), "mail", {"s1", "2025-11-25"}, "r");
  auto late = use_of("r", "s1");
  late.stopped = std::make_shared<std::atomic<bool>>(true);
  const bool before = GENERATE(true, false);
  if (before)
    leave("r");
  CHECK(ask<session_ready>(keeper, late));
  if (!before)
    leave("r");
  CHECK(called().empty());
  CHECK(closed() == texts{before ? "r:" : "r: h-r"});
  pass(5s);
  CHECK(called() == texts{"DELETE r"});
  CHECK(services->sessions().size() == 0);
}

TEST_CASE_METHOD(keeper_fixture, "a server without sessions is not listened to", "[mcp]") {
  use("r", "");
  leave("r");
  pass(5s);
  CHECK(called().empty());
  CHECK(services->sessions().size() == 0);
  CHECK(closed().back() == "r:");
}

TEST_CASE_METHOD(keeper_fixture, "at the end all servers are told", "[mcp]") {
  CHECK(ask<sessions_ended>(keeper, end_sessions{}));
  use("a");
  use("b", "f1", "files");
  use("c", "f1", "files");
  leave("a");
  leave("b");
  called();
  w.holds = "DELETE";
  auto all = ask_later<sessions_ended>(keeper, end_sessions{});
  CHECK(called() == texts{"DELETE a"}); // one is still used
  CHECK_FALSE(all());
  go_on();
  CHECK(all());
}

TEST_CASE_METHOD(keeper_fixture, "sessions that linger are bounded", "[mcp]") {
  w.listening_status = 405;
  for (int n = 0; n <= 1'000; ++n) {
    auto m = use_of("r" + std::to_string(n), "s" + std::to_string(n));
    auto who = std::make_shared<principal>(*m.who);
    who->subject += std::to_string(n);
    m.who = who;
    services->sessions().keep(who->key(), "mail", m.session, m.run_id);
    CHECK(ask<session_ready>(keeper, m));
    leave("r" + std::to_string(n));
  }
  CHECK(called() == texts{"GET r0", "DELETE r0"});
  CHECK(services->sessions().size() == 1'000);
}

} // namespace behalf
