#include "runtime/auth/policy.hpp"
#include "runtime/auth/rules.hpp"
#include "tests/support/catch.hpp"

#include <stdexcept>

using namespace behalf;

namespace {

principal alice() {
  principal p;
  p.tenant = "acme";
  p.issuer = "https://id.example.com";
  p.subject = p.identity = "alice";
  p.display_name = "Alice A.";
  p.permissions = {"threads:read", "threads:write"};
  p.custom = {{"team", "red"},
              {"level", 7},
              {"groups", json::array{"a", "b"}},
              {"token", {{"$sealed", "h1"}}},
              {"blank", ""},
              {"lists", json::array{json::array{1}, json::array{}}}};
  return p;
}

on_handler says(on_answer answer) {
  return [answer](const on_context&, json::object&) { return answer; };
}

// Stamps its own name, so that a test sees which one ran.
on_handler named(std::string name) {
  return [name](const on_context&, json::object& value) -> on_answer {
    auto& by = value["by"];
    by = by.is_string() ? json::value("twice") : json::value(json::string(name));
    return std::monostate{};
  };
}

std::string asked(const policy& p, std::string_view resource, std::string_view action) {
  json::object value;
  auto d = p.decide(alice(), resource, action, value);
  return d ? std::string(string_or(value, "by", "none")) : d.error().message;
}

} // namespace

TEST_CASE("exactly one handler runs: the one that fits best", "[auth]") {
  policy p;
  for (auto key : {"*", "*.create", "threads", "threads.create"})
    REQUIRE(p.add(key, named(key)));
  struct row {
    const char *resource, *action, *ran;
  };
  for (const auto& r : {row{"threads", "create", "threads.create"},
                        row{"threads", "read", "threads"}, row{"threads", "create_run", "threads"},
                        row{"assistants", "create", "*.create"}, row{"crons", "create", "*.create"},
                        row{"store", "put", "*"}, row{"assistants", "read", "*"}}) {
    INFO(r.resource << "." << r.action);
    CHECK(asked(p, r.resource, r.action) == r.ran);
  }
}

TEST_CASE("a specific handler that allows overrides a global one that denies", "[auth]") {
  policy p;
  REQUIRE(p.add("*", says(false)));
  REQUIRE(p.add("threads.read", says(std::monostate{})));
  json::object value;
  CHECK(p.decide(alice(), "threads", "read", value));
  CHECK_FALSE(p.decide(alice(), "threads", "create", value));
}

TEST_CASE("where no handler fits, it is refused unless said otherwise", "[auth]") {
  json::object value;
  auto refused = policy{}.decide(alice(), "threads", "create_run", value);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::denied);
  CHECK(refused.error().message == "no authorization rule allows threads.create_run");
  policy open{unmatched::allowed};
  REQUIRE(open.add("threads.create", says(false)));
  auto d = open.decide(alice(), "threads", "create_run", value);
  REQUIRE(d);
  CHECK(d->auth_filter.unrestricted());
  CHECK_FALSE(open.decide(alice(), "threads", "create", value));
}

TEST_CASE("a handler changes what the operation takes from it, and nothing else", "[auth]") {
  static const std::vector<std::string_view> may_change{"limit"};
  auto after = [](std::string field, json::value left) {
    policy p;
    REQUIRE(p.add("*", [&](const on_context&, json::object& value) -> on_answer {
      value[field] = left;
      return true;
    }));
    json::object value{{"limit", 10}, {"thread_id", "t"}, {"metadata", {{"run_ids", {"r"}}}}};
    auto d = p.decide(alice(), "threads", "search", value, may_change);
    return d ? "allowed" : d.error().message;
  };
  CHECK(after("limit", 5) == "allowed");
  CHECK(after("thread_id", "t") == "allowed");
  CHECK(after("mine", 1) == "allowed"); // a field nobody asked about is nobody's
  CHECK(after("metadata", {{"run_ids", {"r"}}, {"owner", "alice"}}) == "allowed");
  CHECK(after("metadata", {{"owner", "alice"}}) == "Internal Server Error");
  CHECK(after("metadata", {{"run_ids", {"q"}}}) == "Internal Server Error");
  CHECK(after("thread_id", "u") == "Internal Server Error");
  CHECK(after("thread_id", nullptr) == "Internal Server Error");
}

TEST_CASE("keys are checked when a handler is added", "[auth]") {
  policy p;
  for (auto key :
       {"*", "threads", "threads.create_run", "store.list_namespaces", "*.search", "crons:update"})
    CHECK(p.add(key, says(true)));
  for (auto key : {"*", "threads", "crons.update", "threads.create_run"}) {
    INFO(key);
    auto twice = p.add(key, says(true));
    REQUIRE_FALSE(twice);
    CHECK(twice.error().message.find("already") != std::string::npos);
  }
  for (auto key : {"", "thread", "threads.put", "store.create", "runs", "runs.create", "*.fly",
                   "threads.", ".create", "threads.create.more", "THREADS", "threads create"}) {
    INFO(key);
    auto r = p.add(key, says(true));
    REQUIRE_FALSE(r);
    CHECK(r.error().code == errc::invalid_argument);
  }
  CHECK_FALSE(p.add("assistants", on_handler{}));
}

TEST_CASE("every answer of a handler has one meaning", "[auth]") {
  auto ask = [](on_answer answer) {
    policy p;
    REQUIRE(p.add("*", says(std::move(answer))));
    json::object value;
    return p.decide(alice(), "threads", "read", value);
  };
  CHECK(ask(std::monostate{})->auth_filter.unrestricted());
  CHECK(ask(true)->auth_filter.unrestricted());
  CHECK(ask(json::object{})->auth_filter.unrestricted());
  CHECK(ask(false).error().code == errc::denied);
  CHECK(ask(false).error().message == "Forbidden");
  CHECK(ask(json::object{{"owner", "alice"}})->auth_filter.matches({{"owner", "alice"}}));
  CHECK_FALSE(ask(json::object{{"owner", "alice"}})->auth_filter.matches({{"owner", "bob"}}));
  auto own = ask(fail(errc::too_many, "later", "Retry-After", "5"));
  CHECK(own.error().code == errc::too_many);
  CHECK(own.error().headers.at(0).second == "5");
}

TEST_CASE("a filter nobody understands lets nobody in", "[auth]") {
  for (const json::object& spec :
       {json::object{{"owner", {{"$in", json::array{"alice"}}}}},
        json::object{{"$not", {{"a", 1}}}}, json::object{{"org", {{"id", "x"}}}},
        json::object{{"owner", json::object{}}}, json::object{{"$or", json::array{}}},
        json::object{{"$or", json::array{1}}},
        json::object{{"owner", {{"$eq", "a"}, {"$contains", "b"}}}}}) {
    INFO(dump(spec));
    policy p;
    REQUIRE(p.add("*", says(spec)));
    json::object value;
    auto d = p.decide(alice(), "threads", "read", value);
    REQUIRE_FALSE(d);
    CHECK(http_status(d.error().code) >= 403);
  }
}

TEST_CASE("a handler that throws denies, and its text goes nowhere", "[auth]") {
  policy p;
  REQUIRE(p.add("*", [](const on_context&, json::object&) -> on_answer {
    throw std::runtime_error("token abc");
  }));
  REQUIRE(p.add("store", [](const on_context&, json::object&) -> on_answer { throw 7; }));
  json::object value;
  for (auto resource : {"threads", "store"}) {
    auto d = p.decide(alice(), resource, resource == std::string("store") ? "get" : "read", value);
    REQUIRE_FALSE(d);
    CHECK(d.error().code == errc::internal);
    CHECK(d.error().message == "Internal Server Error");
  }
}

TEST_CASE("a handler knows who asks for what, and may change the value", "[auth]") {
  policy p;
  REQUIRE(p.add("threads.create", [](const on_context& ctx, json::object& value) -> on_answer {
    value["seen"] =
      ctx.who.identity + "/" + std::string(ctx.resource) + "/" + std::string(ctx.action);
    return true;
  }));
  json::object value;
  REQUIRE(p.decide(alice(), "threads", "create", value));
  CHECK(value.at("seen") == "alice/threads/create");
}
