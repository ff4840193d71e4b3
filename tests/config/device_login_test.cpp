#include "config/device_login.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

#include <deque>
#include <vector>

namespace behalf {
namespace {

using std::chrono::seconds;

const std::string server = "https://agents.example.com";
const std::string issuer = "https://id.example.com/realms/acme";

json::object metadata() {
  return {{"issuer", issuer},
          {"device_authorization_endpoint", "https://id.example.com/device"},
          {"token_endpoint", "https://id.example.com/token"}};
}

json::object resource() {
  return {{"resource", server}, {"authorization_servers", json::array{json::string(issuer)}}};
}

json::object code() {
  return {{"device_code", "the-device-code"},
          {"user_code", "WDJB-MJHT"},
          {"verification_uri", "https://id.example.com/go"},
          {"expires_in", 600},
          {"interval", 5}};
}

json::object tokens(std::string_view access, json::value life = 300) {
  return {{"access_token", access},
          {"token_type", "bearer"},
          {"refresh_token", "refresh-of-" + std::string(access)},
          {"expires_in", std::move(life)}};
}

json::object refused(std::string_view why) {
  return {{"error", why}};
}

// Answers in turn, and a clock that waiting moves.
struct bench {
  explicit bench(std::string named_issuer = {})
    : login({server, std::move(named_issuer), "cli", "openid a"},
            {[this](provider_call call) { return answer(std::move(call)); },
             [this](seconds time) {
               waits.push_back(time.count());
               now += time;
               return !given_up;
             },
             [this](const std::string& lines) { told += lines; }, [this] { return now; }}) {}

  bench& then(unsigned status, const json::object& body) { return then(status, dump(body)); }
  bench& then(unsigned status, std::string body) {
    replies.push_back(login_reply{status, std::make_shared<const wiped_string>(body)});
    return *this;
  }
  bench& unreachable() {
    replies.emplace_back(fail(errc::timeout, "nobody answers"));
    return *this;
  }
  // To the point where tokens are asked for.
  bench& begun(const json::object& given = code()) {
    return then(200, resource()).then(200, metadata()).then(200, given);
  }

  result<login_reply> answer(provider_call call) {
    asked.push_back(call.url + (call.form ? " " + std::string(call.form->view()) : ""));
    if (replies.empty())
      return fail(errc::internal, "nothing is left to answer");
    auto reply = std::move(replies.front());
    replies.pop_front();
    return reply;
  }

  std::string why() {
    auto done = login.ensure();
    return done ? "no error" : done.error().message;
  }
  std::string token() const { return std::string(login.access_token().expose()); }

  deadline now{};
  bool given_up = false;
  std::deque<result<login_reply>> replies;
  std::vector<std::string> asked;
  std::vector<int64_t> waits;
  std::string told;
  device_login login;
};

using texts = std::vector<std::string>;
using times = std::vector<int64_t>;

} // namespace

TEST_CASE("a person logs in with a code, at the issuer that the server names", "[login]") {
  bench b;
  b.begun().then(400, refused("authorization_pending")).then(200, tokens("first"));
  REQUIRE(b.login.ensure().value());
  CHECK(b.token() == "first");
  CHECK(b.waits == times{5, 5});
  CHECK(b.asked
        == texts{"https://agents.example.com/.well-known/oauth-protected-resource",
                 "https://id.example.com/.well-known/oauth-authorization-server/realms/acme",
                 "https://id.example.com/device scope=openid%20a&client_id=cli",
                 "https://id.example.com/token "
                 "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
                 "&device_code=the-device-code&client_id=cli",
                 "https://id.example.com/token "
                 "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
                 "&device_code=the-device-code&client_id=cli"});
  CHECK(b.told.find("https://id.example.com/go") != std::string::npos);
  CHECK(b.told.find("WDJB-MJHT") != std::string::npos);
  CHECK(b.told.find("valid for 10 minutes") != std::string::npos);
  CHECK(b.told.find("the-device-code") == std::string::npos);
  CHECK_FALSE(b.login.ensure().value()); // it is still good
}

TEST_CASE("metadata is looked for where issuers have it", "[login]") {
  bench b(issuer);
  b.then(404, "").then(404, "{}").then(200, metadata()).then(200, code()).then(200, tokens("t"));
  REQUIRE(b.login.ensure());
  CHECK(b.asked.at(0)
        == "https://id.example.com/.well-known/oauth-authorization-server/realms/acme");
  CHECK(b.asked.at(1) == "https://id.example.com/.well-known/openid-configuration/realms/acme");
  CHECK(b.asked.at(2) == issuer + "/.well-known/openid-configuration");
  bench root("https://id.example.com");
  auto others = metadata(); // a host that has one document for all
  others["issuer"] = "https://id.example.com/other";
  bench second(issuer);
  second.then(200, others).then(200, metadata()).then(200, code()).then(200, tokens("t"));
  CHECK(second.login.ensure());
  root.then(404, "").then(404, "");
  CHECK(root.why() == "there is no metadata of an issuer at https://id.example.com");
  CHECK(root.asked.size() == 2);
}

TEST_CASE("nobody is sent to an issuer that is in doubt", "[login]") {
  auto of_server = [](std::string_view key, json::value is) {
    auto said = resource();
    said[key] = std::move(is);
    return bench().then(200, said).why();
  };
  CHECK(of_server("resource", "https://other.example.com").starts_with("the server calls itself"));
  CHECK(of_server("authorization_servers", json::array{}).ends_with("--issuer says which it is"));
  CHECK(of_server("authorization_servers", {"https://a.example", "https://b.example"})
          .ends_with("https://a.example, https://b.example"));
  CHECK(
    of_server("authorization_servers", json::array{"http://id.example.com"})
    == "the issuer's URL must be https (http is for this machine, or where `allow_http` is set)");
  CHECK(bench().then(404, "").why().ends_with("--issuer says it"));
  CHECK(bench().unreachable().why() == "nobody answers");

  auto of_issuer = [](std::string_view key, json::value is) {
    auto said = metadata();
    said[key] = std::move(is);
    return bench(issuer).then(200, said).then(404, "").then(404, "").why();
  };
  CHECK(of_issuer("issuer", "https://evil.example").ends_with("is of another issuer"));
  CHECK(of_issuer("device_authorization_endpoint", nullptr).ends_with("for devices (RFC 8628)"));
  CHECK(of_issuer("token_endpoint", "http://id.example.com/token").find("must be https")
        != std::string::npos);
  // Only who is on this machine sends people to it.
  CHECK(of_issuer("token_endpoint", "http://127.0.0.1:8080/admin").ends_with("on this machine"));
  CHECK(of_server("authorization_servers", json::array{"http://localhost:9000"})
          .ends_with("an issuer on this machine"));
}

TEST_CASE("a code that cannot be shown is refused", "[login]") {
  auto with = [](std::string_view key, json::value is) {
    auto given = code();
    given[key] = std::move(is);
    return bench().begun(given).why();
  };
  const auto wrong =
    parse_json(R"json([["device_code", ""], ["user_code", ""], ["user_code", "a\nb"],
    ["verification_uri", "javascript:alert(1)"], ["verification_uri", "http://id.example.com"],
    ["expires_in", 0], ["expires_in", "600"]])json")
      .value();
  CHECK(
    with("user_code", json::string(std::string(65, 'x'))).starts_with("the issuer gave no code"));
  for (const auto& one : wrong.as_array())
    CHECK(with(one.at(0).as_string(), one.at(1)) == "the issuer gave no code that can be used");
  bench b;
  auto given = code();
  given["user_code"] = "A\x1b[2JB";
  given["verification_uri_complete"] = "javascript:alert(1)";
  b.begun(given).then(200, tokens("t"));
  REQUIRE(b.login.ensure());
  CHECK(b.told.find('\x1b') == std::string::npos);
  CHECK(b.told.find("javascript") == std::string::npos);
}

TEST_CASE("an issuer is asked no faster than it likes", "[login]") {
  bench b;
  b.begun()
    .then(400, refused("slow_down"))
    .unreachable()
    .then(503, "")
    .then(400, refused("slow_down"));
  b.then(200, tokens("t"));
  REQUIRE(b.login.ensure());
  CHECK(b.waits == times{5, 10, 20, 40, 45});
  bench none;
  auto given = code();
  given.erase("interval");
  none.begun(given).then(200, tokens("t"));
  REQUIRE(none.login.ensure());
  CHECK(none.waits == times{5});
}

TEST_CASE("a login ends where it is refused, late or given up", "[login]") {
  CHECK(bench().begun().then(400, refused("access_denied")).why() == "the login was refused");
  CHECK(bench().begun().then(400, refused("expired_token")).why()
        == "the code was not used in time");
  CHECK(bench().begun().then(401, refused("invalid_client")).why()
        == "the issuer refuses: invalid_client");
  CHECK(bench().begun().then(400, "<html>").why() == "the issuer answered 400");
  CHECK(bench().begun().then(200, "{}").why() == "the issuer gave no token that can be used");
  auto dpop = tokens("t");
  dpop["token_type"] = "DPoP";
  CHECK(bench().begun().then(200, dpop).why() == "the issuer gave no token that can be used");
  CHECK(bench().begun().then(200, tokens("a\r\nb")).why()
        == "the issuer gave no token that can be used");
  CHECK(
    bench().then(200, resource()).then(200, metadata()).then(400, refused("invalid_scope")).why()
    == "the issuer refuses: invalid_scope");
  bench late;
  auto given = code();
  given["expires_in"] = 12;
  late.begun(given);
  for (int i = 0; i < 3; ++i)
    late.then(400, refused("authorization_pending"));
  CHECK(late.why() == "the code was not used in time");
  CHECK(late.waits == times{5, 5, 5});
  bench left;
  left.given_up = true;
  CHECK(left.begun().why() == "the login was given up");
}

TEST_CASE("a token that the server refuses is renewed before its time", "[login]") {
  bench b;
  b.begun().then(200, tokens("first"));
  REQUIRE(b.login.ensure());
  b.login.expire();
  b.then(503, "");
  CHECK(b.why() == "the issuer answered 503");
  b.then(200, tokens("second"));
  REQUIRE(b.login.ensure().value());
  CHECK(b.token() == "second");
  CHECK_FALSE(b.login.ensure().value());
}

TEST_CASE("tokens are renewed before they end", "[login]") {
  bench b;
  b.begun().then(200, tokens("first"));
  REQUIRE(b.login.ensure());
  b.now += seconds(269);
  CHECK_FALSE(b.login.ensure().value());
  b.now += seconds(1); // a tenth before the end
  b.then(503, "");
  CHECK_FALSE(b.login.ensure().value()); // it is still good, and the issuer is asked again
  CHECK(b.token() == "first");
  auto second = tokens("second");
  second.erase("refresh_token");
  b.then(200, second);
  REQUIRE(b.login.ensure().value());
  CHECK(b.token() == "second");
  CHECK(b.asked.back().find("grant_type=refresh_token&refresh_token=refresh-of-first&client_id=cli")
        != std::string::npos);
  b.now += seconds(300);
  b.then(400, refused("invalid_grant")).then(200, code()).then(200, tokens("third"));
  REQUIRE(b.login.ensure().value()); // the person logs in again
  CHECK(b.token() == "third");
  CHECK(b.asked.at(b.asked.size() - 3).find("refresh-of-first") != std::string::npos);
}

TEST_CASE("a token whose end is not known is used as long as it can be renewed", "[login]") {
  bench b;
  b.begun().then(200, tokens("t", nullptr));
  REQUIRE(b.login.ensure());
  b.now += seconds(270);
  b.then(200, tokens("u"));
  CHECK(b.login.ensure().value());
  bench once;
  auto only = tokens("t", nullptr);
  only.erase("refresh_token");
  once.begun().then(200, only);
  REQUIRE(once.login.ensure());
  once.now += seconds(100'000);
  CHECK_FALSE(once.login.ensure().value());
}

} // namespace behalf
