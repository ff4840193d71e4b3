#include "runtime/auth/rights.hpp"
#include "tests/support/catch.hpp"

#include <cstdint>
#include <limits>

using namespace behalf;

namespace {

principal alice() {
  principal p;
  p.tenant = "acme";
  p.subject = p.identity = "alice";
  return p;
}

result<decision> asked(rights_source from, std::string_view resource, std::string_view action,
                       json::object value = {}) {
  auto p = make_policy(from, {}, {});
  REQUIRE(p);
  return p->decide(alice(), resource, action, value);
}

bool about(std::string_view spec) {
  return about_the_caller(parse_rule(parse_json(spec).value()).value());
}

} // namespace

TEST_CASE("what counts where nobody wrote rules", "[auth]") {
  CHECK(rights_from(true, false, true) == rights_source::section);
  CHECK(rights_from(true, true, true) == rights_source::section);
  CHECK(rights_from(true, false, false) == rights_source::section);
  CHECK(rights_from(false, true, true) == rights_source::plugin);
  CHECK(rights_from(false, true, false) == rights_source::plugin);
  CHECK(rights_from(false, false, true) == rights_source::standard);
  CHECK(rights_from(false, false, false) == rights_source::anybody);
}

TEST_CASE("without a section, what is made belongs to who made it", "[auth]") {
  for (auto resource : {"threads", "crons"})
    for (auto action : {"create", "read", "update", "delete", "search"}) {
      INFO(resource << "." << action);
      auto d = asked(rights_source::standard, resource, action);
      REQUIRE(d);
      CHECK(d->auth_filter.matches({{"owner", "alice"}}));
      CHECK_FALSE(d->auth_filter.matches({{"owner", "bob"}}));
      CHECK_FALSE(d->auth_filter.matches({}));
    }
  json::object item{{"namespace", {"notes"}}, {"key", "x"}};
  auto p = make_policy(rights_source::standard, {}, {}).value();
  static const std::vector<std::string_view> may_change{"namespace"};
  REQUIRE(p.decide(alice(), "store", "get", item, may_change));
  CHECK(item.at("namespace") == json::array{"alice", "notes"});
}

TEST_CASE("usage of others is shown where somebody says so", "[auth]") {
  auto own = asked(rights_source::standard, "usage", "read");
  REQUIRE(own);
  CHECK(own->auth_filter.matches({{"owner", "alice"}}));
  CHECK_FALSE(own->auth_filter.matches({{"owner", "bob"}}));
  CHECK(asked(rights_source::plugin, "usage", "read"));
  for (auto from : {rights_source::standard, rights_source::plugin, rights_source::anybody})
    CHECK_FALSE(asked(from, "usage", "search"));
}

TEST_CASE("without a section, assistants belong to their maker, and all read the server's",
          "[auth]") {
  for (auto action : {"read", "search", "update", "delete"}) {
    auto d = asked(rights_source::standard, "assistants", action);
    REQUIRE(d);
    const auto reads = action[0] == 'r' || action[0] == 's';
    CHECK(d->auth_filter.matches({{"created_by", "system"}}) == reads);
    CHECK(d->auth_filter.matches({{"owner", "alice"}}));
    CHECK_FALSE(d->auth_filter.matches({{"owner", "bob"}}));
  }
  CHECK(asked(rights_source::standard, "assistants", "create"));
}

TEST_CASE("an empty section refuses everything, a plugin's handlers leave the rest open",
          "[auth]") {
  CHECK_FALSE(asked(rights_source::section, "threads", "read"));
  CHECK(asked(rights_source::plugin, "threads", "read"));
  CHECK(asked(rights_source::anybody, "threads", "read"));
}

TEST_CASE("one key has one rule, whoever brings it", "[auth]") {
  named_rules rules{{"threads", parse_rule("allow").value()}};
  std::map<std::string, on_handler> handlers{
    {"threads", [](const on_context&, json::object&) -> on_answer { return false; }}};
  CHECK(make_policy(rights_source::section, rules, handlers).error().code
        == errc::invalid_argument);
}

TEST_CASE("rules that look at the caller are told from those that do not", "[auth]") {
  for (auto spec :
       {R"("owner")", R"({"require":["x"]})", R"({"filter":{"a":"{identity}"}})",
        R"({"filter":{"$or":[{"a":{"$contains":"{custom.team}"}}]}})",
        R"({"metadata":{"by":"{tenant}"}})", R"({"namespace_prefix":["u","{subject}"]})"})
    CHECK(about(spec));
  for (auto spec : {R"("deny")", R"("allow")", R"({"filter":{"public":true}})",
                    R"({"namespace_prefix":["all"]})"})
    CHECK_FALSE(about(spec));
}

TEST_CASE("what a handler makes that cannot be stored refuses", "[auth]") {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const auto infinity = std::numeric_limits<double>::infinity();
  auto left = [](on_answer answer, json::value limit, json::value metadata) {
    on_handler handler = [=](const on_context&, json::object& value) {
      value["limit"] = limit;
      value["metadata"] = metadata;
      return answer;
    };
    static const std::vector<std::string_view> may_change{"limit", "metadata"};
    auto p = make_policy(rights_source::plugin, {}, {{"threads", handler}}).value();
    json::object value{{"limit", 1}};
    auto d = p.decide(alice(), "threads", "search", value, may_change);
    return d ? errc{} : d.error().code;
  };
  const json::object owned{{"owner", "alice"}};
  CHECK(left(true, 5, owned) == errc{});
  CHECK(left(owned, UINT64_MAX, owned) == errc{});
  CHECK(left(true, nan, owned) == errc::internal);
  CHECK(left(true, 5, {{"a", {{"b", infinity}}}}) == errc::internal);
  CHECK(left(true, 5, "\xff") == errc::internal);
  CHECK(left(json::object{{"owner", nan}}, 5, owned) == errc::internal);
  CHECK(left(json::object{{"$or", {{{"n", infinity}}}}}, 5, owned) == errc::internal);
  CHECK(left(json::object{{"owner", {{"$eq", "\xff"}}}}, 5, owned) == errc::internal);
}
