// A Vault that answers what the test says: what is sent to it is recorded.
#pragma once

#include "runtime/base/json.hpp"
#include "secrets/vault.hpp"
#include "tests/secrets/people.hpp"
#include "tests/support/catch.hpp"

#include <deque>

namespace behalf::vault_script {

using namespace std::chrono_literals;
using namespace testing;

inline const std::string jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

// A call as Vault would see it.
struct seen_call {
  std::string method, url, body, vault_token, name_space;
  bool marked = false;
  std::chrono::milliseconds delay{0};
};

inline secret_reply reply(unsigned status, std::string_view body = {}, header_list headers = {}) {
  return {status, std::move(headers), std::make_shared<const wiped_string>(body)};
}

inline secret_reply token_reply(std::string_view token, int seconds, bool renewable = false,
                                int uses = 0) {
  json::object auth{{"client_token", token},
                    {"lease_duration", seconds},
                    {"renewable", renewable},
                    {"num_uses", uses}};
  return reply(200, dump(json::object{{"auth", auth}}));
}

inline secret_reply entry_reply(const json::object& entry, int version = 3) {
  return reply(
    200, dump(json::object{{"data", {{"data", entry}, {"metadata", {{"version", version}}}}}}));
}

inline const json::object github_entry{{"token", "gho_canary"}};

class vault_fixture {
public:
  vault_options options;
  std::unique_ptr<vault_store> store;
  std::vector<seen_call> calls;

  vault_fixture() {
    options.address = "https://vault.example.com:8200";
    options.role = "behalf-user";
  }

  void use_approle() {
    options.login = vault_login_kind::approle;
    options.role_id = std::make_shared<const secret>("role-id");
    options.secret_id = std::make_shared<const secret>("secret-id");
  }

  vault_store& vault() {
    if (!store)
      store = vault_store::create(options).value();
    return *store;
  }

  static inbound_token_ptr token() { return std::make_shared<const inbound_token>(jwt); }

  // Runs an operation against these replies; every one of them must be used.
  result<secret_answer> run(std::unique_ptr<secret_operation> operation,
                            std::deque<result<secret_reply>> replies, time_point now = t0) {
    auto step = operation->start(now);
    while (auto* call = std::get_if<secret_call>(&step)) {
      record(*call);
      if (replies.empty()) {
        FAIL("an unexpected call: " << call->method << " " << call->url);
      }
      auto next = std::move(replies.front());
      replies.pop_front();
      step = operation->resume(std::move(next), now);
    }
    CHECK(replies.empty());
    return std::get<result<secret_answer>>(std::move(step));
  }

  result<secret_answer> read(std::deque<result<secret_reply>> replies, time_point now = t0) {
    return run(vault().read({alice, "github"}, token()), std::move(replies), now);
  }

private:
  void record(const secret_call& c) {
    seen_call s{c.method, c.url, {}, {}, {}, false, c.delay};
    if (c.body)
      s.body = c.body->view();
    for (const auto& [name, value] : c.secret_headers) {
      if (name == "X-Vault-Token")
        s.vault_token = value->expose();
    }
    if (const auto* ns = find_header(c.headers, "X-Vault-Namespace"))
      s.name_space = *ns;
    s.marked = find_header(c.headers, "X-Vault-Request") != nullptr;
    CHECK(find_header(c.headers, "X-Vault-Token") == nullptr);
    calls.push_back(std::move(s));
  }
};

} // namespace behalf::vault_script
