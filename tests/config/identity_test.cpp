#include "config/config.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

std::string faults_of(const std::string& text) {
  std::string all;
  for (const auto& p : parse_config(text, "f.yaml").problems)
    all += p.text() + "\n";
  return all;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

const std::string zeros(64, '0');
const std::string users = "identity:\n"
                          "  - { type: oidc, issuer: https://a.example, audience: x }\n";

std::string key(const std::string& more) {
  return "  - { type: api_key, keys: [{ sha256: '" + zeros + "', subject: alice" + more + " }] }\n";
}

} // namespace

TEST_CASE("an API key must not have a user's identity", "[config]") {
  CHECK(says(faults_of(users + key("")), "f.yaml:2: identity: providers 1 and 2 share a tenant"));
  CHECK(faults_of(users + key(", identity_prefix: 'key:'")).empty());
  CHECK(faults_of(users + key(", tenant: programs")).empty());
  CHECK(faults_of("identity:\n" + key("")).empty());
}

TEST_CASE("introspection providers of one tenant need names", "[config]") {
  auto provider = [](const std::string& more) {
    return "  - { type: introspection, endpoint: https://x.example/i, client_id: c, "
           "client_secret: env:S"
           + more + " }\n";
  };
  CHECK(says(faults_of("identity:\n" + provider("") + provider(", identity_prefix: 'b:'")),
             "give each introspection provider its issuer"));
  CHECK(faults_of("identity:\n" + provider(", issuer: https://x.example")
                  + provider(", issuer: https://y.example, identity_prefix: 'b:'"))
          .empty());
}

TEST_CASE("prefixes are kept for those who have them", "[config]") {
  auto c = parse_config(users + key(", identity_prefix: 'key:'"), "f.yaml");
  REQUIRE(c.problems.empty());
  const auto& p = std::get<oidc_settings>(c.value.identity.providers.front());
  CHECK(p.mapping.reserved_prefixes == std::vector<std::string>{"key:"});
}

} // namespace behalf
