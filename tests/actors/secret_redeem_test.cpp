// Who may open which handle, and what a source that cannot be reached stops. The source is a plain
// one that answers at once; secret_store_test has one that is waited for.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/metrics.hpp"
#include "secrets/secret_source.hpp"
#include "tests/support/actor_fixture.hpp"

namespace behalf {
namespace {

struct shelf {
  std::vector<credential_key> reads;
  bool down = false;
};

class shelf_task : public secret_operation {
public:
  explicit shelf_task(result<secret_answer> answer) : answer_(std::move(answer)) {}
  secret_step start(time_point) override { return std::move(answer_); }
  secret_step resume(result<secret_reply>, time_point) override { return std::move(answer_); }

private:
  result<secret_answer> answer_;
};

class shelf_source : public secret_source {
public:
  explicit shelf_source(shelf& all) : all_(all) {}

  std::unique_ptr<secret_operation> read(const credential_key& key, inbound_token_ptr) override {
    all_.reads.push_back(key);
    if (all_.down)
      return done(fail(errc::overloaded, "the secret store cannot be reached"));
    secret_answer found;
    found.found = std::make_shared<const stored_credential>(
      stored_credential{secret{"token-of-" + key.who.subject}});
    return done(std::move(found));
  }
  std::unique_ptr<secret_operation> list(const principal_key&, inbound_token_ptr) override {
    return done(secret_answer{});
  }
  std::unique_ptr<secret_operation> write(const credential_key&, stored_credential,
                                          std::optional<int64_t>, inbound_token_ptr) override {
    return done(secret_answer{});
  }
  std::unique_ptr<secret_operation> erase(const credential_key&, inbound_token_ptr) override {
    return done(secret_answer{});
  }

private:
  static std::unique_ptr<secret_operation> done(result<secret_answer> answer) {
    return std::make_unique<shelf_task>(std::move(answer));
  }

  shelf& all_;
};

struct redeem_fixture : actor_fixture {
  shelf all;
  metrics meters;
  secret_store_actor store;

  redeem_fixture() {
    service_options mail, open;
    mail.name = "mail";
    mail.url = "https://mail.example.com";
    mail.credential.from = credential_source::secrets;
    open.name = "weather"; // takes no credential
    open.url = "https://weather.example.com";
    auto services =
      std::make_shared<const service_registry>(service_registry::create({mail, open}).value());
    store = own(outside::spawn_secret_store(sys, std::make_unique<shelf_source>(all), services,
                                            http_client_actor{}, std::chrono::hours{1}, meters));
  }

  static principal_key key_of(const std::string& name) { return {"acme", "https://id", name}; }
  result<run_handles> begin(const std::string& run_id, const std::string& name) {
    auto who = std::make_shared<principal>();
    who->tenant = "acme";
    who->issuer = "https://id";
    who->subject = name;
    open_leases m;
    m.who = who;
    m.run_id = run_id;
    return ask<run_handles>(store, std::move(m));
  }
  redeem claim(const run_handles& handles, const std::string& run_id, const std::string& name) {
    redeem m;
    m.handle = handles.by_service.at(0).second;
    m.claim = {key_of(name), run_id, "mail", "https://mail.example.com:443"};
    return m;
  }
  /// Why a handle did not open; "opened" if it did.
  std::string outcome(redeem m) {
    auto got = ask<credential>(store, std::move(m));
    return got ? "opened" : got.error().kind;
  }
};

} // namespace

TEST_CASE_METHOD(redeem_fixture, "a run gets handles for services that take a credential, unread",
                 "[secrets]") {
  auto handles = begin("run", "alice").value();
  REQUIRE(handles.by_service.size() == 1);
  CHECK(handles.by_service[0].first == "mail");
  CHECK(all.reads.empty());
}

TEST_CASE_METHOD(redeem_fixture, "a service's credential comes from the store it names",
                 "[secrets]") {
  service_options mail;
  mail.name = "mail";
  mail.url = "https://mail.example.com";
  mail.credential.from = credential_source::secrets;
  mail.credential.store = "team";
  shelf of_team;
  secret_sources both{std::make_unique<shelf_source>(all)};
  both.add("team", std::make_unique<shelf_source>(of_team));
  store = own(outside::spawn_secret_store(
    sys, std::move(both),
    std::make_shared<const service_registry>(service_registry::create({mail}).value()),
    http_client_actor{}, std::chrono::hours{1}, meters));
  auto handles = begin("run", "alice").value();
  CHECK(outcome(claim(handles, "run", "alice")) == "opened");
  CHECK(of_team.reads.size() == 1);
  CHECK(all.reads.empty());
}

TEST_CASE_METHOD(redeem_fixture, "two calls of a user cost one read, two users one each",
                 "[secrets]") {
  auto first = begin("run-1", "alice").value(), second = begin("run-2", "alice").value();
  auto bobs = begin("run-3", "bob").value();
  auto one = ask<credential>(store, claim(first, "run-1", "alice")).value();
  auto two = ask<credential>(store, claim(second, "run-2", "alice")).value();
  CHECK(all.reads.size() == 1);
  auto other = ask<credential>(store, claim(bobs, "run-3", "bob")).value();
  CHECK(one.fingerprint == two.fingerprint);
  CHECK(one.fingerprint != other.fingerprint);
  REQUIRE(all.reads.size() == 2);
  CHECK(all.reads[0].who == key_of("alice"));
  CHECK(all.reads[1].who == key_of("bob"));
}

TEST_CASE_METHOD(redeem_fixture, "a handle opens nothing for another user, run, service or host",
                 "[secrets]") {
  auto handles = begin("run", "alice").value();
  begin("other", "bob").value();
  CHECK(outcome(claim(handles, "run", "bob")) == "handle_principal");
  CHECK(outcome(claim(handles, "other", "alice")) == "handle_run");
  auto service = claim(handles, "run", "alice"), host = service, unknown = service;
  service.claim.service = "weather";
  CHECK(outcome(service) == "handle_service");
  host.claim.host = "https://evil.example:443";
  CHECK(outcome(host) == "host_denied");
  unknown.handle.id = "made-up";
  CHECK(outcome(unknown) == "handle_unknown");
  CHECK(all.reads.empty());
  CHECK(outcome(claim(handles, "run", "alice")) == "opened");
}

TEST_CASE_METHOD(redeem_fixture, "a source that cannot be reached stops only who needs a token",
                 "[secrets]") {
  all.down = true;
  auto handles = begin("run", "alice");
  REQUIRE(handles); // a run may begin
  auto refused = ask<credential>(store, claim(*handles, "run", "alice"));
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == errc::overloaded);
  all.down = false; // an outage is not remembered
  CHECK(ask<credential>(store, claim(*handles, "run", "alice")));
}

TEST_CASE_METHOD(redeem_fixture, "handles die with their run and no other", "[secrets]") {
  auto ending = begin("run-1", "alice").value(), going_on = begin("run-2", "alice").value();
  REQUIRE(ask<credential>(store, claim(ending, "run-1", "alice")));
  self->send(store, close_leases{"run-1"});
  sched.run();
  CHECK(outcome(claim(ending, "run-1", "alice")) == "handle_unknown");
  CHECK(outcome(claim(going_on, "run-2", "alice")) == "opened");
  const auto last = claim(going_on, "run-2", "alice").handle;
  self->send(store, close_leases{"run-2", {last}}); // it has something to end
  sched.run();
  CHECK(outcome(claim(going_on, "run-2", "alice")) == "opened");
  self->send(store, close_leases{"run-2"});
  sched.run();
  CHECK(outcome(claim(going_on, "run-2", "alice")) == "handle_unknown");
}

} // namespace behalf
