// Many operations at once: one of them logs in, the others wait for it.
#include "tests/secrets/vault_fixture.hpp"

using namespace behalf;
using namespace behalf::vault_script;

namespace {

// Operations side by side: the test answers their calls in the order it likes.
struct turn_fixture : vault_fixture {
  struct running {
    std::unique_ptr<secret_operation> operation;
    secret_step step;
  };
  std::vector<running> operations;
  int logins = 0, renewals = 0, reads = 0;
  time_point now = t0;

  std::size_t begin(const principal_key& who = alice, inbound_token_ptr as = token(),
                    const std::string& service = "github") {
    auto operation = vault().read({who, service}, std::move(as));
    auto step = operation->start(now);
    operations.push_back({std::move(operation), std::move(step)});
    count(operations.back().step);
    return operations.size() - 1;
  }

  void count(const secret_step& step) {
    const auto* call = std::get_if<secret_call>(&step);
    if (!call)
      return;
    logins += call->url.ends_with("/login");
    renewals += call->url.ends_with("/renew-self");
    reads += call->method == "GET";
  }

  bool waits(std::size_t at) { return std::holds_alternative<secret_wait>(operations[at].step); }
  bool calls(std::size_t at) { return std::holds_alternative<secret_call>(operations[at].step); }
  const result<secret_answer>& answer(std::size_t at) {
    return std::get<result<secret_answer>>(operations[at].step);
  }

  void go_on(running& r, secret_step step) {
    r.step = std::move(step);
    count(r.step);
  }

  // Answers the call of one operation, then starts those whose wait is over.
  void reply_to(std::size_t at, result<secret_reply> r) {
    REQUIRE(calls(at));
    go_on(operations[at], operations[at].operation->resume(std::move(r), now));
    wake();
  }
  void wake() {
    for (auto& t : operations)
      if (auto* wait = std::get_if<secret_wait>(&t.step); wait && wait->turn->over)
        go_on(t, t.operation->start(now));
  }
  static inbound_token_ptr other_token() {
    return std::make_shared<const inbound_token>("eyJhbGciOiJFUzI1NiJ9.another.one");
  }
};

} // namespace

TEST_CASE_METHOD(turn_fixture, "twenty reads of one user log in once", "[secrets][vault]") {
  for (int i = 0; i < 20; ++i)
    begin(alice, token(), "service" + std::to_string(i));
  CHECK(logins == 1);
  for (std::size_t i = 1; i < 20; ++i)
    CHECK(waits(i));
  reply_to(0, token_reply("hvs.alice", 600));
  CHECK(reads == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    reply_to(i, entry_reply(github_entry));
    CHECK(answer(i));
  }
  CHECK(logins == 1);
}

TEST_CASE_METHOD(turn_fixture, "users do not wait for each other", "[secrets][vault]") {
  begin(alice);
  begin(bob);
  CHECK(logins == 2);
  CHECK(calls(1));
}

TEST_CASE_METHOD(turn_fixture, "with AppRole one login serves all users", "[secrets][vault]") {
  use_approle();
  begin(alice, nullptr);
  begin(bob, nullptr);
  CHECK(waits(1));
  reply_to(0, token_reply("hvs.app", 600));
  CHECK(logins == 1);
  CHECK(reads == 2);
}

TEST_CASE_METHOD(turn_fixture, "an unreachable Vault is asked once for all who wait",
                 "[secrets][vault]") {
  begin();
  begin();
  begin();
  reply_to(0, fail(errc::timeout, "no answer"));
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(answer(i).error().code == errc::overloaded);
  CHECK(logins == 1);
  CHECK(calls(begin())); // the next one tries again
}

TEST_CASE_METHOD(turn_fixture, "each token of a user logs in for itself", "[secrets][vault]") {
  begin();
  begin();
  begin(alice, other_token());
  begin(alice, nullptr);
  CHECK(logins == 2);
  CHECK(waits(1));
  CHECK(answer(3).error().kind == "needs_login");
  reply_to(0, reply(400));
  CHECK(answer(0).error().kind == "login_refused");
  CHECK(answer(1).error().kind == "login_refused");
  reply_to(2, token_reply("hvs.alice", 600));
  CHECK(reads == 1);
}

TEST_CASE_METHOD(turn_fixture, "a login that is dropped is taken over", "[secrets][vault]") {
  begin();
  begin();
  begin();
  operations.erase(operations.begin());
  wake();
  CHECK(calls(0));
  CHECK(waits(1));
  CHECK(logins == 2);
}

TEST_CASE_METHOD(turn_fixture, "one renews, the others use the token meanwhile",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600, true), entry_reply(github_entry)}));
  now = t0 + 450s;
  begin();
  begin();
  CHECK(renewals == 1);
  CHECK(reads == 1);
  reply_to(0, token_reply("hvs.a", 600, true));
  CHECK(renewals == 1);
  CHECK(reads == 2);
}

TEST_CASE_METHOD(turn_fixture, "a renewal that turns into a login is waited for as one",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600, true), entry_reply(github_entry)}));
  now = t0 + 450s;
  begin();
  now = t0 + 599s; // no longer good for a call
  begin();
  CHECK(waits(1));
  reply_to(0, reply(403));
  CHECK(logins == 1);
  CHECK(waits(1));
  reply_to(0, token_reply("hvs.b", 600));
  CHECK(logins == 1);
  CHECK(reads == 2);
}

TEST_CASE_METHOD(turn_fixture, "a revoked token met by many is replaced once", "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600), entry_reply(github_entry)}));
  for (int i = 0; i < 5; ++i)
    begin();
  CHECK(reads == 5);
  reply_to(0, reply(403));
  reply_to(1, reply(403));
  CHECK(logins == 1);
  CHECK(waits(1));
  reply_to(0, token_reply("hvs.b", 600));
  reply_to(2, reply(403)); // sent with the old one: once more with the new one
  CHECK(calls(2));
  CHECK(logins == 1);
  reply_to(2, reply(403));
  CHECK(answer(2).error().code == errc::denied); // final
  CHECK(logins == 1);
  reply_to(1, entry_reply(github_entry));
  CHECK(answer(1));
}
