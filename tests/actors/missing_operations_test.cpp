#include "actors/endpoints/missing_operations.hpp"
#include "actors/endpoints/routes.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

http_request request(verb method, std::vector<std::string> path) {
  http_request req;
  req.method = method;
  req.path = std::move(path);
  return req;
}

} // namespace

TEST_CASE("an operation of the API that is not built says so and what to do", "[endpoints]") {
  const auto crons = request(verb::post, {"runs", "crons"});
  REQUIRE(endpoints::missing_operation_at(crons));
  CHECK(endpoints::missing_operation_at(crons)->starts_with(
    "This server does not have POST /runs/crons yet: "));
  const auto known_path = request(verb::patch, {"assistants", "a"});
  CHECK(endpoints::all_routes().find(known_path).is == route_match::outcome::bad_method);
  CHECK(endpoints::missing_operation_at(known_path));
}

TEST_CASE("what the API does not have either is just not found", "[endpoints]") {
  const auto nowhere = request(verb::get, {"nowhere"});
  CHECK_FALSE(endpoints::missing_operation_at(nowhere));
  const auto odd = request(verb::put, {"threads"});
  CHECK_FALSE(endpoints::missing_operation_at(odd));
}

TEST_CASE("no operation that is served is said to be missing", "[endpoints]") {
  for (const auto& missing : endpoints::missing_routes().payloads())
    for (const auto& r : endpoints::all_routes().payloads())
      CHECK_FALSE((missing.method == r.method && missing.pattern == r.pattern));
}
