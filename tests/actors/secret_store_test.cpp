// The secret store as its neighbours see it, over a scripted Vault: how often it is asked, and who
// hears what.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "actors/runs/messages.hpp"
#include "behalf/plugin.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/http/client.hpp"
#include "secrets/vault.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>

namespace behalf {
namespace {

using namespace std::chrono_literals;

// What reached Vault: each call waits until the test answers it.
struct scripted_vault {
  struct call {
    wire_call what;
    promise_of<outbound_reply> promise;
  };
  std::deque<call> open;
  int logins = 0, reads = 0;

  void take(const wire_call& m, promise_of<outbound_reply> promise) {
    (m.request->call.url.ends_with("/login") ? logins : reads) += 1;
    open.push_back({m, std::move(promise)});
  }
};

service_options service(const char* name) {
  service_options s;
  s.name = name;
  s.url = std::string("https://") + name + ".example.com/";
  s.credential.from = credential_source::secrets;
  return s;
}

struct store_fixture : actor_fixture {
  scripted_vault vault;
  metrics meters;
  secret_store_actor store;
  http_client_actor http;
  std::shared_ptr<principal> alice = std::make_shared<principal>();

  store_fixture() {
    alice->tenant = "t";
    alice->subject = "alice";
    auto* script = &vault;
    http =
      own(sys.spawn([script](http_client_actor::pointer me) -> http_client_actor::behavior_type {
        return {
          [script, me](wire_call& m) -> caf::result<outbound_reply> {
            promise_of<outbound_reply> promise{me};
            script->take(m, promise);
            return promise;
          },
          [](const wire_read&) -> caf::result<outbound_chunk> { return outbound_chunk{}; },
          [](const wire_cancel&) {},
          [script](wire_ended& m) { // a promise is kept by the actor that gave it
            script->open.front().promise.deliver(std::move(*m.reply));
            script->open.pop_front();
          },
        };
      }));
    auto services = std::make_shared<const service_registry>(
      std::move(service_registry::create({service("mail"), service("files")})).value());
    vault_options options;
    options.address = "https://vault.example.com";
    store = own(outside::spawn_secret_store(sys, vault_store::create(options).value(), services,
                                            http, std::chrono::hours(1), meters));
  }

  // A run's handles; `token`: what the user presented, or empty.
  run_handles start_run(const std::string& run_id, const std::string& token) {
    open_leases m;
    m.who = alice;
    m.run_id = run_id;
    if (!token.empty()) {
      auto presented = std::make_shared<auth_request>();
      presented->authorization = wiped_string("Bearer " + token);
      m.credentials = presented;
    }
    return ask<run_handles>(store, std::move(m)).value();
  }

  // A call of that run wants the service's credential.
  auto want(const std::string& run_id, const run_handles& handles, const std::string& name) {
    redeem m;
    for (const auto& [service, handle] : handles.by_service)
      if (service == name)
        m.handle = handle;
    m.claim = {alice->key(), run_id, name, "https://" + name + ".example.com:443"};
    auto pending = self->request(store, caf::infinite, std::move(m));
    sched.run();
    return pending;
  }

  // What it hears: the credential's fingerprint.
  template <class Pending>
  result<std::string> hear(Pending& pending) {
    sched.run();
    if (!self->has_next_message())
      return fail(errc::internal, "no reply");
    std::optional<result<std::string>> answer;
    pending.receive([&](credential& c) { answer.emplace(c.fingerprint); },
                    [&](caf::error& e) { answer.emplace(from_caf(e)); });
    return std::move(*answer);
  }

  // The oldest call is answered.
  void vault_answers(unsigned status, std::string_view body) {
    REQUIRE_FALSE(vault.open.empty());
    vault.open.front().what.request->secret_reply->append(body);
    outbound_reply reply;
    reply.status = status;
    self->send(http, wire_ended{0, std::make_shared<result<outbound_reply>>(reply), nullptr});
    sched.run();
  }
};

constexpr auto login_ok = R"({"auth":{"client_token":"hvs.a","lease_duration":600}})";
constexpr auto entry = R"({"data":{"data":{"token":"canary-1"},"metadata":{"version":1}}})";
constexpr auto newer = R"({"data":{"data":{"token":"canary-2"},"metadata":{"version":2}}})";

} // namespace

TEST_CASE_METHOD(store_fixture, "twenty runs of a user cost one login, and a read per service",
                 "[secrets]") {
  using pending = decltype(want("", {}, ""));
  std::vector<pending> all;
  for (int i = 0; i < 20; ++i) {
    auto run = "run-" + std::to_string(i);
    auto handles = start_run(run, "jwt-of-alice");
    all.push_back(want(run, handles, "mail"));
    all.push_back(want(run, handles, "files"));
  }
  CHECK(vault.logins == 1);
  CHECK(vault.reads == 0);
  vault_answers(200, login_ok);
  CHECK(vault.reads == 2);
  vault_answers(200, entry);
  vault_answers(200, entry);
  for (auto& p : all)
    CHECK(hear(p));
  CHECK(vault.logins == 1);
  CHECK(vault.reads == 2);
}

TEST_CASE_METHOD(store_fixture, "a run without the user's token does not spoil another's fetch",
                 "[secrets]") {
  auto bad = start_run("bad", "jwt-that-has-expired"), good = start_run("good", "jwt-of-alice");
  auto none = start_run("none", "");
  auto first = want("bad", bad, "mail");
  auto second = want("good", good, "mail");
  auto third = want("none", none, "mail");
  CHECK(vault.logins == 1);
  vault_answers(400, "{}");
  CHECK(hear(first).error().kind == "login_refused");
  CHECK(vault.logins == 2); // with the other run's own token
  vault_answers(200, login_ok);
  vault_answers(200, entry);
  CHECK(hear(second));
  CHECK(hear(third)); // the user is there, if not in this run
  CHECK(vault.reads == 1);
}

TEST_CASE_METHOD(store_fixture, "a refused credential is read again, however many it failed",
                 "[secrets]") {
  auto handles = start_run("run", "jwt-of-alice");
  auto first = want("run", handles, "mail");
  vault_answers(200, login_ok);
  vault_answers(200, entry);
  auto old = hear(first).value();
  for (int i = 0; i < 5; ++i)
    self->send(store, forget_credential{alice->key(), "mail", old});
  auto second = want("run", handles, "mail");
  self->send(store, forget_credential{alice->key(), "mail", old}); // while it is being read
  vault_answers(200, newer);
  auto fresh = hear(second).value();
  CHECK(fresh != old);
  self->send(store, forget_credential{alice->key(), "mail", old}); // and after
  auto third = want("run", handles, "mail");
  CHECK(hear(third).value() == fresh);
  CHECK(vault.reads == 2);
  CHECK(vault.logins == 1);
}

TEST_CASE_METHOD(store_fixture, "a run's handles die with it, also while a token is fetched",
                 "[secrets]") {
  auto handles = start_run("run", "jwt-of-alice");
  auto other = start_run("other", "jwt-of-alice");
  auto under_way = want("run", handles, "mail");
  auto others = want("other", other, "mail");
  self->send(store, close_leases{"run"});
  sched.run();
  vault_answers(200, login_ok);
  vault_answers(200, entry);
  CHECK(hear(under_way).error().kind == "handle_unknown");
  CHECK(hear(others));
  auto late = want("run", handles, "mail");
  CHECK(hear(late).error().kind == "handle_unknown");
}

TEST_CASE_METHOD(store_fixture, "what came with the principal needs no store", "[secrets]") {
  auto mail = service("mail");
  mail.credential.from = credential_source::principal;
  auto services =
    std::make_shared<const service_registry>(service_registry::create({mail}).value());
  store =
    own(outside::spawn_secret_store(sys, nullptr, services, http, std::chrono::hours(1), meters));
  stored_credential held;
  held.value = secret{std::string_view{"canary-3"}};
  auto sealed = std::make_shared<sealed_fields>();
  sealed->emplace("mail", std::make_shared<const stored_credential>(std::move(held)));
  open_leases m;
  m.who = alice;
  m.run_id = "r1";
  m.sealed = sealed;
  auto handles = ask<run_handles>(store, std::move(m)).value();
  REQUIRE(handles.by_service.size() == 1);
  auto pending = want("r1", handles, "mail");
  CHECK(hear(pending));
}

TEST_CASE_METHOD(store_fixture, "more leases than a run may have are not a missing credential",
                 "[secrets]") {
  const auto opened = [&](std::size_t count) {
    std::vector<service_options> many;
    for (std::size_t i = 0; i < count; ++i)
      many.push_back(service(("s" + std::to_string(i)).c_str()));
    store = own(outside::spawn_secret_store(
      sys, nullptr,
      std::make_shared<const service_registry>(service_registry::create(std::move(many)).value()),
      http, std::chrono::hours(1), meters));
    open_leases m;
    m.who = alice;
    m.run_id = "r1";
    return ask<run_handles>(store, std::move(m));
  };
  const auto most = lease_book_options{}.per_run;
  CHECK(opened(most).value().by_service.size() == most);
  const auto refused = opened(most + 1);
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::overloaded);
  CHECK(refused.error().message == "this run has too many leases open");
}

} // namespace behalf
