#include "actors/runs/webhook_url.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

std::string why(std::string_view url, const runs::webhook_options& rules = {}) {
  auto ok = runs::check_webhook(url, rules);
  if (!ok)
    CHECK(ok.error().code == errc::invalid_argument);
  return ok ? "" : ok.error().message;
}

} // namespace

TEST_CASE("a webhook leads to the public internet by https", "[webhooks]") {
  CHECK(why("https://example.com/x?y=1") == "");
  CHECK(why("https://93.184.216.34:8443/") == "");
  CHECK(why("HTTPS://EXAMPLE.com") == "");
  CHECK(why("http://example.com/") == "Webhook must use https");
  for (auto url :
       {"https://127.0.0.1/", "https://127.9.9.9/", "https://[::1]/", "https://[::ffff:7f00:1]/"})
    CHECK(why(url) == "Webhook host blocked: loopback IP range");
  for (auto url : {"https://10.1.2.3/", "https://192.168.0.1/", "https://100.64.0.1/",
                   "https://169.254.169.254/", "https://[fd00::1]/", "https://[fe80::1]/",
                   "https://0.0.0.0/", "https://224.0.0.1/", "https://[64:ff9b::7f00:1]/"})
    CHECK(why(url) == "Webhook host blocked: blocked IP range");
  for (auto url : {"https://localhost/", "https://LOCALHOST./", "https://a.localhost/"})
    CHECK(why(url) == "Webhook host blocked: localhost address");
  CHECK(why("https://metadata.google.internal/")
        == "Webhook host blocked: cloud metadata endpoint");
}

TEST_CASE("a refused webhook is not repeated", "[webhooks]") {
  for (auto url :
       {"https://user:hidden@example.com/", "https://example.com/hidden#x",
        "https://127.0.0.1/hidden", "http://example.com/?q=hidden", "/hidden", "hidden"}) {
    CHECK_FALSE(why(url).empty());
    CHECK(why(url).find("hidden") == std::string::npos);
  }
}

TEST_CASE("private webhooks are for who allows them", "[webhooks]") {
  runs::webhook_options rules;
  rules.allow_private = true;
  for (auto url : {"https://localhost:1/", "https://127.0.0.1/", "https://10.0.0.1/"})
    CHECK(why(url, rules) == "");
  CHECK(why("https://169.254.169.254/", rules) == "Webhook host blocked: blocked IP range");
  rules.allow_http = true;
  CHECK(why("http://10.0.0.1/", rules) == "");
  CHECK_FALSE(why("ftp://10.0.0.1/", rules).empty());
}

TEST_CASE("only the domains and ports that are listed", "[webhooks]") {
  runs::webhook_options rules;
  rules.allowed_domains = {"*.example.com", "hooks.test"};
  rules.allowed_ports = {443};
  for (auto url : {"https://a.example.com/", "https://a.b.example.com/", "https://hooks.test/"})
    CHECK(why(url, rules) == "");
  for (auto url :
       {"https://example.com/", "https://evilexample.com/", "https://a.hooks.test/",
        "https://example.com.evil.test/", "https://93.184.216.34/", "https://hooks.test:444/"})
    CHECK_FALSE(why(url, rules).empty());
}

TEST_CASE("a call goes to the origin it was asked for", "[webhooks]") {
  auto url = check_url("https://example.com/x").value();
  auto policy = runs::policy_of(url, {});
  CHECK(admit_url(url, policy));
  CHECK_FALSE(admit_url(check_url("https://example.org/x").value(), policy));
  CHECK_FALSE(policy.allow_private);
  CHECK_FALSE(policy.allow_plain_http);
}
