// Listing the store's namespaces through the API of a whole server.
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

struct listing_server : running_fixture {
  api_client alice{system->port()}, bob{system->port()};

  explicit listing_server(std::function<void(system_setup&)> change = {})
    : running_fixture(std::chrono::seconds{10}, 4, std::move(change)) {
    REQUIRE((alice.log_in("alice") && bob.log_in("bob")));
  }

  static void put(api_client& whose, const json::array& labels) {
    auto answer =
      whose.call("PUT", "/store/items",
                 {{"namespace", labels}, {"key", "k"}, {"value", {{"of", labels.front()}}}});
    REQUIRE(answer.status == 204);
  }
  /// The body of the answer, or its status.
  static std::string listed(api_client& by, const json::object& body = {}) {
    auto answer = by.post("/store/namespaces", body);
    return answer.status == 200 ? answer.body : std::to_string(answer.status);
  }
};

/// Its rules are a handler's.
struct handled_listing : listing_server {
  explicit handled_listing(on_handler handler)
    : listing_server([&](system_setup& s) { s.plugins.on("store.list_namespaces", handler); }) {
    put(alice, {"a", "x"});
    put(bob, {"b"});
  }
};

} // namespace

TEST_CASE_METHOD(listing_server, "each user lists the namespaces of their own", "[store]") {
  put(alice, {"notes", "old"});
  put(alice, {"tasks"});
  put(bob, {"notes"});
  CHECK(listed(alice) == R"({"namespaces":[["alice","notes","old"],["alice","tasks"]]})");
  CHECK(listed(bob) == R"({"namespaces":[["bob","notes"]]})");
  CHECK(listed(alice, {{"prefix", json::array{"bob"}}}) == R"({"namespaces":[]})");
  CHECK(listed(alice, {{"prefix", json::array{"*"}}, {"suffix", json::array{"notes"}}})
        == R"({"namespaces":[]})");
  CHECK(listed(alice, {{"prefix", json::array{"alice", "notes"}}})
        == R"({"namespaces":[["alice","notes","old"]]})");
  CHECK(listed(alice, {{"suffix", json::array{"*", "old"}}})
        == R"({"namespaces":[["alice","notes","old"]]})");
  CHECK(listed(alice, {{"max_depth", 1}}) == R"({"namespaces":[["alice"]]})");
  CHECK(listed(alice, {{"limit", 1}, {"offset", 1}}) == R"({"namespaces":[["alice","tasks"]]})");
  CHECK(listed(alice, {{"limit", 0}}) == listed(alice));
}

TEST_CASE_METHOD(listing_server, "a listing that cannot be is refused", "[store]") {
  CHECK(api_client{system->port()}.post("/store/namespaces").status == 401);
  const std::vector<std::pair<std::string, json::value>> refused{{"prefix", "notes"},
                                                                 {"prefix", json::array{"a.b"}},
                                                                 {"suffix", json::array{1}},
                                                                 {"suffix", json::array{""}},
                                                                 {"max_depth", 0},
                                                                 {"max_depth", "2"},
                                                                 {"limit", -1},
                                                                 {"limit", 1001},
                                                                 {"offset", -1}};
  for (const auto& [field, wrong] : refused) {
    INFO(field << ": " << dump(wrong));
    CHECK(listed(alice, {{field, wrong}}) == "422");
  }
  CHECK(listed(alice, {{"prefix", json::array{"langgraph"}}}) == "400");
}

TEST_CASE("a handler's filter hides namespaces, and may narrow a listing", "[store]") {
  SECTION("by what items hold") {
    handled_listing server{[](const on_context&, json::object&) -> on_answer {
      return json::object{{"of", "b"}};
    }};
    CHECK(server.listed(server.alice) == R"({"namespaces":[["b"]]})");
  }
  SECTION("by the prefix") {
    handled_listing server{[](const on_context&, json::object& value) -> on_answer {
      value["namespace"] = json::array{"a"};
      return true;
    }};
    CHECK(server.listed(server.bob) == R"({"namespaces":[["a","x"]]})");
  }
  SECTION("all of it") {
    handled_listing server{[](const on_context&, json::object&) -> on_answer { return false; }};
    CHECK(server.listed(server.bob) == "403");
  }
}
