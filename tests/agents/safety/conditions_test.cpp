#include "agents/safety/conditions.hpp"
#include "agents/tools/arguments.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::object parsed(std::string_view text) {
  return parse_json(text).value().as_object();
}

const std::string at_home =
  R"({"properties": {"to": {"type": "string", "pattern": "@corp\\.example$"}}, "required": ["to"],
      "additionalProperties": false})";

tool_source with(std::vector<tool_condition> all) {
  tool_source source{"mail", {}, {}, {}};
  source.conditions = std::move(all);
  return source;
}

std::string said(const tool_source& source, std::string_view args) {
  const auto approval = approval_of_call(source, "send", {}, parsed(args));
  return !approval ? "deny" : *approval == tool_approval::ask ? "ask" : "allow";
}

} // namespace

TEST_CASE("a call is allowed by its arguments, and asked about else", "[agents]") {
  const auto source = with({{tool_rule::allow, "send", parsed(at_home)}});
  CHECK(said(source, R"({"to": "bob@corp.example"})") == "allow");
  CHECK(said(source, R"({"to": "bob@corp.example.evil"})") == "ask");
  CHECK(said(source, R"({"to": "bob@CORP.example"})") == "ask");
  CHECK(said(source, R"({"to": "bob@corp.example", "bcc": "mallory"})") == "ask");
  CHECK(said(source, R"({})") == "ask");
  CHECK(said(source, R"({"to": ["bob@corp.example"]})") == "ask");
  CHECK_FALSE(approval_of_call(source, "erase", {}, {}));
}

TEST_CASE("deny is stronger than ask, ask than allow", "[agents]") {
  const auto to = [](std::string_view whom) {
    return parsed(R"({"properties": {"to": {"const": ")" + std::string(whom) + R"("}}})");
  };
  auto source = with({{tool_rule::allow, "send", {}},
                      {tool_rule::ask, "send", to("bob")},
                      {tool_rule::deny, "send", to("mallory")}});
  CHECK(said(source, R"({"to": "carol"})") == "allow");
  CHECK(said(source, R"({"to": "bob"})") == "ask");
  CHECK(said(source, R"({"to": "mallory"})") == "deny");
  // A condition that says nothing of what is absent holds.
  CHECK(said(source, R"({})") == "deny");
  source.conditions = {{tool_rule::ask, "send", to("bob")}};
  source.allow = {"send"};
  CHECK(said(source, R"({"to": "carol"})") == "allow");
  CHECK(said(source, R"({"to": "bob"})") == "ask");
  source.allow = {"*"};
  CHECK(said(source, R"({"to": "carol"})") == "allow");
  source = with({{tool_rule::allow, "send", to("bob")}});
  source.ask = {"send"};
  CHECK(said(source, R"({"to": "bob"})") == "ask");
  source.ask.clear();
  source.deny = {"*"};
  CHECK(said(source, R"({"to": "bob"})") == "allow");
  CHECK(said(source, R"({"to": "carol"})") == "ask");
  source.deny = {"send"};
  CHECK(said(source, R"({"to": "bob"})") == "deny");
}

TEST_CASE("a condition that cannot be decided allows nothing, and asks and denies", "[agents]") {
  std::string many = "[1";
  for (int i = 0; i < 150'000; ++i)
    many += ",1";
  const auto args = R"({"to": "bob", "list": )" + many + "]}";
  const auto numbers = parsed(R"({"properties": {"list": {"items": {"type": "string"}}}})");
  const auto regex = parsed(R"({"properties": {"to": {"pattern": "^b.b$"}}})");
  const auto slow = parsed(R"({"properties": {"list": {"items": {"not": {"type": "string"}}}}})");
  for (const auto& schema : {regex, slow}) {
    CHECK(said(with({{tool_rule::allow, "send", schema}}), args) == "ask");
    auto asks = with({{tool_rule::ask, "send", schema}});
    asks.allow = {"send"};
    CHECK(said(asks, args) == "ask");
    CHECK(said(with({{tool_rule::allow, "send", {}}, {tool_rule::deny, "send", schema}}), args)
          == "deny");
  }
  CHECK(said(with({{tool_rule::allow, "send", {}}, {tool_rule::deny, "send", numbers}}), args)
        == "allow");
}

TEST_CASE("a pattern is a text and its place", "[agents]") {
  const auto fits = [](std::string_view pattern, std::string_view text) {
    json::object words;
    words["pattern"] = json::string_view{pattern.data(), pattern.size()};
    json::object schema{{"properties", {{"a", words}}}};
    return fit_of(schema, {{"a", json::string_view{text.data(), text.size()}}});
  };
  CHECK(fits("^ab$", "ab") == arguments_fit::yes);
  CHECK(fits("^ab$", "abc") == arguments_fit::no);
  CHECK(fits("^ab", "abc") == arguments_fit::yes);
  CHECK(fits("^ab", "cab") == arguments_fit::no);
  CHECK(fits("ab$", "cab") == arguments_fit::yes);
  CHECK(fits("ab$", "abc") == arguments_fit::no);
  CHECK(fits("b", "abc") == arguments_fit::yes);
  CHECK(fits("b", "ac") == arguments_fit::no);
  CHECK(fits("^https:\\/\\/corp\\.example\\/", "https://corp.example/x") == arguments_fit::yes);
  CHECK(fits("^https://corp\\.example/", "https://corp.example.evil/") == arguments_fit::no);
  CHECK(fits("^$", "") == arguments_fit::yes);
  CHECK(fits("\\$5$", "$5") == arguments_fit::yes);
  for (const char* regex : {"a.c", "a+", "[ab]", "a|b", "\\d", "\\bx", "a$b", "(a)", "a\\"})
    CHECK(fits(regex, "a") == arguments_fit::unknown);
}

TEST_CASE("what a condition says in vain is named", "[agents]") {
  CHECK_FALSE(unread_keyword(parsed(at_home)));
  CHECK_FALSE(unread_keyword(parsed(R"({"not": {"anyOf": [{"const": 1}, true]}, "title": "x"})")));
  CHECK(unread_keyword(parsed(R"({"properties": {"to": {"endsWith": "x"}}})")) == "endsWith");
  CHECK(unread_keyword(parsed(R"({"properties": {"to": {"format": "email"}}})")) == "format");
  CHECK(unread_keyword(parsed(R"({"not": {"items": [{"pattern": "a.c"}]}})")) == "pattern \"a.c\"");
  CHECK(unread_keyword(parsed(R"({"to": {"const": "bob"}})")) == "to");
  CHECK(unread_keyword(parsed(R"({"properties": {"n": {"type": "int"}}})")) == "type \"int\"");
  CHECK(unread_keyword(parsed(R"({"type": ["object", "nul"]})")));
  CHECK(unread_keyword(parsed(R"({"anyOf": []})")));
  CHECK(fit_of(parsed(R"({"properties": {"n": {"type": "int"}}})"), {{"n", 5}})
        == arguments_fit::unknown);
}
