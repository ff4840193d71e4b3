#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"
#include "tests/support/catch.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace behalf;

namespace {

std::string why(std::string_view text, const shape_limits& bounds = {}) {
  auto parsed = parse_json(text, bounds);
  return parsed ? "accepted" : parsed.error().message;
}

bool reads_back(const json::value& v) {
  auto again = parse_json(dump(v));
  return again && *again == v && dump(*again) == dump(v);
}

std::string times(std::size_t n, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i)
    all += text;
  return all;
}

std::string list_of(std::size_t n) {
  return "[" + times(n - 1, "0,") + "0]";
}

} // namespace

TEST_CASE("numbers nothing can hold are refused, and where", "[base][json]") {
  CHECK(why(R"({"input": {"a": [1, 1e400]}})")
        == "1e400 is beyond the range of a number\n\nOn instance[\"input\"][\"a\"][1]");
  CHECK(why("-1.5E+309") == "-1.5E+309 is beyond the range of a number");
  CHECK(why("[18446744073709551616]")
        == "18446744073709551616 is an integer of more than 64 bits\n\nOn instance[0]");
  CHECK(why("-9223372036854775809") == "-9223372036854775809 is an integer of more than 64 bits");
  auto huge = why("[" + times(1'000'000, "9") + "]");
  CHECK(huge.size() < 120);
  CHECK(huge.ends_with("… is an integer of more than 64 bits\n\nOn instance[0]"));
  for (auto text : {"NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "1e", "--1"})
    CHECK_FALSE(parse_json(text));
}

TEST_CASE("a number that is taken reads back the same", "[base][json]") {
  for (auto text : {"0",
                    "-0",
                    "-0.0",
                    "9223372036854775807",
                    "-9223372036854775808",
                    "18446744073709551615",
                    "1.7976931348623157e308",
                    "5e-324",
                    "2.2250738585072014e-308",
                    "0.1",
                    "1e23",
                    "8.41e21",
                    "123456789012345678e-5",
                    "9007199254740993.0",
                    "1e-400",
                    "-1e-400",
                    "0e999999",
                    "1e20",
                    "4.35",
                    "2.0000000000000002"}) {
    INFO(text);
    auto parsed = parse_json(text);
    REQUIRE(parsed);
    CHECK(reads_back(*parsed));
    CHECK(parsed->to_number<double>() == std::strtod(text, nullptr));
  }
  std::mt19937_64 bits{20260101};
  for (int i = 0; i < 200'000; ++i) {
    auto d = std::bit_cast<double>(bits());
    if (std::isfinite(d) && !reads_back(d))
      FAIL("not the same again: " << dump(json::value(d)));
  }
}

TEST_CASE("text that is not UTF-8 is refused", "[base][json]") {
  for (auto text : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                    "\"\xe2\x82\"", R"("\ud800")", R"("\udc00")", R"("\ud800A")",
                    R"({"\ud800": 1})", "{\"\xff\": 1}", "\"a\nb\""})
    CHECK_FALSE(parse_json(text));
  auto nul = parse_json(R"({"a\u0000b": "\u0000", "😀": "\ud83d\ude00"})");
  REQUIRE(nul);
  CHECK(reads_back(*nul));
  CHECK(nul->at("😀") == "😀");
}

TEST_CASE("of a key that stands twice the last one counts", "[base][json]") {
  auto twice = parse_json(R"({"a": 1, "b": 2, "a": {"c": 3}})");
  REQUIRE(twice);
  CHECK(dump(*twice) == R"({"a":{"c":3},"b":2})");
  CHECK_FALSE(parse_json_strict(R"({"a": 1, "b": 2, "a": 3})"));
  CHECK_FALSE(parse_json_strict(R"({"x": {"a": 1, "\u0061": 3}})"));
  CHECK(parse_json_strict(R"({"a": {"a": 1}, "b": {"a": 1}})"));
}

TEST_CASE("a document has bounds, and what is beyond one is named", "[base][json]") {
  shape_limits small;
  small.depth = 4;
  small.nodes = 20;
  small.members = 3;
  small.elements = 5;
  small.name_bytes = 8;
  CHECK(why(R"({"a": [1, 2, 3, 4, 5], "b": {"x": 1, "y": 2, "z": 3}})", small) == "accepted");
  CHECK(why(R"({"a": {"b": [0, 1, 2, 3, 4, 5]}})", small)
        == "a list has more than 5 elements\n\nOn instance[\"a\"][\"b\"][5]");
  CHECK(why(R"({"a": {"p": 1, "q": 2, "r": 3, "s": 4}})", small)
        == "an object has more than 3 members\n\nOn instance[\"a\"]");
  CHECK(why(R"({"a": {"123456789": 1}})", small)
        == "a key has more than 8 bytes\n\nOn instance[\"a\"]");
  CHECK(why(R"([[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]])", small)
        == "the document has more than 20 values\n\nOn instance[3][3]");
  CHECK(why("[[[[]]]]", small) == "accepted");
  CHECK(why("[[[[[]]]]]", small) == "lists and objects are nested deeper than 4");
}

TEST_CASE("the bounds of every day are generous", "[base][json]") {
  shape_limits bounds;
  CHECK(why(times(128, "[") + times(128, "]")) == "accepted");
  CHECK(why(times(129, "[") + times(129, "]")) == "lists and objects are nested deeper than 128");
  CHECK(why(times(1'000'000, "[")) == "lists and objects are nested deeper than 128");
  CHECK(why(list_of(bounds.elements)) == "accepted");
  CHECK(why(list_of(bounds.elements + 1)).starts_with("a list has more than 100000 elements"));
  CHECK(why('"' + times(1'000'000, "x") + '"') == "accepted");
}

TEST_CASE("what was taken can be read when it is stored inside something", "[base][json]") {
  auto deep = parse_json(times(128, R"({"a":)") + "1" + times(128, "}"));
  REQUIRE(deep);
  auto stored = dump(json::object{{"kwargs", {{"input", *deep}}}});
  CHECK_FALSE(parse_json(stored));
  CHECK(parse_stored_json(stored));
}

TEST_CASE("nobody can foretell which keys of a large object collide", "[base][json]") {
  std::string text = "{\"0\": 0";
  for (int i = 1; i < 4096; ++i)
    text += ",\"" + std::to_string(i) + "\": 0";
  std::set<std::size_t> sizes; // of the hash table
  for (int i = 0; i < 8; ++i) {
    auto parsed = parse_json(text + "}");
    REQUIRE(parsed);
    CHECK(parsed->as_object().size() == 4096);
    sizes.insert(parsed->as_object().capacity());
  }
  CHECK(sizes.size() > 1);
}

TEST_CASE("what a node makes up is looked at before it is kept", "[base][json]") {
  CHECK(check_storable(json::value{{"a", {1, 2.5, "é", nullptr, true}}}));
  CHECK_FALSE(check_storable(json::value{{"a", {std::numeric_limits<double>::infinity()}}}));
  CHECK_FALSE(check_storable(json::value{{"a", std::numeric_limits<double>::quiet_NaN()}}));
  CHECK_FALSE(check_storable(json::value{"\xff"}));
  CHECK_FALSE(check_storable(json::value{{"\xed\xa0\x80", 1}}));
  json::value deep = 1;
  for (int i = 0; i < 256; ++i)
    deep = json::array{std::move(deep)};
  CHECK(check_storable(deep));
  CHECK_FALSE(check_storable(json::array{deep}));
}

TEST_CASE("a value in a message is short", "[base][json]") {
  CHECK(excerpt(json::value{{"a", 1}}) == R"({"a":1})");
  CHECK(excerpt(json::value(times(100, "x"))) == "string");
  CHECK(excerpt(parse_json(list_of(100'000)).value()) == "list");
  CHECK(json_place{}.key(times(63, "x") + "é" + times(63, "x")).text()
        == "\n\nOn instance[\"" + times(63, "x") + "…\"]");
  CHECK(count_values(parse_json("[1, {\"a\": [2, 3]}]").value(), 100) == 6);
  CHECK(count_values(parse_json(list_of(1000)).value(), 10) == 11);
}

TEST_CASE("text of strangers becomes UTF-8", "[base][json]") {
  CHECK(valid_utf8("é😀") == "é😀");
  CHECK(valid_utf8("a\xff\xfe z\xe2\x82") == "a\uFFFD\uFFFD z\uFFFD\uFFFD");
}

TEST_CASE("a part is found whatever the order of its members", "[base][json]") {
  const auto whole = parse_json(R"({"a": 1, "b": {"x": [{"p": 1, "q": 2}], "y": 2}, "c": 3})");
  auto holds = [&](std::string_view part) { return contains(*whole, parse_json(part).value()); };
  CHECK(holds(R"({})"));
  CHECK(holds(R"({"a": 1, "b": {"y": 2}, "c": 3})"));
  CHECK(holds(R"({"c": 3, "b": {"y": 2, "x": [{"q": 2, "p": 1}]}, "a": 1})"));
  CHECK_FALSE(holds(R"({"c": 3, "d": 1})"));
  CHECK_FALSE(holds(R"({"b": {"x": [{"p": 1}]}})")); // lists are compared, not searched
  CHECK_FALSE(holds(R"({"b": {"x": [{"p": 1, "q": 2, "r": 3}]}})"));
  CHECK_FALSE(holds(R"({"a": {"b": 1}})"));
  CHECK(contains(json::value(1), json::value(1U)));
}

TEST_CASE("the length of a text is known without making it", "[json]") {
  const json::value v{{"a", {1, -2.5, nullptr, true, "\n\"\x01é"}}, {"b", json::object{}}};
  CHECK(text_bytes(v, 1000) == dump(v).size());
  CHECK(text_bytes(v.get_object(), 1000) == dump(v).size());
  CHECK(text_bytes(json::object{}, 1000) == 2);
  CHECK(text_bytes(json::value(std::string(100'000, 'x')), 10) > 10);
  CHECK(text_bytes(json::value(std::string(100'000, 'x')), 10) < 10'000);
}
