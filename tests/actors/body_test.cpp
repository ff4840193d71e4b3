#include "actors/endpoints/body.hpp"
#include "actors/run_plan.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

static_assert(std::is_constructible_v<body_reader, const json::value&>);
static_assert(std::is_constructible_v<body_reader, json::value&>);
static_assert(std::is_constructible_v<body_reader, json::object&>);
static_assert(!std::is_constructible_v<body_reader, json::value>);
static_assert(!std::is_constructible_v<body_reader, const json::value>);
static_assert(!std::is_constructible_v<body_reader, json::object>);
static_assert(!std::is_constructible_v<body_reader, const json::object>);

template <class Error, class Id>
concept is_outcome = requires(Error&& why, Id&& id) {
  run_outcome{std::forward<Error>(why), std::forward<Id>(id)};
};
static_assert(is_outcome<json::value&, std::string&>);
static_assert(!is_outcome<json::value, std::string&>);
static_assert(!is_outcome<json::object&, std::string&>);
static_assert(!is_outcome<json::value&, std::string>);

} // namespace

TEST_CASE("an object inside a body is read in its place", "[body]") {
  const json::value body{{"ttl", {{"strategy", "delete"}, {"ttl", 60}}}};
  body_reader in{body};
  const auto ttl = in.object("ttl");
  REQUIRE(ttl);
  body_reader of{*ttl};
  CHECK(of.one_of("strategy", {"delete", "keep_latest"}) == "delete");
  CHECK(of.number("ttl") == 60.0);
  CHECK_FALSE(of.one_of("ttl", {"x"}));
  CHECK(of.fault());
  CHECK_FALSE(in.fault());
}
