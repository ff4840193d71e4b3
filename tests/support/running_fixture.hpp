// A whole server in the test's process, on its own threads and a loopback port: users of a
// development issuer, the graph `hello`, and `mail`, which asks a service as the run's user.
#pragma once

#include "actors/system.hpp"
#include "runtime/auth/dev_issuer.hpp"
#include "runtime/graph/hello_graph.hpp"
#include "secrets/embedded_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/raw_server.hpp"
#include "tests/support/scratch_folder.hpp"

#include <atomic>
#include <future>

namespace behalf::testing {

inline const std::vector<std::string> user_names{"alice", "bob", "carol", "dave"};
inline const std::string issuer_name = "http://issuer.test/dev";

/// What user's mail token is; upstream, what it is known by.
inline std::string mail_token_of(const std::string& user) {
  return "mail-token-of-" + user;
}

/// A mail service that answers whose token it was called with, and counts connections that carried
/// the tokens of two users.
class mail_service {
public:
  std::string url() const { return server_.url(""); }
  int mixed() const { return mixed_; }

private:
  void serve(peer& client) {
    std::string owner;
    while (auto request = client.request()) {
      auto user = user_of(*request);
      mixed_ += !owner.empty() && owner != user;
      owner = user;
      if (!client.reply(dump(json::object{{"mail_of", user}}),
                        "Content-Type: application/json\r\n"))
        return;
    }
  }
  static std::string user_of(const std::string& request) {
    for (const auto& user : user_names)
      if (request.find("Authorization: Bearer " + mail_token_of(user) + "\r\n") != request.npos)
        return user;
    return "nobody";
  }

  std::atomic<int> mixed_{0};
  raw_server server_{[this](peer& client) { serve(client); }};
};

inline coroutine<node_result> ask_mail(state_view, context ctx) {
  auto mail = ctx.service("mail");
  auto reply = co_await mail.get("/inbox");
  if (!reply)
    co_return reply.error();
  flow::update out;
  out.set("mail", reply->body);
  co_return out;
}

/// Nodes of `toil` do not return before `done`, and let nobody in meanwhile.
struct toil_script {
  std::atomic<int> begun{0};
  std::promise<void> end;
  std::shared_future<void> done = end.get_future().share();
};

inline result<std::shared_ptr<const graph>> toil_graph(std::shared_ptr<toil_script> script) {
  graph_builder b{"toil"};
  b.channel("toiled", flow::last_value());
  b.node("toil", [script](const state_view&, context&) -> node_result {
    ++script->begun;
    script->done.wait();
    return flow::update{{"toiled", true}};
  });
  b.edge(flow::start, "toil").edge("toil", flow::end);
  return b.build();
}

inline result<std::shared_ptr<const graph>> mail_graph() {
  graph_builder b{"mail"};
  b.channel("mail", flow::last_value());
  b.node("ask", ask_mail);
  b.edge(flow::start, "ask").edge("ask", flow::end);
  return b.build();
}

/// Starts; a second start() after system->stop() finds what the first one left on disk.
class running_fixture {
  scratch_folder folder_; // before what keeps its files there
  std::chrono::milliseconds grace_;
  std::size_t threads_;
  std::function<void(system_setup&)> change_;

public:
  /// `grace`: how long a stop waits for exchanges. `change`: what is different from the usual
  /// setup.
  explicit running_fixture(std::chrono::milliseconds grace = std::chrono::seconds{60},
                           std::size_t threads = 4, std::function<void(system_setup&)> change = {})
    : grace_(grace), threads_(threads), change_(std::move(change)) {
    start();
  }

  void start() {
    system.reset();
    auto started = running_system::start(setup());
    REQUIRE(started);
    system = std::move(*started);
  }

  std::string database() const { return folder_ / "behalf.db"; }

  mail_service mail;
  std::shared_ptr<toil_script> toil = std::make_shared<toil_script>();
  std::unique_ptr<running_system> system;

private:
  system_setup setup() {
    system_setup s;
    s.options.http.port = 0;
    s.options.runs.shutdown_grace = grace_;
    s.threads = threads_;
    s.storage.url = storage_url(database());
    s.audit_path = folder_ / "audit.jsonl";
    for (const auto& made : {hello_graph(), mail_graph(), toil_graph(toil)})
      s.graphs.push_back({made.value()->name(), "", made.value()});
    add_mail(s);
    add_users(s);
    if (change_)
      change_(s);
    return s;
  }

  void add_mail(system_setup& s) {
    service_options o;
    o.name = "mail";
    o.url = mail.url();
    o.credential.from = credential_source::secrets;
    o.allow_private = o.allow_http = true;
    s.services.push_back(std::move(o));
    auto store = embedded_store::open(folder_ / "secrets.db", secret{std::string(32, 'k')}).value();
    for (const auto& user : user_names) {
      stored_credential token;
      token.value = secret{mail_token_of(user)};
      REQUIRE(store->put({{"default", issuer_name, user}, "mail"}, token, std::nullopt, now()));
    }
    s.secrets = std::move(store);
  }

  void add_users(system_setup& s) {
    dev_issuer_options o;
    o.issuer = issuer_name;
    for (const auto& user : user_names) {
      dev_user u;
      u.username = u.password = user;
      o.users.push_back(std::move(u));
    }
    auto key = signing_key::load_or_create(folder_ / "issuer.pem").value();
    s.identity.own_keys.emplace(o.issuer, key_set::parse(key.jwks()).value());
    dev_issuer issuer{o, std::move(key)};
    oidc_settings provider;
    provider.rules = issuer.rules();
    s.identity.providers.push_back(std::move(provider));
    s.issuer.reset(new shared_issuer{{}, std::move(issuer)});
  }
};

} // namespace behalf::testing
