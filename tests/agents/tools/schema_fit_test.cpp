#include "agents/tools/schema_fit.hpp"
#include "runtime/base/json.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

namespace behalf {
namespace {

json::object parsed(std::string_view text) {
  return parse_json(text).value().as_object();
}

void check_fit(std::string_view schema, std::string_view expected) {
  CHECK(json::value(fitted_schema(parsed(schema))) == parse_json(expected).value());
}

// The same of one property's schema.
void check_part(const std::string& schema, const std::string& expected) {
  check_fit(R"({"type":"object","properties":{"a":)" + schema + "}}",
            R"({"type":"object","properties":{"a":)" + expected + "}}");
}

std::size_t depth_of(const json::value& v) {
  std::size_t most = 0;
  if (const auto* o = v.if_object())
    for (const auto& [key, value] : *o)
      most = std::max(most, depth_of(value));
  if (const auto* list = v.if_array())
    for (const auto& value : *list)
      most = std::max(most, depth_of(value));
  return v.is_structured() ? most + 1 : 0;
}

void check_bounded(const json::object& schema) {
  const auto fitted = fitted_schema(schema);
  CHECK(text_bytes(fitted, 1u << 20) < 256 * 1024);
  CHECK(count_values(fitted, 1u << 20) < 40'000);
  CHECK(depth_of(fitted) < 30);
  CHECK(fitted.at("type") == "object");
  CHECK(fitted == fitted_schema(schema));
}

TEST_CASE("a plain schema stays as it is, but for what names the document", "[tools]") {
  check_fit(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://a.b/c",
                "type":"object","title":"T","description":"d",
                "properties":{"q":{"type":"string","minLength":1,"default":"x"},
                              "n":{"type":["integer","null"],"maximum":9},
                              "to":{"type":"array","items":{"type":"string","format":"date"}}},
                "required":["q"],"additionalProperties":false})",
            R"({"type":"object","title":"T","description":"d",
                "properties":{"q":{"type":"string","minLength":1,"default":"x"},
                              "n":{"type":["integer","null"],"maximum":9},
                              "to":{"type":"array","items":{"type":"string","format":"date"}}},
                "required":["q"],"additionalProperties":false})");
}

TEST_CASE("the root is always an object schema with properties", "[tools]") {
  check_fit("{}", R"({"type":"object","properties":{}})");
  check_fit(R"({"type":"array","items":{}})", R"({"type":"object","properties":{}})");
  check_fit(R"({"type":["object","null"],"enum":[1],"default":{}})",
            R"({"type":"object","properties":{}})");
  check_fit(R"({"type":"object","properties":7,"required":"x","description":[]})",
            R"({"type":"object","properties":{}})");
}

TEST_CASE("alternatives of the root become one object that takes any of them", "[tools]") {
  check_fit(
    R"({"anyOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},
                         {"properties":{"b":{"type":"number"}},"required":["b"]}],
                "oneOf":[{"$ref":"#/$defs/c"}],"$defs":{"c":{"properties":{"c":{}}}}})",
    R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"},"c":{}}})");
}

TEST_CASE("what alternatives of the root say of one property is any of it", "[tools]") {
  check_fit(R"({"type":"object","properties":{"base":{"type":"null"}},"oneOf":[
                {"properties":{"kind":{"const":"a"},"n":{"type":"integer"},"base":{"const":1}}},
                {"properties":{"kind":{"const":"b"},"n":{"type":"integer"}}}]})",
            R"({"type":"object","properties":{"base":{"type":"null"},"n":{"type":"integer"},
                "kind":{"anyOf":[{"enum":["a"]},{"enum":["b"]}]}}})");
  json::array many;
  for (int i = 0; i < 40; ++i)
    many.push_back(json::object{{"properties", {{"kind", {{"const", i}}}}}});
  CHECK(fitted_schema({{"anyOf", many}}).at("properties")
        == json::value({{"kind", json::object{}}}));
}

TEST_CASE("other properties are only refused where all are listed", "[tools]") {
  check_part(R"({"type":"object","additionalProperties":false,"patternProperties":{"^x":{}}})",
             R"({"type":"object"})");
  check_part(R"({"type":"object","additionalProperties":{"type":"string"}})",
             R"({"type":"object","additionalProperties":{"type":"string"}})");
}

TEST_CASE("references stand where they were used", "[tools]") {
  check_fit(R"({"properties":{"a":{"$ref":"#/$defs/x~1y%20z","description":"mine"},
                              "b":{"$ref":"#/definitions/list/1"}},
                "$defs":{"x/y z":{"type":"string","description":"theirs"}},
                "definitions":{"list":[0,{"type":"integer"}]}})",
            R"({"type":"object","properties":{"a":{"type":"string","description":"mine"},
                                              "b":{"type":"integer"}}})");
}

TEST_CASE("references to elsewhere and to nothing are dropped", "[tools]") {
  for (const std::string ref : {"https://evil.example/schema", "other.json#/a", "#/$defs/none",
                                "#x", "#/%zz", "#/properties/a/7", "file:///etc/passwd", ""})
    check_part(R"({"$ref":")" + ref + R"("})", "{}");
  check_part(R"({"$ref":7})", "{}");
}

TEST_CASE("a recursive reference is cut where it would begin again", "[tools]") {
  check_fit(R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{
                "value":{"type":"string"},
                "children":{"type":"array","items":{"$ref":"#/$defs/node"}}}}}})",
            R"({"type":"object","properties":{"value":{"type":"string"},
                "children":{"type":"array","items":{}}}})");
  check_part(R"({"$ref":"#/properties/a"})", "{}");
  check_part(R"({"type":"object","properties":{"up":{"$ref":"#"}}})",
             R"({"type":"object","properties":{"up":{}}})");
  check_fit(R"({"properties":{"a":{"$ref":"#/$defs/a"}},
                "$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}})",
            R"({"type":"object","properties":{"a":{}}})");
}

TEST_CASE("the same schema may be used twice side by side", "[tools]") {
  check_fit(R"({"properties":{"a":{"$ref":"#/$defs/s"},"b":{"$ref":"#/$defs/s"}},
                "$defs":{"s":{"type":"string"}}})",
            R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}})");
}

TEST_CASE("allOf is merged", "[tools]") {
  check_part(R"({"allOf":[{"properties":{"x":{"type":"string"}},"required":["x"]},
                          {"properties":{"y":{}},"required":["y","x","x"],"type":"object"}],
                 "additionalProperties":false})",
             R"({"type":"object","properties":{"x":{"type":"string"},"y":{}},
                 "required":["x","y"]})");
}

TEST_CASE("booleans are schemas of anything", "[tools]") {
  check_part("true", "{}");
  check_part("false", "{}");
  check_part(R"({"type":"array","items":false})", R"({"type":"array","items":{}})");
  check_part(R"({"anyOf":[true,{"type":"null"}]})", R"({"anyOf":[{},{"type":"null"}]})");
}

TEST_CASE("what only some providers take is left out or said in words", "[tools]") {
  check_part(R"({"not":{},"if":{},"patternProperties":{},"nullable":true,"minLength":-1,
                 "exclusiveMinimum":true,"type":"text","x-more":{},"examples":[1]})",
             "{}");
  check_part(R"({"type":"string","pattern":"^(?i)a$","format":"email","description":"To"})",
             R"j({"type":"string","description":"To (format: email) (pattern: ^(?i)a$)"
})j");
  check_part(R"({"type":"array"})", R"({"type":"array","items":{}})");
  check_part(R"({"prefixItems":[{"type":"string"}]})", R"({"type":"array","items":{}})");
  check_part(R"({"oneOf":[{"type":"string"},{"const":3}]})",
             R"({"anyOf":[{"type":"string"},{"enum":[3]}]})");
  check_part(R"({"enum":["a","a",2]})", R"({"enum":["a",2]})");
  check_part(R"({"enum":["a",null,{}],"type":["string","null"]})",
             R"j({"type":["string","null"],"description":"(one of: \"a\", null, object)"})j");
  check_part(R"({"const":true})", R"j({"type":"boolean","description":"(one of: true)"})j");
  check_part(R"({"enum":[true,"a"]})", R"j({"description":"(one of: true, \"a\")"})j");
  check_part(R"({"anyOf":[]})", "{}");
}

TEST_CASE("keys that a provider refuses are told in words, and stay possible", "[tools]") {
  check_fit(
    R"({"type":"object","properties":{"$filter":{"type":"string"},"a.b-c_1":{}},
                "required":["$filter"],"additionalProperties":false})",
    R"j({"type":"object","properties":{"a.b-c_1":{}},"description":"(also takes: $filter)"})j");
}

TEST_CASE("very many values are cut, the first level last", "[tools]") {
  json::object wide, deep_first;
  for (int i = 0; i < 40'000; ++i)
    wide["p" + std::to_string(i)] = {{"type", "string"}, {"description", "d"}};
  check_bounded({{"type", "object"}, {"properties", wide}});

  deep_first["big"] = {{"type", "object"}, {"properties", wide}};
  deep_first["small"] = {{"type", "string"}};
  const json::object schema{{"properties", deep_first}};
  check_bounded(schema);
  CHECK(fitted_schema(schema).at("properties").at("small").at("type") == "string");

  json::array names, all;
  for (int i = 0; i < 20'000; ++i) {
    names.emplace_back("n" + std::to_string(i));
    all.push_back(json::object{{"type", "string"}});
  }
  for (auto keyword : {"enum", "required", "anyOf", "allOf", "oneOf", "type"})
    for (const auto& list : {names, all}) {
      const json::object part{{keyword, list}};
      check_bounded({{"properties", {{"a", part}, {"b", part}}}});
      check_bounded(part);
    }
}

TEST_CASE("part of an enumeration is none", "[tools]") {
  json::array names;
  for (int i = 0; i < 20'000; ++i)
    names.emplace_back("name " + std::to_string(i));
  const auto fitted =
    fitted_schema({{"properties", {{"a", {{"type", "string"}, {"enum", names}}}}}});
  CHECK(fitted.at("properties").at("a") == json::value({{"type", "string"}}));
}

TEST_CASE("references that double at every step stay bounded", "[tools]") {
  json::object defs;
  for (int i = 0; i < 100; ++i) {
    const json::object next{{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    defs["d" + std::to_string(i)] = {{"properties", {{"a", next}, {"b", next}, {"c", next}}},
                                     {"allOf", json::array{next, next}}};
  }
  check_bounded({{"$ref", "#/$defs/d0"}, {"$defs", defs}});
}

TEST_CASE("deep schemas and long texts are cut", "[tools]") {
  json::value deep = json::object{{"type", "string"}};
  for (int i = 0; i < 60; ++i)
    deep = i % 2 ? json::object{{"items", deep}} : json::object{{"properties", {{"d", deep}}}};
  check_bounded({{"properties", {{"a", deep}}}});

  const std::string long_text(200'000, 'x');
  check_bounded({{"description", long_text},
                 {"title", long_text},
                 {"properties",
                  {{long_text, true},
                   {"a", {{"pattern", long_text}, {"format", long_text}, {"default", long_text}}},
                   {"b", {{"$ref", "#/" + long_text}, {"enum", json::array{long_text}}}}}}});
}

} // namespace
} // namespace behalf
