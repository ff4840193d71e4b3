#include "agents/tools/arguments.hpp"

#include <catch2/catch.hpp>

using namespace behalf;

namespace {

json::object parsed(std::string_view text) {
  return parse_json(text).value().get_object();
}

// "" when they match.
std::string said(std::string_view schema, std::string_view arguments) {
  auto checked = check_arguments(parsed(schema), parsed(arguments));
  if (checked)
    return {};
  CHECK(checked.error().code == errc::invalid_argument);
  return checked.error().message;
}

// Of one argument, a.
std::string of(std::string_view schema, std::string_view value) {
  return said(R"({"properties":{"a":)" + std::string(schema) + "}}",
              R"({"a":)" + std::string(value) + "}");
}

bool holds(std::string_view schema, std::string_view value) {
  return of(schema, value).empty();
}

const std::string too_large = "The arguments cannot be checked: the tool's schema is too large, or "
                              "refers to itself";

} // namespace

TEST_CASE("arguments that match their schema pass", "[agents]") {
  constexpr auto schema = R"({"type":"object","required":["to"],"additionalProperties":false,
    "properties":{"to":{"type":"string","format":"email"},"cc":{"type":["array","null"],
      "items":{"type":"string"}},"urgent":{"type":"boolean","default":false}}})";
  CHECK(said(schema, R"({"to":"bob"})").empty());
  CHECK(said(schema, R"({"to":"bob","cc":["a","b"],"urgent":true})").empty());
  CHECK(said(schema, R"({"to":"bob","cc":null})").empty());
  CHECK(said(schema, "{}") == R"(The arguments must have "to")");
  CHECK(said(schema, R"({"to":7})") == "The argument to must be a string, but is 7");
  CHECK(said(schema, R"({"to":"bob","cc":["a",{}]})")
        == "The argument cc[1] must be a string, but is {}");
  CHECK(said(schema, R"({"to":"bob","cc":"a"})")
        == R"(The argument cc must be a list, null, but is "a")");
  CHECK(said(schema, R"({"to":"bob","tos":1})")
        == R"(The arguments must not have "tos"; it takes: to, cc, urgent)");
}

TEST_CASE("types are JSON Schema's", "[agents]") {
  CHECK(holds(R"({"type":"integer"})", "7"));
  CHECK(holds(R"({"type":"integer"})", "7.0"));
  CHECK(holds(R"({"type":"integer"})", "18446744073709551615"));
  CHECK(of(R"({"type":"integer"})", "7.5") == "The argument a must be an integer, but is 7.5");
  CHECK(holds(R"({"type":"number"})", "7"));
  CHECK_FALSE(holds(R"({"type":"number"})", R"("7")"));
  CHECK_FALSE(holds(R"({"type":"null"})", "0"));
  CHECK_FALSE(holds(R"({"type":"boolean"})", "0"));
  CHECK_FALSE(holds(R"({"type":"object"})", "[]"));
  CHECK_FALSE(holds(R"({"type":"array"})", "{}"));
}

TEST_CASE("values of enum and const compare as JSON Schema says", "[agents]") {
  CHECK(of(R"({"enum":["a","b"]})", R"("c")") == R"(The argument a must be "a", "b", but is "c")");
  CHECK(holds(R"({"enum":[1,{"x":[1,null]}]})", R"({"x":[1.0,null]})"));
  CHECK_FALSE(holds(R"({"enum":[1,{"x":[1,null]}]})", R"({"x":[1.0]})"));
  CHECK_FALSE(holds(R"({"enum":[]})", "1"));
  CHECK(holds(R"({"const":1})", "1.0"));
  CHECK_FALSE(holds(R"({"const":1})", "true"));
  CHECK_FALSE(holds(R"({"const":9007199254740993})", "9007199254740992"));
  CHECK(of(R"({"const":"x"})", "1") == R"(The argument a must be "x", but is 1)");
}

TEST_CASE("numbers and lengths have bounds", "[agents]") {
  CHECK(of(R"({"minimum":2})", "1") == "The argument a must be at least 2, but is 1");
  CHECK(holds(R"({"minimum":2,"maximum":2})", "2"));
  CHECK_FALSE(holds(R"({"maximum":2})", "2.5"));
  CHECK_FALSE(holds(R"({"exclusiveMinimum":2})", "2"));
  CHECK(of(R"({"exclusiveMaximum":2})", "2") == "The argument a must be less than 2, but is 2");
  CHECK(holds(R"({"minimum":2})", R"("1")"));
  CHECK(holds(R"({"minLength":2,"maxLength":2})", R"("é€")"));
  CHECK(of(R"({"maxLength":1})", R"("é€")")
        == "The argument a must have at most 1 characters, but has 2");
  CHECK_FALSE(holds(R"({"minItems":1})", "[]"));
  CHECK_FALSE(holds(R"({"maxItems":1})", "[1,2]"));
  CHECK_FALSE(holds(R"({"minProperties":1})", "{}"));
  CHECK_FALSE(holds(R"({"maxProperties":0})", R"({"x":1})"));
}

TEST_CASE("lists have schemas by place, and for the rest", "[agents]") {
  constexpr auto today = R"({"prefixItems":[{"type":"string"}],"items":{"type":"integer"}})";
  CHECK(holds(today, R"(["x",1,2])"));
  CHECK(holds(today, "[]"));
  CHECK(of(today, R"(["x",1,"y"])") == R"(The argument a[2] must be an integer, but is "y")");
  CHECK_FALSE(holds(today, "[1]"));
  CHECK_FALSE(holds(R"({"prefixItems":[true],"items":false})", "[1,2]"));
  CHECK_FALSE(holds(R"({"items":[{"type":"string"}]})", "[1]"));
  CHECK(holds(R"({"items":[{"type":"string"}]})", R"(["x",1])"));
}

TEST_CASE("further members have a schema", "[agents]") {
  CHECK(holds(R"({"additionalProperties":{"type":"string"}})", R"({"x":"y"})"));
  CHECK(
    of(R"({"properties":{"x":{}},"additionalProperties":{"type":"string"}})", R"({"x":1,"y":1})")
    == "The argument a.y must be a string, but is 1");
  CHECK(holds(R"({"patternProperties":{"^x":{}},"additionalProperties":false})", R"({"x1":1})"));
}

TEST_CASE("schemas are combined", "[agents]") {
  CHECK_FALSE(holds(R"({"allOf":[{"type":"string"},{"minLength":2}]})", R"("x")"));
  CHECK(holds(R"({"anyOf":[{"type":"string"},{"minimum":2}]})", "2"));
  CHECK(of(R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "7")
        == "The argument a must be a string, null, but is 7");
  CHECK(of(R"({"anyOf":[{"type":"object","required":["x"]},{"type":"null"}]})", "{}")
        == R"(The argument a must have "x")");
  CHECK(of(R"({"anyOf":[{"minimum":2},{"type":"string"}]})", "1")
        == "The argument a matches none of its 2 alternatives");
  CHECK(holds(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", "1"));
  CHECK(of(R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", "3")
        == "The argument a matches more than one of its alternatives");
  CHECK(of(R"({"not":{"type":"integer"}})", "3") == "The argument a must not be 3");
  CHECK(holds(R"({"not":{"type":"integer"}})", R"("3")"));
  CHECK(of("false", "3") == "The argument a is not allowed");
  CHECK(holds("true", "3"));
}

TEST_CASE("references within the schema are followed", "[agents]") {
  constexpr auto tree = R"({"$defs":{"a/b":{"type":"string"},
      "tree":{"type":"object","required":["name"],"additionalProperties":false,"properties":{
        "name":{"$ref":"#/$defs/a~1b"},
        "children":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}},
    "type":"object","properties":{"root":{"$ref":"#/$defs/tree"}}})";
  CHECK(said(tree, R"({"root":{"name":"x","children":[{"name":"y","children":[]}]}})").empty());
  CHECK(said(tree, R"({"root":{"name":"x","children":[{"name":"y","children":[{}]}]}})")
        == R"(The argument root.children[0].children[0] must have "name")");
  CHECK(said(tree, R"({"root":{"name":7}})")
        == "The argument root.name must be a string, but is 7");
  CHECK(holds(R"({"$ref":"https://example.com/x"})", "1"));
  CHECK(holds(R"({"$ref":"#/$defs/none"})", "1"));
}

TEST_CASE("words that are not read refuse nothing", "[agents]") {
  CHECK(holds(R"({"pattern":"^(a+)+$"})", R"("b")"));
  CHECK(holds(R"({"not":{"pattern":"^a"}})", R"("b")"));
  CHECK(holds(R"({"not":{"type":"string","pattern":"^a"}})", R"("b")"));
  CHECK(holds(R"({"oneOf":[{"pattern":"^a"},{"pattern":"^b"}]})", R"("b")"));
  CHECK(holds(R"({"oneOf":[{"type":"string"},{"uniqueItems":true}]})", R"("b")"));
  CHECK_FALSE(holds(R"({"anyOf":[{"type":"integer","pattern":"a"}]})", R"("b")"));
  CHECK(holds(R"({"type":7,"enum":7,"required":7,"properties":7,"anyOf":7,"minimum":"x"})", "1"));
}

TEST_CASE("a schema that refers to itself without end is given up", "[agents]") {
  CHECK(of(R"({"$ref":"#/properties/a"})", "1") == too_large);
  CHECK(said(R"({"allOf":[{"$ref":"#"}]})", "{}") == too_large);
  CHECK(said(R"({"not":{"$ref":"#"}})", "{}") == too_large);
  CHECK(said(R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})", "{}") == too_large);
}

TEST_CASE("a schema that doubles with each reference is given up", "[agents]") {
  std::string doubling = R"({"$defs":{"d0":{"type":"string"})";
  for (int i = 1; i <= 30; ++i) {
    const auto before = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    doubling += ",\"d" + std::to_string(i) + R"(":{"anyOf":[)" + before + "," + before + "]}";
  }
  CHECK(said(doubling + R"(},"properties":{"a":{"$ref":"#/$defs/d30"}}})", R"({"a":1})")
        == too_large);
  CHECK(said(doubling + R"(},"properties":{"a":{"$ref":"#/$defs/d30"}}})", R"({"a":"x"})").empty());
}

TEST_CASE("many values times many alternatives are given up", "[agents]") {
  std::string values = R"({"items":{"enum":[0)", list = "[1999";
  for (int i = 1; i < 2'000; ++i) {
    values += "," + std::to_string(i);
    list += ",1999";
  }
  CHECK(of(values + "]}}", "[-1]").starts_with("The argument a[0] must be 0, 1, 2, "));
  CHECK(of(values + "]}}", list + "]") == too_large);
}

TEST_CASE("sentences stay short", "[agents]") {
  const std::string key(5'000, 'k');
  CHECK(said(R"({"additionalProperties":{"additionalProperties":false}})",
             R"({")" + key + R"(":{")" + key + R"(":1}})")
          .size()
        < 500);
  CHECK(of(R"({"type":"string"})", "[\"" + key + "\"]")
        == "The argument a must be a string, but is list");
}
