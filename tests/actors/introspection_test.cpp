// Opaque tokens: which introspection providers are asked, in which order, and what their answers
// and their silence come to.
#include "tests/support/provider_fixture.hpp"

#include <algorithm>
#include <map>

namespace behalf {
namespace {

// The outbound door of a test: an answer per URL; one without is a provider that is down.
struct fake_endpoints {
  std::map<std::string, json::object> answers;
  std::vector<std::string> asked;
  std::vector<std::string> bodies;
  std::vector<std::string> pools; // whose connections the calls may use
  std::string silent;             // the URL of one that lets questions run into their deadline
  bool hold = false;              // whatever is asked, until answer_now

  result<outbound_reply> answer(const std::string& url) const {
    if (url == silent)
      return fail(errc::timeout, "did not answer in time");
    auto at = answers.find(url);
    if (at == answers.end())
      return fail(errc::upstream, "connection refused");
    outbound_reply reply;
    reply.status = 200;
    reply.body = dump(at->second);
    return reply;
  }
};

scripted_provider::behavior_type
endpoints_behavior(scripted_provider::stateful_pointer<scripted_provider_state> self,
                   fake_endpoints* known) {
  return {
    [self, known](wire_call& m) -> caf::result<outbound_reply> {
      const auto& url = m.request->call.url;
      known->asked.push_back(url);
      known->pools.push_back(m.request->pool_key);
      const auto& body = m.request->secret_body;
      known->bodies.push_back(body ? std::string(body->view()) : std::string());
      if (!known->hold)
        return reply(known->answer(url));
      auto& held = self->state.held;
      held.emplace_back(m.request->call, promise_of<outbound_reply>{self});
      return held.back().second;
    },
    [](const wire_read&) -> caf::result<outbound_chunk> {
      return to_caf(fail(errc::not_found, "no stream"));
    },
    [](const wire_cancel&) {},
    [](wire_ended&) {},
    [self, known](answer_now) {
      for (auto& [call, promise] : std::exchange(self->state.held, {}))
        promise.deliver(known->answer(call.url));
    },
  };
}

const std::string ask_a = "https://a.example/introspect", ask_b = "https://b.example/introspect",
                  ask_c = "https://c.example/introspect";

struct introspection_fixture : actor_fixture {
  fake_endpoints net;
  metrics meters;
  std::shared_ptr<admission::identity_setup> setup = std::make_shared<admission::identity_setup>();
  scripted_provider outside;
  authenticator_actor door;

  introspection_settings& use(std::string issuer, std::string endpoint, std::string prefix = "") {
    introspection_settings p;
    p.rules.issuer = std::move(issuer);
    p.endpoint = std::move(endpoint);
    p.client_id = "behalf";
    p.client_secret = "env:SECRET";
    p.mapping.identity_prefix = std::move(prefix);
    setup->providers.emplace_back(std::move(p));
    return std::get<introspection_settings>(setup->providers.back());
  }
  void use_three() {
    use("https://a.example", ask_a);
    use("https://b.example", ask_b, "b:");
    use("https://c.example", ask_c, "c:");
  }
  void open() {
    setup->client_secrets["env:SECRET"] = std::make_shared<const wiped_string>("s3cret");
    outside = own(sys.spawn(endpoints_behavior, &net));
    door = own(admission::spawn_authenticator(sys, setup, outside, plugin_auth_actor{}, meters));
  }
  void says_active(const std::string& endpoint, std::string subject, json::object more = {}) {
    json::object answer{{"active", true}, {"sub", std::move(subject)}};
    merge(answer, more);
    net.answers[endpoint] = answer;
  }
  void says_inactive(const std::string& endpoint) { net.answers[endpoint] = {{"active", false}}; }

  static authenticate visit(const std::string& bearer, const std::string& peer) {
    auto request = std::make_shared<auth_request>();
    request->authorization = wiped_string{"Bearer " + bearer};
    authenticate a;
    a.credentials = request;
    a.peer = peer;
    return a;
  }
  result<authenticated> knock(const std::string& bearer, const std::string& peer = "192.0.2.1") {
    return ask<authenticated>(door, visit(bearer, peer));
  }
  pending_answer<authenticated> knock_later(const std::string& bearer, const std::string& peer) {
    return ask_later<authenticated>(door, visit(bearer, peer));
  }
  // As many tokens nobody knows, from one peer.
  std::vector<pending_answer<authenticated>> flood(int tokens, const std::string& peer) {
    std::vector<pending_answer<authenticated>> all;
    for (int i = 0; i < tokens; ++i)
      all.push_back(knock_later("junk-" + peer + "-" + std::to_string(i), peer));
    return all;
  }
  void answer_all() {
    net.hold = false;
    self->send(outside, answer_now{});
    sched.run();
  }
  std::vector<std::string> asked() { return std::exchange(net.asked, {}); }
};

using urls = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(introspection_fixture, "a provider that keeps everybody waiting is left alone",
                 "[admission]") {
  use_three();
  net.silent = ask_a;
  says_active(ask_b, "bob");
  open();
  REQUIRE(knock("opaque-1"));
  CHECK(asked() == urls{ask_a, ask_b});
  REQUIRE(knock("opaque-2"));
  CHECK(asked() == urls{ask_b}); // nobody waits for it twice
  net.answers.clear();
  CHECK(knock("opaque-3").error().code == errc::overloaded);
  CHECK(asked() == urls{ask_b, ask_c}); // those that fail fast are asked each time
  CHECK(knock("opaque-4").error().code == errc::overloaded);
  CHECK(asked() == urls{ask_b, ask_c});
}

TEST_CASE_METHOD(introspection_fixture, "a stranger's tokens leave calls for others'",
                 "[admission]") {
  use("https://a.example", ask_a);
  says_inactive(ask_a);
  open();
  net.hold = true;
  auto junk = flood(500, "203.0.113.9");
  CHECK(asked().size() < 32);
  auto refused = std::count_if(junk.begin(), junk.end(), [](auto& one) {
    auto said = one();
    return said && said->error().code == errc::too_many
           && said->error().headers.front().first == "Retry-After";
  });
  CHECK(refused > 100);
  auto alice = knock_later("opaque", "192.0.2.1");
  CHECK(asked() == urls{ask_a}); // at once
  says_active(ask_a, "alice");
  answer_all();
  CHECK(alice()->value().who->identity == "alice");
  for (auto& one : junk)
    CHECK(one());
}

TEST_CASE_METHOD(introspection_fixture, "who was known does not stand in line with strangers",
                 "[admission]") {
  use("https://a.example", ask_a).rules.cache_for = std::chrono::seconds{0}; // asked each time
  says_active(ask_a, "alice");
  open();
  REQUIRE(knock("opaque"));
  net.hold = true;
  auto junk = flood(500, "192.0.2.1"); // behind the same address
  asked();
  auto alice = knock_later("opaque", "192.0.2.1");
  CHECK(asked() == urls{ask_a});
}

TEST_CASE_METHOD(introspection_fixture, "callers share no connection to a provider",
                 "[admission]") {
  use("https://a.example", ask_a).rules.cache_for = std::chrono::seconds{0}; // asked each time
  says_active(ask_a, "alice");
  open();
  for (const char* token : {"opaque-1", "opaque-2", "opaque-1"})
    CHECK(knock(token));
  REQUIRE(net.pools.size() == 3);
  CHECK(net.pools[0] != net.pools[1]);
  CHECK(net.pools[0] == net.pools[2]);
  for (const auto& pool : net.pools)
    CHECK(pool.find("opaque") == pool.npos);
}

TEST_CASE_METHOD(introspection_fixture, "providers are asked in order until one knows the token",
                 "[admission]") {
  use_three();
  says_inactive(ask_a);
  says_active(ask_b, "bob");
  says_active(ask_c, "carol");
  open();
  auto g = knock("opaque-1");
  REQUIRE(g);
  CHECK(g->who->issuer == "https://b.example");
  CHECK(g->who->identity == "b:bob");
  CHECK(asked() == urls{ask_a, ask_b});
  CHECK(net.bodies.back().starts_with("token=opaque-1&"));
}

TEST_CASE_METHOD(introspection_fixture, "the first that knows the token decides alone",
                 "[admission]") {
  use_three();
  says_active(ask_a, "alice");
  open();
  CHECK(knock("opaque-1")->who->identity == "alice");
  CHECK(asked() == urls{ask_a});
}

TEST_CASE_METHOD(introspection_fixture, "a token nobody knows is refused after all were asked",
                 "[admission]") {
  use_three();
  for (const auto& endpoint : {ask_a, ask_b, ask_c})
    says_inactive(endpoint);
  open();
  auto refused = knock("opaque-1");
  CHECK(refused.error().code == errc::unauthenticated);
  CHECK(refused.error().headers.front().first == "WWW-Authenticate");
  CHECK(asked() == urls{ask_a, ask_b, ask_c});
}

TEST_CASE_METHOD(introspection_fixture, "a provider that is down keeps nobody else's users out",
                 "[admission]") {
  use_three();
  says_inactive(ask_b);
  says_active(ask_c, "carol");
  open();
  CHECK(knock("opaque-1")->who->identity == "c:carol");
  CHECK(asked() == urls{ask_a, ask_b, ask_c});
}

TEST_CASE_METHOD(introspection_fixture, "silence of one and no from the others is 503, by name",
                 "[admission]") {
  use_three();
  says_inactive(ask_a);
  says_inactive(ask_c);
  open();
  auto refused = knock("opaque-1");
  CHECK(refused.error().code == errc::overloaded);
  CHECK(refused.error().message.find("https://b.example") != std::string::npos);
  CHECK(refused.error().message.find("https://a.example") == std::string::npos);
  CHECK(refused.error().headers.front().first == "Retry-After");
}

TEST_CASE_METHOD(introspection_fixture, "an answer that is none counts as silence", "[admission]") {
  use_three();
  net.answers[ask_a] = {{"active", "yes"}};
  says_inactive(ask_b);
  says_inactive(ask_c);
  open();
  CHECK(knock("opaque-1").error().code == errc::overloaded);
  CHECK(asked().size() == 3);
}

TEST_CASE_METHOD(introspection_fixture, "an active token that breaks a rule ends the search",
                 "[admission]") {
  use("https://a.example", ask_a).rules.audiences = {"behalf"};
  use("https://b.example", ask_b, "b:");
  says_active(ask_a, "alice", {{"aud", "another"}});
  says_active(ask_b, "alice");
  open();
  CHECK(knock("opaque-1").error().code == errc::unauthenticated);
  CHECK(asked() == urls{ask_a});
}

TEST_CASE_METHOD(introspection_fixture, "a provider that knows another's token passes it on",
                 "[admission]") {
  use_three();
  says_active(ask_a, "bob", {{"iss", "https://b.example"}});
  says_active(ask_b, "bob", {{"iss", "https://b.example"}});
  open();
  CHECK(knock("opaque-1")->who->identity == "b:bob");
}

TEST_CASE_METHOD(introspection_fixture, "an answer is used again for its token and no other",
                 "[admission]") {
  use_three();
  says_inactive(ask_a);
  says_active(ask_b, "bob");
  open();
  REQUIRE(knock("opaque-1"));
  asked();
  CHECK(knock("opaque-1")->who->identity == "b:bob");
  CHECK(asked().empty());
  REQUIRE(knock("opaque-2"));
  CHECK(asked() == urls{ask_a, ask_b});
}

TEST_CASE_METHOD(introspection_fixture, "a token nobody knows is not asked about again at once",
                 "[admission]") {
  use_three();
  for (const auto& endpoint : {ask_a, ask_b, ask_c})
    says_inactive(endpoint);
  open();
  REQUIRE_FALSE(knock("opaque-1"));
  asked();
  CHECK(knock("opaque-1").error().code == errc::unauthenticated);
  CHECK(asked().empty());
  CHECK_FALSE(knock("opaque-2"));
  CHECK(asked().size() == 3);
}

TEST_CASE_METHOD(introspection_fixture, "silence is not remembered as a refusal", "[admission]") {
  use_three();
  says_inactive(ask_a);
  says_inactive(ask_b);
  open();
  REQUIRE_FALSE(knock("opaque-1"));
  says_active(ask_c, "carol");
  CHECK(knock("opaque-1"));
}

TEST_CASE_METHOD(introspection_fixture, "a JWT is shown to its issuer and to no other",
                 "[admission]") {
  use_three();
  says_active(ask_b, "bob");
  open();
  auto token = signing_key::generate().value().sign({{"typ", "at+jwt"}},
                                                    {{"iss", "https://b.example"}, {"sub", "x"}});
  CHECK(knock(token)->who->identity == "b:bob");
  CHECK(asked() == urls{ask_b});
  auto stranger = signing_key::generate().value().sign({}, {{"iss", "https://d.example"}});
  CHECK(knock(stranger).error().code == errc::unauthenticated);
  CHECK(asked().empty());
}

TEST_CASE_METHOD(introspection_fixture, "an endpoint is found once; one not found is passed over",
                 "[admission]") {
  use("https://a.example", "");
  use("https://b.example", "", "b:");
  net.answers["https://b.example/.well-known/openid-configuration"] = {
    {"issuer", "https://b.example"},
    {"jwks_uri", "https://b.example/jwks"},
    {"introspection_endpoint", ask_b}};
  says_active(ask_b, "bob");
  open();
  CHECK(knock("opaque-1")->who->identity == "b:bob");
  asked();
  CHECK(knock("opaque-2"));
  CHECK(asked() == urls{"https://a.example/.well-known/openid-configuration", ask_b});
}

} // namespace behalf
