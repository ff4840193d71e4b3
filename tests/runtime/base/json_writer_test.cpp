#include "runtime/base/json_writer.hpp"
#include "tests/support/catch.hpp"

#include <limits>
#include <vector>

using namespace behalf;

TEST_CASE("numbers are written as people write them, and read back the same", "[json]") {
  const std::pair<double, const char*> rows[]{
    {0.1, "0.1"},
    {-0.25, "-0.25"},
    {1, "1.0"},
    {0, "0.0"},
    {-0.0, "-0.0"},
    {100, "100.0"},
    {3.14159, "3.14159"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {1.5e-7, "1.5e-07"},
    {123456789012345.6, "123456789012345.6"},
    {9007199254740992.0, "9007199254740992.0"},
    {1e16, "1e+16"},
    {-2.5e300, "-2.5e+300"},
    {5e-324, "5e-324"},
    {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
  };
  for (const auto& [number, text] : rows) {
    CHECK(dump(json::value(number)) == text);
    const auto again = parse_json(text).value();
    REQUIRE(again.is_double());
    CHECK(again.get_double() == number);
  }
  CHECK(dump(json::value(std::numeric_limits<int64_t>::min())) == "-9223372036854775808");
  CHECK(dump(json::value(std::numeric_limits<uint64_t>::max())) == "18446744073709551615");
  CHECK(dump(json::value(std::numeric_limits<double>::infinity())) == "null");
  CHECK(dump(json::value(std::numeric_limits<double>::quiet_NaN())) == "null");
}

TEST_CASE("texts are escaped where they must be, in any buffer", "[json]") {
  const std::string text{"a\"b\\c\n\r\t\b\f\x01\x1f\x7f/<&>\xE2\x82\xAC\0z", 22};
  const std::string wanted = R"("a\"b\\c\n\r\t\b\f\u0001\u001f)"
                             "\x7f/<&>\xE2\x82\xAC"
                             R"(\u0000z")";
  CHECK(dump(json::value(text)) == wanted);
  wiped_string wiped;
  append_json_text(wiped, text);
  CHECK(wiped.view() == wanted);
  CHECK(std::string_view{parse_json(wanted).value().get_string()} == text);
}

TEST_CASE("what is written is what the other serializer writes", "[json]") {
  const auto v =
    parse_json(R"({"a":[],"b":{},"c":[1,-2,"x",null,true,false,[[]],{"d":"é\n"}],"":0})");
  CHECK(dump(*v) == json::serialize(*v));
  CHECK(dump(v->get_object()) == json::serialize(*v));
}

TEST_CASE("a writer puts commas, colons and braces", "[json]") {
  json_writer w;
  w.object().member("a", 1).member("b", "x\"").key("c").array();
  w.value(1.5).value(nullptr).object().end().array().end().end();
  w.raw_member("d", R"({"ready":[]})").raw("").raw(R"("e":1,"f":2)");
  w.key("g").object().member("h:{[", ":{[").member("i", true);
  CHECK(w.take()
        == R"({"a":1,"b":"x\"","c":[1.5,null,{},[]],"d":{"ready":[]},"e":1,"f":2,)"
           R"("g":{"h:{[":":{[","i":true}})");
  json_writer list;
  list.array().raw("").value(std::vector<std::string>{"a", "b"}).value(json::object{});
  CHECK(list.take() == R"([["a","b"],{}])");
  CHECK(json_writer{}.take().empty());
}
