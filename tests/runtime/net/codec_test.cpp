#include "behalf/wiped.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("what is encoded for a wiped buffer is what is encoded for any", "[net]") {
  std::string bytes;
  for (int i = 0; i < 260; ++i) {
    wiped_string standard, url, hex, percent;
    append_base64(standard, bytes);
    append_base64url(url, bytes);
    append_hex(hex, bytes);
    append_percent(percent, bytes);
    REQUIRE(standard.view() == base64(bytes));
    REQUIRE(url.view() == base64url(bytes));
    REQUIRE(hex.view() == to_hex(bytes));
    REQUIRE(percent.view() == percent_encode(bytes));
    REQUIRE(base64_decode(standard.view()).value() == bytes);
    REQUIRE(base64url_decode(url.view()).value() == bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST_CASE("a key is read from either alphabet or from hexadecimal digits", "[net]") {
  wiped_string from;
  CHECK(append_from_base64(from, "-_8"));
  CHECK(append_from_base64(from, "+/8"));
  CHECK(append_from_hex(from, "fBff"));
  CHECK(to_hex(from.view()) == "fbfffbfffbff");
  for (const char* bad : {"a", "ab=", "a b", "AB"})
    CHECK_FALSE(append_from_base64(from, bad));
  for (const char* bad : {"0", "0g", "0x10"})
    CHECK_FALSE(append_from_hex(from, bad));
}

TEST_CASE("what others could make of a text is decoded without judgement", "[net]") {
  CHECK(loose_percent_decode("%2e%252E%zz%") == ".%2E%zz%");
  CHECK(loose_percent_decode("%00%ff") == std::string("\0\xff", 2));
  CHECK(whole_escapes("a%20b"));
  CHECK_FALSE(whole_escapes("a%2"));
  CHECK_FALSE(whole_escapes("%%41"));
}
