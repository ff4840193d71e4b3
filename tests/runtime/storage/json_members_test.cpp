#include "runtime/base/json.hpp"
#include "runtime/storage/json_members.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

using changes = std::vector<std::pair<std::string, std::string>>;

std::string changed(std::string_view object, const changes& app) {
  return join_members(split_members(object).value(), app);
}

} // namespace

TEST_CASE("members of an object are replaced and added, the others stay as written", "[storage]") {
  CHECK(changed("{}", {}) == "{}");
  CHECK(changed("{}", {{"a", "1"}}) == R"({"a":1})");
  CHECK(changed(R"({"a":1,"b":{"a":[1,{"b":2}],"c":"}"},"d":"x\"},{\"a\":"})", {{"a", "[]"}})
        == R"({"b":{"a":[1,{"b":2}],"c":"}"},"d":"x\"},{\"a\":","a":[]})");
  auto members = split_members(R"({"x":"\\","\"y":true})").value();
  CHECK(find_member(members, "x") == R"("\\")");
  CHECK(find_member(members, "\\\"y") == "true");
  CHECK(find_member(members, "y").empty());
}

TEST_CASE("what any dump writes is split and joined to the same value", "[storage]") {
  json::object all{{"text", "a\"b\\c,{}[]:\n"},
                   {"list", {1, -2.5, nullptr, true, {{"deep", json::array{}}}}},
                   {"empty", json::object{}},
                   {"", "no name"}};
  auto text = dump(all);
  CHECK(parse_json(changed(text, {})).value() == json::value(all));
  all["list"] = "new";
  CHECK(parse_json(changed(text, {{"list", "\"new\""}})).value() == json::value(all));
}

TEST_CASE("what is no object is refused", "[storage]") {
  for (auto bad : {"", "[]", "1", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":}", "{\"a\":1}}",
                   "{a:1}", "{\"a\":[1}", "{\"a\":\"x}", "{\"a\":1,}", "{\"a\" 1}", " {}"}) {
    CAPTURE(bad);
    CHECK_FALSE(split_members(bad));
  }
}
