// What happens to calls and streams that are out when who asked for them is stopped or their
// credential is withdrawn.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/http/client.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <map>

namespace behalf {
namespace {

using namespace std::chrono_literals;

// The outside, where nothing ends by itself.
struct outer_world {
  std::vector<std::string> whose;                       // by call that went out
  std::vector<std::string> bodies;                      // of those that had one
  std::map<uint64_t, promise_of<outbound_reply>> calls; // by ticket
  std::map<uint64_t, promise_of<outbound_chunk>> reads; // by stream
  std::vector<uint64_t> cut_streams;
  std::vector<std::string> audited;
  int redeemed = 0, asked_again = 0;
  std::vector<std::string> asked_for; // again: run and handle
  std::optional<error> no_more;       // what who asks again hears
};

class no_writer : public credential_writer {
public:
  void write_head(wiped_string&) const override {}
  std::unique_ptr<reply_scrubber> scrubber() const override { return nullptr; }
};

secret_store_actor::behavior_type lender(outer_world* w) {
  return {
    [w](const redeem& m) -> caf::result<credential> {
      (m.again ? w->asked_again : w->redeemed) += 1;
      if (m.again)
        w->asked_for.push_back(m.claim.run_id + " " + m.handle.id);
      if (m.again && w->no_more)
        return to_caf(*w->no_more);
      return credential{std::make_shared<no_writer>(), "fp"};
    },
    [](const open_leases&) -> caf::result<run_handles> { return run_handles{}; },
    [](const close_leases&) {},
    [](const forget_credential&) {},
    [](const retry_call&) {},
  };
}

http_client_actor::behavior_type wire(http_client_actor::pointer me, outer_world* w) {
  // Whom nobody answered hears so in the turn of the actor that owed it, which is the last one.
  me->set_exit_handler([me, w](const caf::exit_msg& m) {
    w->calls.clear();
    w->reads.clear();
    me->quit(m.reason);
  });
  return {
    [me, w](const wire_call& m) -> caf::result<outbound_reply> {
      promise_of<outbound_reply> promise{me};
      w->calls[m.ticket] = promise;
      w->whose.push_back(m.request->pool_key);
      if (!m.request->call.body.empty())
        w->bodies.push_back(m.request->call.body);
      return promise;
    },
    [me, w](const wire_read& m) -> caf::result<outbound_chunk> {
      promise_of<outbound_chunk> promise{me};
      w->reads[m.stream_id] = promise;
      return promise;
    },
    [w](const wire_cancel& m) {
      const error cancelled{errc::upstream, "cancelled", {}, "cancelled"};
      if (auto call = w->calls.extract(m.ticket); !call.empty())
        call.mapped().deliver(cancelled);
      if (m.stream_id == 0)
        return;
      w->cut_streams.push_back(m.stream_id);
      if (auto read = w->reads.extract(m.stream_id); !read.empty())
        read.mapped().deliver(cancelled);
    },
    [w](wire_ended& m) { // a promise is kept by the actor that gave it
      if (m.reply)
        w->calls.extract(m.ticket).mapped().deliver(std::move(*m.reply));
      else
        w->reads.extract(m.ticket).mapped().deliver(std::move(*m.chunk));
    },
  };
}

const std::string cut_short = "the call was cut: nobody waits for its reply any more";

struct watch_fixture : actor_fixture {
  using stop_flag = std::shared_ptr<std::atomic<bool>>;

  outer_world w;
  std::map<std::string, stop_flag> stopped; // by run
  metrics meters;
  egress_actor out;
  http_client_actor door;

  watch_fixture() {
    service_options api;
    api.name = "api";
    api.url = "https://api.example.com/v1";
    api.credential.from = credential_source::secrets;
    api.max_concurrent = 2;
    auto open = api;
    open.name = "open";
    open.credential.from = credential_source::none;
    auto services = std::make_shared<const service_registry>(
      std::move(service_registry::create({api, open})).value());
    auto* world = &w;
    auto secrets = own(sys.spawn([world](secret_store_actor::pointer) { return lender(world); }));
    door = own(sys.spawn([world](http_client_actor::pointer me) { return wire(me, world); }));
    auto audit = own(sys.spawn([world](audit_actor::pointer) -> audit_actor::behavior_type {
      return {
        [world](const audit_event& m) -> caf::result<audit_receipt> {
          world->audited.push_back(m.what.action + " " + m.what.method + " " + m.what.outcome);
          return audit_receipt{7};
        },
        [](flush_group) {},
      };
    }));
    out = own(outside::spawn_egress(sys, services, secrets, audit, door, meters));
  }

  ~watch_fixture() {
    self->send_exit(door, caf::exit_reason::user_shutdown);
    sched.run();
  }

  egress_call call_of(const std::string& user, const std::string& run_id,
                      const std::string& service = "api") {
    egress_call m;
    m.call.service = service;
    m.call.url = "https://api.example.com/v1/x";
    m.call.handle.id = "handle of " + run_id;
    auto who = std::make_shared<principal>();
    who->tenant = "t";
    who->subject = user;
    m.who = who;
    m.run_id = run_id;
    m.stopped = flag_of(run_id);
    return m;
  }

  const stop_flag& flag_of(const std::string& run_id) {
    return stopped.try_emplace(run_id, std::make_shared<std::atomic<bool>>(false)).first->second;
  }

  auto call(const std::string& run_id, const std::string& service = "api") {
    auto pending = self->request(out, caf::infinite, call_of("alice", run_id, service));
    sched.run();
    return pending;
  }

  // A stream that is open, and its number.
  uint64_t stream(const std::string& run_id, uint64_t id, const std::string& service = "api") {
    auto pending = call(run_id, service);
    outbound_reply reply;
    reply.status = 200;
    reply.stream_id = id;
    auto ticket = w.calls.rbegin()->first;
    self->send(door, wire_ended{ticket, std::make_shared<result<outbound_reply>>(reply), nullptr});
    CHECK(hear<outbound_reply>(pending));
    return id;
  }

  auto read(uint64_t id, const std::string& run_id = "r") {
    auto pending = self->request(out, caf::infinite, egress_read{id, run_id});
    sched.run();
    return pending;
  }

  template <class T, class Pending>
  result<T> hear(Pending& pending) {
    sched.run();
    if (!self->has_next_message())
      return fail(errc::timeout, "no reply yet");
    std::optional<result<T>> answer;
    pending.receive([&](T& value) { answer.emplace(std::move(value)); },
                    [&](caf::error& e) { answer.emplace(from_caf(e)); });
    return std::move(*answer);
  }

  void after(std::chrono::milliseconds time) {
    sched.advance_time(time);
    sched.run();
  }
  /// The nodes of the run are stopped.
  void stop(const std::string& run_id) {
    *flag_of(run_id) = true;
    self->send(out, cut_calls{run_id});
    sched.run();
  }
};

} // namespace

TEST_CASE_METHOD(watch_fixture, "who floods a service waits for the others' turns", "[egress]") {
  std::vector<pending_answer<outbound_reply>> alice;
  for (int i = 0; i < 240; ++i)
    alice.push_back(ask_later<outbound_reply>(out, call_of("alice", "r" + std::to_string(i))));
  CHECK(w.calls.size() == 2); // alone, she may have all of it
  REQUIRE(alice.back()());
  const auto why = alice.back()()->error(); // but the queue keeps an eighth for others
  CHECK(why.code == errc::overloaded);
  CHECK(find_header(why.headers, "Retry-After"));
  CHECK_FALSE(alice[225]());
  auto bob = ask_later<outbound_reply>(out, call_of("bob", "b"));
  CHECK_FALSE(bob());
  outbound_reply fine;
  fine.status = 200;
  for (int i = 0; i < 2; ++i) {
    self->send(door, wire_ended{w.calls.begin()->first,
                                std::make_shared<result<outbound_reply>>(fine), nullptr});
    sched.run();
  }
  REQUIRE(w.whose.size() == 4);
  CHECK(std::count_if(w.whose.begin(), w.whose.end(),
                      [](const std::string& key) { return key.find("bob") != key.npos; })
        == 1);
  for (int i = 0; i < 240; ++i)
    stop("r" + std::to_string(i)); // also those that wait
  for (auto& one : alice)
    CHECK(one());
  CHECK_FALSE(bob());
}

TEST_CASE_METHOD(watch_fixture, "a withdrawn credential cuts the call under way", "[egress]") {
  auto pending = call("r");
  after(1s);
  CHECK(w.asked_again == 1);
  CHECK(w.calls.size() == 1); // still lent
  w.no_more = fail(errc::not_found, "no api token stored");
  after(1s);
  CHECK(w.calls.empty());
  auto why = hear<outbound_reply>(pending);
  REQUIRE_FALSE(why);
  CHECK(why.error().code == errc::denied);
  CHECK(why.error().kind == "revoked");
  CHECK(w.audited == std::vector<std::string>{"call GET sent", "cut GET revoked"});
  after(5s);
  CHECK(w.asked_again == 2); // nothing is out: nobody asks
}

TEST_CASE_METHOD(watch_fixture, "a withdrawn credential cuts the stream that is read, once",
                 "[egress]") {
  auto id = stream("r", 41);
  auto pending = read(id);
  w.no_more = error{errc::denied, "no", {}, "handle_unknown"};
  after(1s);
  CHECK(w.cut_streams == std::vector<uint64_t>{41});
  CHECK(hear<outbound_chunk>(pending).error().kind == "revoked");
}

TEST_CASE_METHOD(watch_fixture, "a stream cut between two reads says so at the next", "[egress]") {
  auto id = stream("r", 42);
  w.no_more = fail(errc::not_found, "gone");
  after(1s);
  auto pending = read(id);
  CHECK(hear<outbound_chunk>(pending).error().kind == "revoked");
  CHECK(w.reads.empty());
}

TEST_CASE_METHOD(watch_fixture, "a store that cannot be asked cuts nothing", "[egress]") {
  call("r");
  const error troubles[] = {fail(errc::overloaded, "sealed"),
                            {errc::denied, "sign in again", {}, "needs_login"},
                            {errc::denied, "no", {}, "login_refused"},
                            {errc::denied, "expired", {}, "expired"},
                            fail(errc::timeout, "slow")};
  for (const auto& trouble : troubles) {
    w.no_more = trouble;
    after(1s);
  }
  CHECK(w.asked_again == 5);
  CHECK(w.calls.size() == 1);
}

TEST_CASE_METHOD(watch_fixture, "calls of one run on one service are one question", "[egress]") {
  stream("q", 43);
  call("r");
  call("r");
  after(1s);
  CHECK(w.redeemed == 3);
  CHECK(w.asked_again == 2);
  CHECK(w.calls.size() == 2);
}

TEST_CASE_METHOD(watch_fixture, "a call without a credential is not cut with one that had it",
                 "[egress]") {
  call("r");
  call("r", "open"); // takes no credential
  w.no_more = fail(errc::not_found, "gone");
  after(1s);
  CHECK(w.calls.size() == 1);
}

TEST_CASE_METHOD(watch_fixture, "a stopped run's calls end: out, waiting and streaming",
                 "[egress]") {
  stream("r", 44);
  stream("other", 45);
  auto first = call("r"), second = call("r"), waiting = call("r");
  call("other");
  CHECK(w.calls.size() == 2);
  CHECK(w.redeemed == 4);
  stop("r");
  CHECK(hear<outbound_reply>(waiting).error().message == cut_short);
  CHECK(hear<outbound_reply>(first).error().message == cut_short);
  CHECK(hear<outbound_reply>(second).error().message == cut_short);
  CHECK(w.cut_streams == std::vector<uint64_t>{44});
  CHECK(w.redeemed == 5); // the other run's call has its turn
  CHECK(w.calls.size() == 1);
}

TEST_CASE_METHOD(watch_fixture, "a stopped node's calls are cut, not those of its run's others",
                 "[egress]") {
  stream("r", 50);
  auto mine = ask_later<outbound_reply>(out, call_of("alice", "r"));
  CHECK_FALSE(mine());
  const auto late = std::exchange(stopped["r"], std::make_shared<std::atomic<bool>>(false));
  stream("r", 51);
  auto others = ask_later<outbound_reply>(out, call_of("alice", "r"));
  *late = true;
  self->send(out, cut_calls{"r"});
  REQUIRE(mine());
  CHECK(mine()->error().message == cut_short);
  CHECK_FALSE(others());
  CHECK(w.cut_streams == std::vector<uint64_t>{50});
  const auto sent = w.whose.size();
  auto m = call_of("alice", "r");
  m.stopped = late; // it was asking while it was stopped
  auto refused = ask_later<outbound_reply>(out, m);
  REQUIRE(refused());
  CHECK(refused()->error().message == cut_short);
  CHECK(w.whose.size() == sent);
}

TEST_CASE_METHOD(watch_fixture, "calls that their node goes on without end, and are counted",
                 "[egress]") {
  const auto left = std::make_shared<std::atomic<bool>>(false);
  const auto begin = [&](bool mine) {
    auto m = call_of("alice", "r");
    if (mine)
      m.taken_back = left;
    return ask_later<outbound_reply>(out, m);
  };
  auto gone = begin(true), others = begin(false), waiting = begin(true);
  CHECK_FALSE(gone());
  CHECK(w.calls.size() == 2);
  *left = true;
  self->send(out, cut_calls{"r"});
  REQUIRE(gone());
  CHECK(gone()->error().message == cut_short);
  REQUIRE(waiting());
  CHECK(waiting()->error().message == cut_short);
  CHECK_FALSE(others());
  CHECK(w.calls.size() == 1);
  auto late = begin(true);
  REQUIRE(late());
  const metrics::labels cut{{"service", "api"}, {"outcome", "cut"}};
  CHECK(meters.counter("behalf_egress_calls_total", "", cut).value() == 3);
}

TEST_CASE_METHOD(watch_fixture, "a service hears of calls it has got that were cut or timed out",
                 "[egress]") {
  const auto left = std::make_shared<std::atomic<bool>>(false);
  const auto begin = [&](const std::string& cancellation) {
    auto m = call_of("alice", "r");
    auto told = m.call;
    told.body = cancellation;
    m.cancellation = std::make_shared<const outbound_call>(told);
    m.taken_back = left;
    auto pending = ask_later<outbound_reply>(out, m);
    CHECK_FALSE(pending());
    return pending;
  };
  const auto answer = [&](result<outbound_reply> reply) {
    auto end = std::make_shared<result<outbound_reply>>(std::move(reply));
    self->send(door, wire_ended{w.calls.rbegin()->first, std::move(end), nullptr});
    sched.run();
  };
  using names = std::vector<std::string>;
  outbound_reply streaming;
  streaming.status = 200;
  streaming.stream_id = 60;
  auto streamed = begin("of a stream");
  answer(streaming);
  REQUIRE(streamed());
  auto late = begin("of a late one");
  answer(fail(errc::timeout, "did not answer in time"));
  REQUIRE(late());
  CHECK(late()->error().code == errc::timeout);
  CHECK(w.bodies == names{"of a late one"});
  auto broken = begin("of a broken one");
  answer(fail(errc::upstream, "broke off"));
  auto first = begin("of the first"), second = begin("of the second"), waiting = begin("of none");
  *left = true;
  for (int i = 0; i < 2; ++i) {
    self->send(out, cut_calls{"r"});
    sched.run();
  }
  std::sort(w.bodies.begin(), w.bodies.end());
  CHECK(w.bodies == names{"of a late one", "of a stream", "of the first", "of the second"});
  CHECK(w.cut_streams == std::vector<uint64_t>{60});
  for (auto* one : {&broken, &first, &second, &waiting})
    CHECK((*one)());
}

TEST_CASE_METHOD(watch_fixture, "a call beside the lane neither waits nor makes others wait",
                 "[egress]") {
  for (int i = 0; i < 3; ++i)
    call("r");
  CHECK(w.calls.size() == 2); // as many as the service allows
  auto beside = call_of("alice", "s");
  beside.outside_lane = true;
  auto listening = ask_later<outbound_reply>(out, beside);
  CHECK(w.calls.size() == 3);
  CHECK(w.redeemed == 3);
  CHECK(w.audited == std::vector<std::string>(3, "call GET sent"));
  outbound_reply fine;
  fine.status = 200;
  self->send(door, wire_ended{w.calls.rbegin()->first,
                              std::make_shared<result<outbound_reply>>(fine), nullptr});
  REQUIRE(listening());
  CHECK(listening()->has_value());
  CHECK(w.calls.size() == 2); // its end makes no room: it took none
  auto again = ask_later<outbound_reply>(out, beside);
  for (const auto& other : {cut_calls{"s"}, cut_calls{"s", "open"}, cut_calls{"r", "api"}}) {
    self->send(out, other);
    sched.run();
    CHECK_FALSE(again());
  }
  self->send(out, cut_calls{"s", "api"});
  REQUIRE(again());
  CHECK(again()->error().message == cut_short);
}

TEST_CASE_METHOD(watch_fixture, "a stream may go over to another run, and to its handle",
                 "[egress]") {
  auto id = stream("r", 49);
  read(id);
  self->send(out, hand_stream{id, "other", "s", "thread", {"stolen"}}); // it is not that run's
  self->send(out, hand_stream{id, "r", "s", "thread", {"handle of s"}});
  stop("r");
  CHECK(w.cut_streams.empty());
  w.no_more = error{errc::denied, "no", {}, "handle_unknown"};
  after(1s);
  CHECK(w.asked_for == std::vector<std::string>{"s handle of s"});
  CHECK(w.cut_streams == std::vector<uint64_t>{49});
}

TEST_CASE_METHOD(watch_fixture, "a stream is its run's: to another it is not there", "[egress]") {
  auto id = stream("r", 47);
  auto stranger = read(id, "other");
  CHECK(hear<outbound_chunk>(stranger).error().code == errc::not_found);
  CHECK(w.reads.empty());
  self->send(out, egress_close{id, "other"});
  sched.run();
  CHECK(w.cut_streams.empty());
  auto unknown = read(48);
  CHECK(hear<outbound_chunk>(unknown).error().code == errc::not_found);
  self->send(out, egress_close{id, "r"});
  sched.run();
  CHECK(w.cut_streams == std::vector<uint64_t>{47});
}

TEST_CASE_METHOD(watch_fixture, "a stream read to its end is no longer looked after", "[egress]") {
  auto id = stream("r", 46);
  auto pending = read(id);
  auto end = std::make_shared<result<outbound_chunk>>(outbound_chunk{});
  (*end)->last = true;
  self->send(door, wire_ended{id, nullptr, end});
  CHECK(hear<outbound_chunk>(pending)->last);
  after(5s);
  CHECK(w.asked_again == 0);
  stop("r");
  CHECK(w.cut_streams.empty());
}

} // namespace behalf
