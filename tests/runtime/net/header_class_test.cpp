#include "runtime/net/header_class.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <string>
#include <vector>

using namespace behalf;

// The whole table, written again: safety rests on it, so no field changes its class by the way.
TEST_CASE("every header of a class is of that class and of no other", "[net]") {
  const std::map<header_class, std::vector<std::string>> classes{
    {header_class::credential, {"authorization", "cookie", "cookie2"}},
    {header_class::own_credential, {"x-api-key"}},
    {header_class::caller, {"x-service-key", "x-tenant-id"}},
    {header_class::proxy,
     {"proxy-authorization", "proxy-authenticate", "proxy-connection", "proxy-"}},
    {header_class::framing,
     {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
      "upgrade", "expect", "accept-encoding", "http2-settings"}},
    {header_class::part, {"range", "if-range"}},
    {header_class::connection, {"date", "x-request-id"}},
    {header_class::cookie_given, {"set-cookie", "set-cookie2"}},
  };
  for (const auto& [of, names] : classes)
    for (auto name : names)
      for (const auto& [other, unused] : classes) {
        INFO(name);
        CHECK(is_header(name, other) == (of == other));
        name.front() = static_cast<char>(name.front() - 32);
        CHECK(is_header(name, other) == (of == other));
        name.front() = static_cast<char>(name.front() + 32);
      }
  for (const char* free : {"", "accept", "content-type", "user-agent", "x-authorization",
                           "authorization2", "proxy", "www-authenticate", "origin"})
    for (const auto& [of, unused] : classes)
      CHECK_FALSE(is_header(free, of));
}

TEST_CASE("what clients authenticate with is three classes", "[net]") {
  for (const char* name :
       {"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "X-Api-Key"})
    CHECK(is_header(name, inbound_credentials));
  CHECK_FALSE(is_header("X-Tenant-Id", inbound_credentials));
}
