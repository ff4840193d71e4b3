#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/records.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <filesystem>

namespace behalf {
namespace {

// Keeps the order in which things happened: the receipt must come before the call.
struct world {
  std::vector<std::string> happened;
  std::optional<error> audit_fails = {};
  std::string denies; // kind of the refusal, or empty
};

class no_writer : public credential_writer {
public:
  void write_head(wiped_string&) const override {}
  std::unique_ptr<reply_scrubber> scrubber() const override { return nullptr; }
};

struct egress_fixture : actor_fixture {
  world w;
  metrics meters;
  egress_actor out;

  egress_fixture() {
    service_options api;
    api.name = "api";
    api.url = "https://api.example.com/v1";
    api.credential.from = credential_source::secrets;
    api.max_concurrent = 1;
    auto slow = api, whole = api;
    slow.name = "slow";
    slow.max_concurrent = 8;
    slow.calls_per_minute = 2;
    whole.name = "whole";
    whole.whole_answers = true;
    auto own_key = api;
    own_key.name = model_service("main");
    own_key.own = true;
    own_key.credential.name = "openai";
    auto services = std::make_shared<const service_registry>(
      std::move(service_registry::create({api, slow, whole, own_key})).value());
    auto* world = &w;
    auto secrets =
      own(sys.spawn([world](secret_store_actor::pointer) -> secret_store_actor::behavior_type {
        return {
          [world](const redeem& m) -> caf::result<credential> {
            world->happened.push_back("redeem " + m.claim.host);
            if (!world->denies.empty())
              return to_caf(error{errc::denied, "no", {}, world->denies});
            return credential{std::make_shared<no_writer>(), "fp"};
          },
          [](const open_leases&) -> caf::result<run_handles> { return run_handles{}; },
          [](const close_leases&) {},
          [world](const forget_credential&) { world->happened.push_back("forget"); },
          [](const retry_call&) {},
        };
      }));
    auto audit = own(sys.spawn([world](audit_actor::pointer) -> audit_actor::behavior_type {
      return {
        [world](const audit_event& m) -> caf::result<audit_receipt> {
          world->happened.push_back("audit " + m.what.action + " " + m.what.path);
          if (world->audit_fails)
            return to_caf(*world->audit_fails);
          return audit_receipt{7};
        },
        [](flush_group) {},
      };
    }));
    auto http =
      own(sys.spawn([world](http_client_actor::pointer) -> http_client_actor::behavior_type {
        return {
          [world](wire_call& m) -> caf::result<outbound_reply> {
            world->happened.push_back("wire");
            outbound_reply reply;
            reply.status = m.request->call.url.ends_with("401") ? 401 : 200;
            reply.stream_id = m.request->call.url.ends_with("stream") ? 5 : 0;
            return reply;
          },
          [](const wire_read&) -> caf::result<outbound_chunk> { return outbound_chunk{}; },
          [](const wire_cancel&) {},
          [](wire_ended&) {},
        };
      }));
    out = own(outside::spawn_egress(sys, services, secrets, audit, http, meters));
  }

  result<outbound_reply> call(const std::string& url, bool handle = true) {
    return ask<outbound_reply>(out, to_send(url, handle));
  }

  static egress_call to_send(const std::string& url, bool handle = true,
                             const std::string& service = "api") {
    egress_call m;
    m.call.service = service;
    m.call.url = url;
    if (handle)
      m.call.handle.id = "h";
    auto who = std::make_shared<principal>();
    who->tenant = "t";
    who->subject = "alice";
    m.who = who;
    m.run_id = "r";
    return m;
  }
};

using steps = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(egress_fixture, "a credential leaves after its receipt", "[egress]") {
  auto reply = call("https://api.example.com/v1/x?secret=1");
  REQUIRE(reply);
  CHECK(reply->receipt == 7);
  CHECK(w.happened == steps{"redeem https://api.example.com:443", "audit call /v1/x", "wire"});
}

TEST_CASE_METHOD(egress_fixture, "without a receipt nothing leaves", "[egress]") {
  w.audit_fails = fail(errc::internal, "/var/audit.jsonl: input/output error");
  auto refused = call("https://api.example.com/v1/x").error();
  CHECK(refused.code == errc::overloaded);
  CHECK(refused.message.find("/var") == std::string::npos);
  w.audit_fails = disk_full("the audit log cannot be written");
  CHECK(call("https://api.example.com/v1/x").error().kind == storage_full);
  metrics::labels failed{{"service", "api"}, {"outcome", "failed"}};
  CHECK(meters.counter("behalf_egress_calls_total", "", failed).value() == 2);
  CHECK(std::find(w.happened.begin(), w.happened.end(), "wire") == w.happened.end());
}

TEST_CASE_METHOD(egress_fixture, "another host is refused before anything is redeemed",
                 "[egress]") {
  for (const auto* url : {"https://evil.example/", "http://api.example.com/v1/x",
                          "https://api.example.com:8443/", "https://api.example.com@evil.example/"})
    CHECK(call(url).error().code == errc::denied);
  for (const auto& what : w.happened)
    CHECK(what.starts_with("audit refuse"));
}

TEST_CASE_METHOD(egress_fixture, "a handle that does not open stops the call", "[egress]") {
  w.denies = "handle_run";
  CHECK(call("https://api.example.com/v1/x").error().kind == "handle_run");
  CHECK(w.happened.back() == "audit refuse /v1/x");
}

TEST_CASE_METHOD(egress_fixture, "a call without a handle needs one", "[egress]") {
  CHECK(call("https://api.example.com/v1/x", false).error().kind == "needs_auth");
}

TEST_CASE_METHOD(egress_fixture, "a key that is missing is said to be the model's", "[egress]") {
  const auto asked = [&](const std::string& service) {
    return ask<outbound_reply>(out, to_send("https://api.example.com/v1/x", false, service))
      .error()
      .message;
  };
  CHECK(asked("model-main")
        == "model 'main' needs a credential of this user ('openai'), and there is none: it is "
           "stored by behalf secret put --service openai");
  CHECK(asked("api") == "service 'api' needs a credential of this user, and there is none");
}

TEST_CASE_METHOD(egress_fixture, "a refused credential is fetched anew next time", "[egress]") {
  CHECK(call("https://api.example.com/v1/401")->status == 401);
  CHECK(w.happened.back() == "forget");
}

TEST_CASE_METHOD(egress_fixture, "a second read at once is refused, and the stream goes on",
                 "[egress]") {
  REQUIRE(call("https://api.example.com/v1/stream"));
  const egress_read read{5, "r"};
  auto first = self->request(out, caf::infinite, read);
  CHECK(ask<outbound_chunk>(out, read).error().code == errc::conflict);
  first.receive([](const outbound_chunk&) {}, [](const caf::error&) { FAIL("the first read"); });
  CHECK(ask<outbound_chunk>(out, read));
}

TEST_CASE_METHOD(egress_fixture, "a call that is refused its credential takes nobody's turn",
                 "[egress]") {
  for (int i = 0; i < 5; ++i) // two a minute begin
    CHECK(
      ask<outbound_reply>(out, to_send("https://api.example.com/v1/x", false, "slow")).error().kind
      == "needs_auth");
  CHECK(ask<outbound_reply>(out, to_send("https://api.example.com/v1/x", true, "slow")));
}

TEST_CASE_METHOD(egress_fixture, "a finished call makes room for the next", "[egress]") {
  for (int i = 0; i < 3; ++i)
    CHECK(call("https://api.example.com/v1/x"));
}

TEST_CASE_METHOD(egress_fixture, "calls beyond a minute's number wait for their time", "[egress]") {
  const std::string url = "https://api.example.com/v1/x";
  std::vector<pending_answer<outbound_reply>> answers;
  for (int i = 0; i < 3; ++i)
    answers.push_back(ask_later<outbound_reply>(out, to_send(url, true, "slow")));
  sched.run();
  CHECK(answers[0]());
  CHECK(answers[1]());
  CHECK_FALSE(answers[2]()); // not refused: it waits
  const auto waiting = [&](const char* service) {
    return meters.gauge("behalf_egress_waiting", "", {{"service", service}}).value();
  };
  CHECK(waiting("slow") == 1);
  CHECK(waiting("api") == 0);
}

TEST_CASE_METHOD(egress_fixture, "a call holds its place until its answer was read", "[egress]") {
  auto first =
    ask<outbound_reply>(out, to_send("https://api.example.com/v1/stream", true, "whole"));
  REQUIRE(first);
  auto second =
    ask_later<outbound_reply>(out, to_send("https://api.example.com/v1/x", true, "whole"));
  sched.run();
  CHECK_FALSE(second());
  self->send(out, egress_close{first->stream_id, "r"});
  sched.run();
  CHECK(second());
}

} // namespace behalf
