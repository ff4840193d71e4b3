// What any storage must find, in which order, and what it must not.
#include "tests/runtime/storage/fixture.hpp"

#include <algorithm>
#include <random>

using namespace behalf;

namespace {

template <class Fixture>
void put_threads(Fixture& f) {
  auto busy = make_thread("t3", 30, {{"owner", "bob"}, {"tags", {"x", "y"}}});
  busy.status = "busy";
  auto valued = make_thread("t4", 20, {{"owner", "alice"}, {"graph_id", "inbox"}});
  valued.doc = {{"values", {{"who", "alice"}, {"n", 1}}}};
  REQUIRE(
    f.write({.puts = {{make_thread("t1", 10, {{"owner", "alice"}})},
                      {make_thread("t2", 40, {{"owner", "alice"}, {"n", {{"x", 1}, {"y", 2}}}})},
                      {busy},
                      {valued}}}));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("threads come newest first, page by page", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_threads(f);
  CHECK(f.ids({.tenant = "acme"}) == names{"t2", "t3", "t4", "t1"});
  CHECK(f.ids({.tenant = "acme", .descending = false}) == names{"t1", "t4", "t3", "t2"});
  auto first = f.db->search({.tenant = "acme", .limit = 3}).value();
  CHECK(first.rows.size() == 3);
  CHECK(first.more);
  auto rest = f.db->search({.tenant = "acme", .limit = 3, .offset = 3}).value();
  REQUIRE(rest.rows.size() == 1);
  CHECK(rest.rows[0].id == "t1");
  CHECK_FALSE(rest.more);
  CHECK(f.db->search({.tenant = "acme", .limit = 4}).value().more == false);
  CHECK(f.ids({.tenant = "acme", .offset = 9}).empty());
  CHECK(f.ids({.tenant = "acme", .limit = 0}).empty());
}

TEMPLATE_LIST_TEST_CASE("a record moves in the order when it is updated", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_threads(f);
  auto t1 = make_thread("t1", 50, {{"owner", "alice"}});
  REQUIRE(f.put(t1));
  query mine{.tenant = "acme", .auth_filter = make_filter({{"owner", "alice"}})};
  CHECK(f.ids(mine) == names{"t1", "t2", "t4"});
  t1.metadata["owner"] = "bob";
  REQUIRE(f.put(t1));
  CHECK(f.ids(mine) == names{"t2", "t4"});
}

TEMPLATE_LIST_TEST_CASE("a thread that is not listed is found by its id alone", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto hidden = make_thread("t1");
  hidden.listed = false;
  hidden.metadata["owner"] = "alice";
  REQUIRE(f.put(hidden));
  write_batch::thread_change run{"acme", "t1"};
  run.metadata = {{"graph_id", "inbox"}};
  run.settled = "error";
  REQUIRE(f.write({.thread_changes = {run}}));
  CHECK(f.get(thread_key("t1"))->status == "error");
  CHECK(f.ids({.tenant = "acme"}).empty());
  CHECK(f.ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}).empty());
  CHECK(f.ids({.tenant = "acme", .status = {"error"}}).empty());
}

TEMPLATE_LIST_TEST_CASE("filters narrow a search and its count alike", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_threads(f);
  auto check = [&](query q, names expected) {
    q.tenant = "acme";
    CHECK(f.ids(q) == expected);
    CHECK(f.db->count(q).value() == static_cast<int64_t>(expected.size()));
  };
  auto alice = make_filter({{"owner", "alice"}});
  check({.auth_filter = alice}, {"t2", "t4", "t1"});
  check({.metadata = {{"graph_id", "inbox"}}, .auth_filter = alice}, {"t4"});
  check({.metadata = {{"owner", "bob"}}, .auth_filter = alice}, {});
  check({.metadata = {{"n", {{"x", 1}}}}}, {"t2"});
  check({.metadata = {{"n", {{"x", 2}}}}}, {});
  check({.metadata = {{"owner", nullptr}}}, {});
  check({.metadata = {{"tags", {"x", "y"}}}}, {"t3"});
  check({.metadata = {{"tags", {"x"}}}}, {});
  check({.auth_filter = make_filter({{"tags", {{"$contains", "x"}}}})}, {"t3"});
  check({.auth_filter = make_filter({{"owner", {{"$eq", "bob"}}}})}, {"t3"});
  check({.auth_filter = make_filter(
           {{"$or", {json::object{{"owner", "bob"}}, json::object{{"graph_id", "inbox"}}}}})},
        {"t3", "t4"});
  check({.auth_filter = make_filter({{"$or",
                                      {json::object{{"owner", "alice"}, {"graph_id", "inbox"}},
                                       json::object{{"tags", {{"$contains", "y"}}}}}}})},
        {"t3", "t4"});
  check({.auth_filter = make_filter(
           {{"owner", "alice"},
            {"$or", {json::object{{"owner", "bob"}}, json::object{{"graph_id", "inbox"}}}}})},
        {"t4"});
  check({.status = {"busy"}}, {"t3"});
  check({.status = {"idle"}, .auth_filter = alice}, {"t2", "t4", "t1"});
  check({.status = {"idle", "busy"}}, {"t2", "t3", "t4", "t1"});
  check({.status = {"error"}}, {});
  check({.values = {{"who", "alice"}}}, {"t4"});
  check({.values = {{"who", "bob"}}}, {});
  check({.ids = {"t1", "t3", "t3", "nope"}}, {"t3", "t1"});
  check({.ids = {"t1", "t3"}, .auth_filter = alice}, {"t1"});
}

TEMPLATE_LIST_TEST_CASE("scalars of different types are different values", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{make_thread("int", 1, {{"v", 1}})},
                            {make_thread("text", 2, {{"v", "1"}})},
                            {make_thread("bool", 3, {{"v", true}})},
                            {make_thread("null", 4, {{"v", nullptr}})},
                            {make_thread("zero", 5, {{"v", -0.0}})}}}));
  auto find = [&](json::value v) { return f.ids({.tenant = "acme", .metadata = {{"v", v}}}); };
  CHECK(find(1) == names{"int"});
  CHECK(find(uint64_t{1}) == names{"int"});
  CHECK(find("1") == names{"text"});
  CHECK(find(true) == names{"bool"});
  CHECK(find(nullptr) == names{"null"});
  CHECK(find(0.0) == names{"zero"});
}

TEMPLATE_LIST_TEST_CASE("every sort key orders, and an unknown one is refused", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto a = make_thread("a", 1), b = make_thread("b", 2), c = make_thread("c", 3);
  a.status = "interrupted", b.status = "busy", c.status = "error";
  a.state_updated_at = from_micros(3), b.state_updated_at = from_micros(1);
  c.state_updated_at = from_micros(2);
  REQUIRE(f.write({.puts = {{c}, {a}, {b}}}));
  auto sorted = [&](sort_key by, bool descending) {
    return f.ids({.tenant = "acme", .sort = by, .descending = descending});
  };
  CHECK(sorted(sort_key::id, false) == names{"a", "b", "c"});
  CHECK(sorted(sort_key::created_at, true) == names{"c", "b", "a"});
  CHECK(sorted(sort_key::status, false) == names{"b", "c", "a"});
  CHECK(sorted(sort_key::state_updated_at, true) == names{"a", "c", "b"});
  auto refused = f.db->search({.tenant = "acme", .sort = sort_key::graph_id});
  CHECK(refused.error().code == errc::invalid_argument);
}

TEMPLATE_LIST_TEST_CASE("equal sort keys neither repeat nor skip across pages", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  write_batch c;
  for (int i = 0; i < 25; ++i)
    c.puts.push_back({make_thread("t" + std::to_string(i), 1, {{"owner", "alice"}})});
  REQUIRE(f.write(c));
  for (auto by : {sort_key::updated_at, sort_key::status}) {
    names seen;
    for (int64_t offset = 0; offset < 25; offset += 4)
      for (auto& id : f.ids({.tenant = "acme",
                      .metadata = {{"owner", "alice"}},
                      .sort = by,
                      .limit = 4,
                      .offset = offset}))
        seen.push_back(id);
    std::sort(seen.begin(), seen.end());
    CHECK(seen.size() == 25);
    CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
  }
}

TEMPLATE_LIST_TEST_CASE("assistants are found by graph and part of a name", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{make_assistant("a1", "Inbox Helper", "inbox", 1)},
                            {make_assistant("a2", "other", "inbox", 2)},
                            {make_assistant("a3", "helper 100%", "hello", 3)}}}));
  query q{.type = kind::assistant, .tenant = "acme", .sort = sort_key::created_at};
  q.graph_id = "inbox";
  CHECK(f.ids(q) == names{"a2", "a1"});
  CHECK(f.db->count(q).value() == 2);
  q.name_part = "HELP";
  CHECK(f.ids(q) == names{"a1"});
  CHECK(f.db->count(q).value() == 1);
  q.graph_id.clear();
  CHECK(f.ids(q) == names{"a3", "a1"});
  q.name_part = "%";
  CHECK(f.ids(q) == names{"a3"}); // a character, not a pattern
  q.name_part.clear();
  q.sort = sort_key::name;
  q.descending = false;
  CHECK(f.ids(q) == names{"a1", "a3", "a2"});
}

TEMPLATE_LIST_TEST_CASE("runs are listed by thread and status", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{make_thread("t1")},
                            {make_thread("t2")},
                            {make_run("t1", "r1", 1, "success")},
                            {make_run("t1", "r2", 2)},
                            {make_run("t2", "r3", 3, "running")}}}));
  query q{.type = kind::run, .tenant = "acme", .parent = "t1", .sort = sort_key::created_at};
  CHECK(f.ids(q) == names{"r2", "r1"});
  q.status = {"success"};
  CHECK(f.ids(q) == names{"r1"});
  q.parent.clear();
  q.status = {"pending", "running"};
  CHECK(f.ids(q) == names{"r3", "r2"});
  q.status = {"success", "pending"};
  CHECK(f.ids(q) == names{"r2", "r1"});
}

TEMPLATE_LIST_TEST_CASE("items are found by namespace prefix, value and visibility", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{make_item({"alice"}, "k1", {{"n", 1}}, 1)},
                            {make_item({"alice", "notes"}, "k2", {{"n", 2}, {"c", "red"}}, 2)},
                            {make_item({"alicia"}, "k3", {{"n", 3}}, 3)},
                            {make_item({"bob"}, "k4", {{"n", 4}}, 4)}}}));
  query q{.type = kind::item, .tenant = "acme"};
  CHECK(f.ids(q) == names{"k4", "k3", "k2", "k1"});
  q.namespace_prefix = encode_namespace({"alice"}).value();
  CHECK(f.ids(q) == names{"k2", "k1"});
  CHECK(f.db->count(q).value() == 2);
  q.value = value_filter::parse({{"n", {{"$gt", 1}}}}).value();
  CHECK(f.ids(q) == names{"k2"});
  CHECK(f.db->count(q).value() == 1);
  q.value = {};
  q.auth_filter = make_filter({{"key", "k1"}});
  CHECK(f.ids(q) == names{"k1"});
  q.namespace_prefix.clear();
  q.auth_filter = make_filter({{"namespace", {"alice", "notes"}}, {"c", "red"}});
  CHECK(f.ids(q) == names{"k2"});
}

TEMPLATE_LIST_TEST_CASE("a search that takes too long ends", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_threads(f);
  query q{.tenant = "acme", .values = {{"who", "nobody"}}};
  q.by = std::chrono::steady_clock::now() - std::chrono::milliseconds{1};
  CHECK(f.db->search(q).error().code == errc::timeout);
  q.by = deadline::max();
  CHECK(f.db->search(q).value().rows.empty()); // the limit was that search's alone
}

// The index against a plain look at every record.
TEMPLATE_LIST_TEST_CASE("whatever changes, searches agree with a full scan", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  std::mt19937 random{7};
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 40; ++round) {
    write_batch c;
    for (int i = 0; i < 5; ++i) {
      auto r = make_thread("t" + std::to_string(pick(30)), pick(1000));
      if (pick(5) == 0) {
        c.erases.push_back({r.key()});
        continue;
      }
      r.status = pick(2) ? "idle" : "busy";
      for (auto key : {"owner", "team"})
        if (pick(3))
          r.metadata[key] = pick(3);
      c.puts.push_back({std::move(r)});
    }
    REQUIRE(f.write(c));
    query q{.tenant = "acme", .limit = 100};
    auto all = f.db->search(q).value().rows;
    for (int owner = 0; owner < 3; ++owner) {
      q.auth_filter = make_filter({{"owner", owner}});
      q.metadata = pick(2) ? json::object{{"team", pick(3)}} : json::object{};
      q.status = pick(2) ? names{"busy"} : names{};
      names expected;
      for (const auto& r : all)
        if (q.auth_filter.matches(r.metadata) && contains(r.metadata, q.metadata)
            && (q.status.empty() || r.status == "busy"))
          expected.push_back(r.id);
      REQUIRE(f.ids(q) == expected);
      REQUIRE(f.db->count(q).value() == static_cast<int64_t>(expected.size()));
    }
  }
}
