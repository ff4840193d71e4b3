#include "runtime/http/cors.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const std::string page = "https://app.example.com";
const std::string stranger = "https://evil.example";

header_list asking(const std::string& origin) {
  return {{"origin", origin},
          {"access-control-request-method", "POST"},
          {"access-control-request-headers", "content-type,x-api-key"}};
}

std::string plain(const cors_policy& policy, const std::string* origin) {
  std::string head;
  policy.append_headers(head, origin);
  return head;
}

} // namespace

TEST_CASE("by default any page may call", "[http][cors]") {
  const cors_policy policy{{}};
  const auto answer = policy.preflight(asking(page), true);
  CHECK(answer.status == 200);
  CHECK(answer.body == "OK");
  CHECK(*find_header(answer.headers, "access-control-allow-methods")
        == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
  CHECK(*find_header(answer.headers, "access-control-allow-headers") == "content-type,x-api-key");
  CHECK(*find_header(answer.headers, "access-control-max-age") == "600");
  const auto head = plain(policy, &page);
  CHECK(head.find("access-control-allow-origin: *\r\n") != std::string::npos);
  CHECK(head.find("access-control-expose-headers: x-pagination-total, x-pagination-next, "
                  "content-location, location, retry-after, www-authenticate, x-request-id, "
                  "mcp-session-id\r\n")
        != std::string::npos);
  CHECK(head.find("vary") == std::string::npos);
  CHECK(plain(policy, nullptr).empty());
}

TEST_CASE("only a server on loopback invites pages into the private network", "[http][cors]") {
  const cors_policy policy{{}};
  const char* field = "access-control-allow-private-network";
  const auto invited = policy.preflight(asking(page), true);
  const auto declined = policy.preflight(asking(page), false);
  CHECK(*find_header(invited.headers, field) == "true");
  CHECK(find_header(declined.headers, field) == nullptr);
}

TEST_CASE("named origins are let in, others refused", "[http][cors]") {
  cors_options options;
  options.allow_origins = {page};
  options.allow_headers = {"authorization"};
  const cors_policy policy{options};
  const auto good = policy.preflight(asking(page), false);
  CHECK(good.status == 200);
  CHECK(*find_header(good.headers, "access-control-allow-headers") == "authorization");
  const auto bad = policy.preflight(asking(stranger), false);
  CHECK(bad.status == 400);
  CHECK(bad.body == R"({"detail":"Disallowed CORS origin"})");
  CHECK(plain(policy, &page).find("access-control-allow-origin: " + page) != std::string::npos);
  CHECK(plain(policy, &stranger) == "vary: origin\r\n");
}

TEST_CASE("with credentials the origin is named, never a star", "[http][cors]") {
  cors_options options;
  options.allow_credentials = true;
  const auto head = plain(cors_policy{options}, &page);
  CHECK(head.find("access-control-allow-origin: " + page + "\r\n") != std::string::npos);
  CHECK(head.find("access-control-allow-credentials: true\r\n") != std::string::npos);
  CHECK(head.starts_with("vary: origin\r\n"));
}

TEST_CASE("without origins there is no CORS", "[http][cors]") {
  cors_options options;
  options.allow_origins = {};
  CHECK(plain(cors_policy{options}, &page).empty());
}

TEST_CASE("a preflight is OPTIONS with both of its fields", "[http][cors]") {
  CHECK(cors_policy::is_preflight("OPTIONS", asking(page)));
  CHECK_FALSE(cors_policy::is_preflight("GET", asking(page)));
  CHECK_FALSE(cors_policy::is_preflight("OPTIONS", {{"origin", page}}));
  CHECK_FALSE(cors_policy::is_preflight("OPTIONS", {{"access-control-request-method", "GET"}}));
}
