#include "runtime/base/text.hpp"

#include <catch2/catch.hpp>

using namespace behalf;

TEST_CASE("only A to Z are made small", "[text]") {
  CHECK(ascii_lower("X-Request-ID_09[]") == "x-request-id_09[]");
  CHECK(ascii_lower("\xC3\x84") == "\xC3\x84"); // a letter of two bytes
  CHECK(ascii_lower("").empty());
}

TEST_CASE("names that differ in case alone are the same", "[text]") {
  CHECK(same_ignoring_case("Content-Length", "content-LENGTH"));
  CHECK(same_ignoring_case("", ""));
  CHECK_FALSE(same_ignoring_case("content", "content-length"));
  CHECK_FALSE(same_ignoring_case("@", "`")); // 32 apart like letters, and none
  CHECK_FALSE(same_ignoring_case("[", "{"));
  CHECK_FALSE(same_ignoring_case("\xC3\x84", "\xC3\xA4"));
}

TEST_CASE("a hexadecimal digit has a value in either case", "[text]") {
  CHECK(hex_value('0') == 0);
  CHECK(hex_value('9') == 9);
  CHECK(hex_value('a') == 10);
  CHECK(hex_value('F') == 15);
  for (char c : {'g', 'G', '/', ':', '@', '`', ' ', '\0', '\xFF'})
    CHECK(hex_value(c) == -1);
}
