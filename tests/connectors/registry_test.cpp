#include "connectors/registry.hpp"
#include "tests/connectors/scripted_upstream.hpp"
#include "tests/support/catch.hpp"

#include <functional>

using namespace behalf;

TEST_CASE("each wrong key of a service is named", "[connectors]") {
  using change = std::function<void(service_options&)>;
  const std::pair<const char*, change> rows[]{
    {"name", [](auto& s) { s.name = ""; }},
    {"name", [](auto& s) { s.name = "a b"; }},
    {"name", [](auto& s) { s.name = std::string(65, 'a'); }},
    {"url", [](auto& s) { s.url = ""; }},
    {"url", [](auto& s) { s.url = "up.example"; }},
    {"url", [](auto& s) { s.url = "ftp://up.example"; }},
    {"url", [](auto& s) { s.url = "http://up.example"; }},
    {"url", [](auto& s) { s.url = "https://user:pw@up.example"; }},
    {"url", [](auto& s) { s.url = "https://up.example/x?y=1"; }},
    {"url", [](auto& s) { s.url = "https://up.example/x#y"; }},
    {"hosts",
     [](auto& s) {
       s.hosts = {"https://ok.example", "nonsense"};
     }},
    {"hosts", [](auto& s) { s.hosts = {"http://plain.example"}; }},
    {"credential.from", [](auto& s) { s.credential.name = "x"; }},
    {"credential.inject",
     [](auto& s) {
       s.credential.from = credential_source::secrets;
       s.credential.inject.name = "X";
     }},
    {"credential.inject",
     [](auto& s) {
       s.credential = {credential_source::secrets, "", {credential_form::header, ""}};
     }},
    {"credential.inject",
     [](auto& s) {
       s.credential = {credential_source::secrets, "", {credential_form::header, "A: b\r\nC"}};
     }},
    {"credential.inject",
     [](auto& s) {
       s.credential = {credential_source::secrets, "", {credential_form::header, "hOST"}};
     }},
    {"credential.inject",
     [](auto& s) {
       s.credential = {credential_source::secrets, "", {credential_form::query, "a&b"}};
     }},
    {"timeout", [](auto& s) { s.timeout = {}; }},
    {"timeout", [](auto& s) { s.timeout = std::chrono::hours{1}; }},
    {"max_reply_bytes", [](auto& s) { s.max_reply_bytes = 0; }},
    {"max_concurrent", [](auto& s) { s.max_concurrent = 0; }},
    {"tools", [](auto& s) { s.tools = {"t"}; }},
  };
  for (const auto& [key, wrong] : rows) {
    auto service = scripted_service(service_type::http);
    REQUIRE(service.validate().has_value());
    wrong(service);
    INFO(key << ", " << service.url);
    const auto checked = service.validate();
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code == errc::invalid_argument);
    CHECK(checked.error().message.starts_with(std::string{key} + ": "));
    const auto made = service_registry::create({service});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message.starts_with("service '" + service.name + "': " + key));
  }
}

TEST_CASE("calls may go to the url's origin and the declared hosts only", "[connectors]") {
  auto service = scripted_service(service_type::http);
  service.hosts = {"https://Files.Example:8443/"};
  service.allow_private = true;
  const auto services = service_registry::create({service}).value();
  const auto policy = services.policy("up");
  CHECK(policy.allow_private);
  CHECK_FALSE(policy.allow_plain_http);
  CHECK(admit_url(check_url("https://up.example/elsewhere").value(), policy).has_value());
  CHECK(admit_url(check_url("https://files.example:8443/f").value(), policy).has_value());
  CHECK_FALSE(admit_url(check_url("https://files.example/f").value(), policy).has_value());
  CHECK_FALSE(admit_url(check_url("https://other.example/").value(), policy).has_value());
  CHECK(services.policy("unknown").allowed.empty());
}

TEST_CASE("a service is found by name, and a name is given once", "[connectors]") {
  auto one = scripted_service(service_type::http);
  auto two = scripted_service(service_type::mcp);
  two.name = "another";
  const auto services = service_registry::create({one, two}).value();
  CHECK(services.find("up")->url == one.url);
  CHECK(services.find("nobody") == nullptr);
  REQUIRE(services.all().size() == 2);
  CHECK(services.all()[0]->name == "another");
  const auto twice = service_registry::create({one, one});
  REQUIRE_FALSE(twice.has_value());
  CHECK(twice.error().message == "service 'up': the name is taken");
}

TEST_CASE("the credential's entry is called as the service unless it has a name", "[connectors]") {
  auto service = scripted_service(service_type::http);
  CHECK(service.credential_name().empty());
  service.credential.from = credential_source::secrets;
  CHECK(service.credential_name() == "up");
  service.credential.name = "shared";
  CHECK(service.credential_name() == "shared");
}

TEST_CASE("an operation must fit its service", "[connectors]") {
  auto web = scripted_service(service_type::http);
  auto tools = scripted_service(service_type::mcp);
  tools.name = "tools";
  tools.tools = {"allowed"};
  const auto services = service_registry::create({web, tools}).value();
  const auto refused = [&](service_call call) {
    return services.open(std::move(call), scripted_caller()).error().code;
  };
  CHECK(refused({"nobody", http_operation{}}) == errc::not_found);
  CHECK(refused({"up", list_tools_operation{}}) == errc::invalid_argument);
  CHECK(refused({"up", call_tool_operation{"t"}}) == errc::invalid_argument);
  CHECK(refused({"tools", http_operation{}}) == errc::invalid_argument);
  CHECK(refused({"tools", call_tool_operation{""}}) == errc::invalid_argument);
  CHECK(refused({"tools", call_tool_operation{"other"}}) == errc::denied);
  CHECK(services.open({"tools", call_tool_operation{"allowed"}}, scripted_caller()).has_value());
}
