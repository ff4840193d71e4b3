#include "runtime/http/router.hpp"
#include "runtime/net/request_target.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using outcome = route_match::outcome;

namespace {

route_table sample() {
  route_table table;
  table.add(verb::get, "/");                                      // 0
  table.add(verb::post, "/threads");                              // 1
  table.add(verb::post, "/threads/search");                       // 2
  table.add(verb::get, "/threads/{thread_id}");                   // 3
  table.add(verb::del, "/threads/{thread_id}");                   // 4
  table.add(verb::get, "/threads/{thread_id}/runs/{run_id}");     // 5
  table.add(verb::post, "/threads/{id}/runs/wait");               // 6
  table.add(verb::get, "/assistants/{id}/subgraphs/{namespace}"); // 7
  table.add(verb::head, "/probe");                                // 8
  table.add(verb::get, "/probe");                                 // 9
  return table;
}

// The table and the path must outlive a match: its parameters are views.
struct fixture {
  route_table table = sample();
  std::vector<std::string> path;
  route_match find(verb method, std::string_view target) {
    path = parse_target(target).value().path;
    return table.find(method, path);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "routes are found with their parameters", "[http][router]") {
  CHECK(find(verb::get, "/").index == 0);
  CHECK(find(verb::post, "/threads").index == 1);
  const auto run = find(verb::get, "/threads/t%2F1/runs/r2");
  REQUIRE(run.is == outcome::found);
  CHECK(run.index == 5);
  CHECK(run.params["thread_id"] == "t/1");
  CHECK(run.params["run_id"] == "r2");
  CHECK(run.params["other"].empty());
  CHECK(run.params.size() == 2);
  CHECK(find(verb::get, "/assistants/a/subgraphs/x%7Cy").params["namespace"] == "x|y");
}

TEST_CASE_METHOD(fixture, "a literal beats a parameter, which is tried after", "[http][router]") {
  CHECK(find(verb::post, "/threads/search").index == 2);
  CHECK(find(verb::get, "/threads/searched").index == 3);
  const auto wait = find(verb::post, "/threads/t/runs/wait");
  CHECK(wait.index == 6);
  CHECK(wait.params["id"] == "t"); // names belong to the route, not to the place
  CHECK(find(verb::get, "/threads/search/runs/r").params["thread_id"] == "search");
}

TEST_CASE_METHOD(fixture, "HEAD finds GET routes, unless it has its own", "[http][router]") {
  CHECK(find(verb::head, "/threads/t").index == 3);
  CHECK(find(verb::head, "/probe").index == 8);
  CHECK(find(verb::head, "/threads").is == outcome::bad_method);
}

TEST_CASE_METHOD(fixture, "unknown paths and methods are told apart", "[http][router]") {
  CHECK(find(verb::get, "/nothing").is == outcome::not_found);
  CHECK(find(verb::get, "/threads/t/runs").is == outcome::not_found);
  CHECK(find(verb::get, "/threads//runs/r").is == outcome::not_found); // no empty parameter
  CHECK(find(verb::get, "/THREADS").is == outcome::not_found);
  const auto wrong = find(verb::put, "/threads/t");
  CHECK(wrong.is == outcome::bad_method);
  CHECK(wrong.allow == "GET, HEAD, DELETE");
  CHECK(find(verb::get, "/threads").allow == "POST");
  CHECK(find(verb::other, "/threads").is == outcome::bad_method);
}

TEST_CASE_METHOD(fixture, "a trailing slash is redirected where the path is a route",
                 "[http][router]") {
  CHECK(find(verb::post, "/threads/").is == outcome::redirect);
  CHECK(find(verb::get, "/threads/t/runs/r/").is == outcome::redirect);
  CHECK(find(verb::get, "/nothing/").is == outcome::not_found);
  CHECK(find(verb::get, "/threads//").is == outcome::not_found);
  CHECK(find(verb::get, "//").is == outcome::not_found);
}

TEST_CASE("the redirect keeps the query and never leaves the server", "[http][router]") {
  const auto location = [](std::string target, header_list headers, std::string_view public_url) {
    http_request req;
    req.target = std::move(target);
    req.headers = std::move(headers);
    return slashless_location(req, public_url);
  };
  CHECK(location("/threads/?a=b%20c", {{"host", "h:2024"}}, {}) == "http://h:2024/threads?a=b%20c");
  CHECK(location("/threads/", {{"host", "h"}}, "https://agents.example.com/")
        == "https://agents.example.com/threads");
  CHECK(location("http://h/threads/", {{"host", "h"}}, {}) == "http://h/threads");
  CHECK(location("/threads/", {{"host", "a b/<script>"}}, {}) == "/threads");
  CHECK(location("//evil.example/", {}, {}) == "/evil.example");
}

TEST_CASE("a route that cannot be meant is a bug", "[http][router]") {
  auto table = sample();
  CHECK_THROWS_AS(table.add(verb::get, "/threads/{other_name}"), std::logic_error);
  CHECK_THROWS_AS(table.add(verb::get, "threads"), std::logic_error);
  CHECK_THROWS_AS(table.add(verb::get, "/threads/"), std::logic_error);
  CHECK_THROWS_AS(table.add(verb::get, "/a//b"), std::logic_error);
}

TEST_CASE("a router keeps something beside each route", "[http][router]") {
  router<std::string> routes;
  routes.add(verb::get, "/ok", "health");
  routes.add(verb::post, "/runs", "start");
  http_request req;
  req.method = verb::post;
  req.path = {"runs"};
  CHECK(routes[routes.find(req).index] == "start");
  CHECK(routes.payloads().size() == 2);
}
