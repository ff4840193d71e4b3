#include "runtime/auth/identity_provider.hpp"
#include "runtime/auth/signing.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const std::string issuer = "https://id.example";
const time_point noon = from_micros(1'800'000'000'000'000);

provider_reply document(json::value what) {
  return {200, {}, std::move(what)};
}

// One provider and what it needs; no sockets, no actors.
struct provider_setup {
  std::map<std::string, key_set> own_keys;
  std::map<std::string, std::shared_ptr<const wiped_string>> secrets{
    {"env:SECRET", std::make_shared<const wiped_string>("s3cret")}};
  signing_key key = signing_key::generate().value();

  identity_provider_ptr make(const identity_settings& settings) {
    return make_provider(settings, {own_keys, secrets});
  }
  oidc_settings oidc() const {
    oidc_settings s;
    s.rules.issuer = issuer;
    s.rules.audiences = {"behalf"};
    return s;
  }
  introspection_settings introspection(std::string endpoint) const {
    introspection_settings s;
    s.rules.issuer = issuer;
    s.endpoint = std::move(endpoint);
    s.client_id = "behalf";
    s.client_secret = "env:SECRET";
    return s;
  }
  std::string token(const signing_key& by) const {
    return by.sign({{"typ", "at+jwt"}}, {{"iss", issuer},
                                         {"sub", "alice"},
                                         {"aud", "behalf"},
                                         {"exp", to_micros(noon) / 1'000'000 + 300}});
  }
};

std::string subject_of(const identity_step& step) {
  const auto* by = std::get_if<vouched>(&step);
  return by ? by->who->subject : "nobody";
}

// Answers the provider's own calls: its discovery document, then its keys.
void answer_own_calls(identity_provider& p, const signing_key& key) {
  auto call = p.next_call();
  REQUIRE(call);
  CHECK(call->url == issuer + "/.well-known/openid-configuration");
  CHECK_FALSE(p.take_reply(document({{"issuer", issuer}, {"jwks_uri", issuer + "/jwks"}}), noon));
  call = p.next_call();
  REQUIRE(call);
  CHECK(call->url == issuer + "/jwks");
  CHECK(p.take_reply(document(key.jwks()), noon));
  CHECK_FALSE(p.next_call());
}

} // namespace

TEST_CASE("an OpenID provider's token waits for the keys, then names its user", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.oidc());
  const auto token = with.token(with.key);
  CHECK(provider->of_token(issuer) == responsibility::sole);
  CHECK(provider->of_token("https://other.example") == responsibility::none);
  auto check = provider->check({token, {}});
  CHECK(std::holds_alternative<await_provider>(check->start(noon)));
  answer_own_calls(*provider, with.key);
  CHECK(subject_of(check->start(noon)) == "alice");
}

TEST_CASE("a token of another key has the keys fetched once more and is refused", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.oidc());
  const auto forged = with.token(signing_key::generate().value());
  auto check = provider->check({forged, {}});
  CHECK(std::holds_alternative<await_provider>(check->start(noon)));
  answer_own_calls(*provider, with.key);
  CHECK(std::holds_alternative<await_provider>(check->start(noon)));
  REQUIRE(provider->next_call());
  CHECK(provider->take_reply(document(with.key.jwks()), noon));
  const auto end = check->start(noon);
  REQUIRE(std::holds_alternative<error>(end));
  CHECK(std::get<error>(end).code == errc::unauthenticated);
}

TEST_CASE("an OpenID provider that cannot be reached refuses with a time to come again", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.oidc());
  const auto token = with.token(with.key);
  auto check = provider->check({token, {}});
  CHECK(std::holds_alternative<await_provider>(check->start(noon)));
  REQUIRE(provider->next_call());
  CHECK(provider->take_reply(fail(errc::upstream, "connection refused"), noon));
  const auto end = check->start(noon);
  REQUIRE(std::holds_alternative<error>(end));
  CHECK(std::get<error>(end).code == errc::overloaded);
}

TEST_CASE("a provider keeps what it fetched under other settings of the same issuer", "[auth]") {
  provider_setup with;
  auto before = with.make(with.oidc());
  const auto token = with.token(with.key);
  auto waiting = before->check({token, {}});
  CHECK(std::holds_alternative<await_provider>(waiting->start(noon)));
  auto call = before->next_call();
  REQUIRE(call);
  auto after = with.make(with.oidc());
  REQUIRE(after->take_over(*before));
  // The call under way is answered to whoever is there now, and serves who began before.
  CHECK_FALSE(
    after->take_reply(document({{"issuer", issuer}, {"jwks_uri", issuer + "/jwks"}}), noon));
  REQUIRE(after->next_call());
  CHECK(after->take_reply(document(with.key.jwks()), noon));
  CHECK(subject_of(waiting->start(noon)) == "alice");
  CHECK_FALSE(after->take_over(*with.make(with.introspection(issuer + "/introspect"))));
}

TEST_CASE("the development issuer's tokens need no call", "[auth]") {
  provider_setup with;
  with.own_keys.emplace(issuer, key_set::parse(with.key.jwks()).value());
  auto provider = with.make(with.oidc());
  const auto token = with.token(with.key), forged = with.token(signing_key::generate().value());
  CHECK(subject_of(provider->check({token, {}})->start(noon)) == "alice");
  CHECK(std::holds_alternative<error>(provider->check({forged, {}})->start(noon)));
  CHECK_FALSE(provider->next_call());
}

TEST_CASE("an introspection endpoint is asked as a client, and decides", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.introspection(issuer + "/introspect"));
  CHECK(provider->of_token({}) == responsibility::shared);
  CHECK(provider->of_token("https://other.example") == responsibility::none);
  CHECK(provider->calls_for_each_token());
  auto check = provider->check({"opaque", {}});
  auto step = check->start(noon);
  const auto* call = std::get_if<provider_call>(&step);
  REQUIRE(call);
  CHECK(call->url == issuer + "/introspect");
  CHECK(call->authorization.view() == "Basic YmVoYWxmOnMzY3JldA==");
  CHECK(call->form->view() == "token=opaque&token_type_hint=access_token");
  CHECK(subject_of(check->resume(document({{"active", true}, {"sub", "bob"}}), noon)) == "bob");
}

TEST_CASE("a token that is not active here may be another provider's", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.introspection(issuer + "/introspect"));
  auto check = provider->check({"opaque", {}});
  (void)check->start(noon);
  const auto end = check->resume(document({{"active", false}}), noon);
  CHECK(std::holds_alternative<not_responsible>(end));
}

TEST_CASE("an introspection endpoint without a usable answer decides nothing", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.introspection(issuer + "/introspect"));
  const result<provider_reply> useless[]{fail(errc::upstream, "refused"),
                                         provider_reply{500, {}, {}}, provider_reply{200, {}, {}},
                                         document(json::object{})};
  for (const auto& reply : useless) {
    auto check = provider->check({"opaque", {}});
    (void)check->start(noon);
    const auto end = check->resume(reply, noon);
    REQUIRE(std::holds_alternative<no_answer>(end));
    CHECK(std::get<no_answer>(end).from == issuer);
  }
}

TEST_CASE("an introspection endpoint is discovered by its first check", "[auth]") {
  provider_setup with;
  auto provider = with.make(with.introspection(""));
  auto check = provider->check({"opaque", {}});
  auto step = check->start(noon);
  REQUIRE(std::holds_alternative<provider_call>(step));
  CHECK(std::get<provider_call>(step).url == issuer + "/.well-known/openid-configuration");
  step = check->resume(document({{"issuer", issuer},
                                 {"jwks_uri", issuer + "/jwks"},
                                 {"introspection_endpoint", issuer + "/ask"}}),
                       noon);
  REQUIRE(std::holds_alternative<provider_call>(step));
  CHECK(std::get<provider_call>(step).url == issuer + "/ask");
}

TEST_CASE("API keys are told by their shape and need no call", "[auth]") {
  provider_setup with;
  const auto made = generate_api_key(), other = generate_api_key();
  api_key_settings settings;
  settings.keys.push_back({made.sha256, "robot"});
  auto provider = with.make(settings);
  CHECK(provider->recognizes({{}, "anything"}));
  CHECK(provider->recognizes({made.key.view(), {}}));
  CHECK_FALSE(provider->recognizes({"opaque", {}}));
  CHECK(subject_of(provider->check({{}, made.key.view()})->start(noon)) == "robot");
  CHECK(
    std::holds_alternative<not_responsible>(provider->check({{}, other.key.view()})->start(noon)));
}
