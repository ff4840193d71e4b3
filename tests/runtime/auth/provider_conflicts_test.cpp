#include "runtime/auth/provider_conflicts.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

oidc_settings oidc(std::string issuer, std::string prefix = "", std::string tenant = "default") {
  oidc_settings p;
  p.rules.issuer = std::move(issuer);
  p.mapping.identity_prefix = std::move(prefix);
  p.mapping.tenant = std::move(tenant);
  return p;
}

introspection_settings introspection(std::string issuer, std::string prefix = "") {
  introspection_settings p;
  p.rules.issuer = std::move(issuer);
  p.mapping.identity_prefix = std::move(prefix);
  return p;
}

api_key_settings keys(std::string subject, std::string prefix = "", std::string tenant = "default",
                      char digit = '0') {
  api_key_entry e;
  e.sha256 = std::string(64, digit);
  e.subject = std::move(subject);
  e.identity_prefix = std::move(prefix);
  e.tenant = std::move(tenant);
  return {{e}};
}

using provider_list = std::vector<identity_settings>;

// The only fault there is.
std::string fault(const provider_list& providers) {
  auto found = find_provider_conflicts(providers);
  REQUIRE(found.size() == 1);
  return found.front();
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

} // namespace

TEST_CASE("providers of one tenant must set their users apart", "[auth]") {
  CHECK(says(fault({oidc("https://a"), oidc("https://b")}), "providers 1 and 2 share a tenant"));
  CHECK(says(fault({oidc("https://a"), introspection("https://b")}), "identity_prefix"));
  CHECK(find_provider_conflicts({oidc("https://a"), oidc("https://b", "b:")}).empty());
  CHECK(find_provider_conflicts({oidc("https://a"), oidc("https://b", "", "other")}).empty());
}

TEST_CASE("a tenant from a claim may be any tenant", "[auth]") {
  auto claimed = oidc("https://a");
  claimed.mapping.tenant_claim = "tenant";
  auto other_claim = oidc("https://b");
  other_claim.mapping.tenant_claim = "org";
  CHECK(find_provider_conflicts({claimed, oidc("https://b", "", "acme")}).size() == 1);
  CHECK(find_provider_conflicts({claimed, other_claim}).size() == 1);
  CHECK(find_provider_conflicts({claimed, keys("robot", "", "acme")}).size() == 1);
  CHECK(find_provider_conflicts({claimed, oidc("https://b", "b:", "acme")}).empty());
}

TEST_CASE("an API key is not a user of the same name", "[auth]") {
  CHECK(says(fault({oidc("https://a"), keys("alice")}), "on API keys"));
  CHECK(says(fault({keys("alice"), introspection("https://a")}), "providers 1 and 2"));
  CHECK(find_provider_conflicts({oidc("https://a"), keys("alice", "key:")}).empty());
  CHECK(find_provider_conflicts({oidc("https://a"), keys("alice", "", "programs")}).empty());
  CHECK(find_provider_conflicts({oidc("https://a", "a:"), keys("alice")}).empty());
}

TEST_CASE("one key of several in the shared tenant is enough for a clash", "[auth]") {
  auto many = keys("one", "", "programs", '1');
  many.keys.push_back(keys("two", "", "default", '2').keys.front());
  CHECK(find_provider_conflicts({oidc("https://a"), many}).size() == 1);
  many.keys.back().identity_prefix = "key:";
  CHECK(find_provider_conflicts({oidc("https://a"), many}).empty());
}

TEST_CASE("an API key's identity does not begin as another provider's users do", "[auth]") {
  CHECK(says(fault({oidc("https://a", "a:"), keys("a:alice")}), "'a:alice'"));
  CHECK(says(fault({oidc("https://a", "key:a:"), keys("a:alice", "key:")}), "provider 1"));
  CHECK(find_provider_conflicts({oidc("https://a", "a:", "other"), keys("a:alice")}).empty());
}

TEST_CASE("one program may have several keys, but only one identity", "[auth]") {
  CHECK(find_provider_conflicts({keys("robot"), keys("robot", "", "default", '1')}).empty());
  CHECK(says(fault({keys("robot"), keys("robot", "key:", "default", '1')}), "identity_prefix"));
  auto upper = keys("robot", "", "default", 'A');
  CHECK(says(fault({keys("robot", "", "default", 'a'), upper}), "configured twice"));
}

TEST_CASE("equal issuers are equal users: stored tokens go by them", "[auth]") {
  CHECK(find_provider_conflicts({oidc("https://a"), introspection("https://a")}).empty());
  CHECK(says(fault({oidc("https://a"), introspection("https://a", "a:")}), "the same users"));
  CHECK(says(fault({oidc("https://a"), oidc("https://a", "a:", "other")}), "never be asked"));
  CHECK(says(fault({introspection(""), introspection("", "b:")}), "its issuer"));
  CHECK(says(fault({introspection("api_key", "x:"), keys("robot")}), "name another"));
}

TEST_CASE("no identity begins with a prefix that is another provider's", "[auth]") {
  auto claimed = oidc("https://d", "b:long:");
  claimed.mapping.tenant_claim = "tenant";
  provider_list all{oidc("https://a"), oidc("https://b", "b:"), oidc("https://c", "c:", "other"),
                    claimed};
  reserve_prefixes(all);
  auto reserved = [&](std::size_t i) {
    return std::get<oidc_settings>(all[i]).mapping.reserved_prefixes;
  };
  CHECK(reserved(0) == std::vector<std::string>{"b:", "b:long:"});
  CHECK(reserved(1) == std::vector<std::string>{"b:long:"});
  CHECK(reserved(2).empty());
  CHECK(reserved(3).empty());
  auto who = [&](std::size_t i, std::string subject) {
    const auto& p = std::get<oidc_settings>(all[i]);
    return to_principal({p.rules.issuer, std::move(subject), {}, {}}, p.mapping);
  };
  CHECK(who(0, "eve")->identity == "eve");
  CHECK(who(0, "b:eve").error().code == errc::unauthenticated);
  CHECK(who(1, "eve")->identity == "b:eve");
  CHECK(who(1, "long:eve").error().code == errc::unauthenticated);
}
