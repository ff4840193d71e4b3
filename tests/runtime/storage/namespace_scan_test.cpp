// Which namespaces a listing shows, however it is cut into slices.
#include "runtime/storage/namespace_scan.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

using listed = std::vector<names>;

listed listed_by(storage_reader& db, namespace_query what, const slice_limits& limits = {}) {
  what.tenant = "acme";
  namespace_scan scan{std::move(what)};
  listed all;
  for (;;) {
    auto part = scan.go_on(db, limits);
    if (!part)
      FAIL(part.error().message);
    all.insert(all.end(), part->found.begin(), part->found.end());
    if (part->done)
      return all;
  }
}

/// Two users' notes, tasks and profiles.
template <class Fixture>
void put_some(Fixture& f) {
  write_batch all;
  for (const names& one : {names{"alice"}, names{"alice", "notes"}, names{"alice", "notes", "old"},
                           names{"alice", "tasks"}, names{"alice2", "notes"}, names{"bob", "notes"},
                           names{"bob", "notes", "old", "deep"}, names{"*", "notes"}})
    for (auto key : {"a", "b"})
      all.puts.push_back({make_item(one, key, {{"owner", one.front()}})});
  auto other = make_item({"other"}, "a");
  other.tenant = "umbrella";
  all.puts.push_back({other});
  REQUIRE(f.write(all));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("namespaces that hold items are listed once, in order", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  CHECK(listed_by(*f.db, {}).empty());
  put_some(f);
  CHECK(listed_by(*f.db, {})
        == listed{{"*", "notes"},
                  {"alice"},
                  {"alice", "notes"},
                  {"alice", "notes", "old"},
                  {"alice", "tasks"},
                  {"alice2", "notes"},
                  {"bob", "notes"},
                  {"bob", "notes", "old", "deep"}});
  CHECK(listed_by(*f.db, {.limit = 2, .offset = 3})
        == listed{{"alice", "notes", "old"}, {"alice", "tasks"}});
  CHECK(listed_by(*f.db, {.offset = 8}).empty());
}

TEMPLATE_LIST_TEST_CASE("a prefix and a suffix are labels, a star is any label", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_some(f);
  CHECK(listed_by(*f.db, {.prefix = {"alice", "notes"}})
        == listed{{"alice", "notes"}, {"alice", "notes", "old"}});
  CHECK(listed_by(*f.db, {.prefix = {"ali"}}).empty());
  CHECK(listed_by(*f.db, {.suffix = {"old"}}) == listed{{"alice", "notes", "old"}});
  CHECK(listed_by(*f.db, {.prefix = {"bob"}, .suffix = {"notes"}}) == listed{{"bob", "notes"}});
  CHECK(listed_by(*f.db, {.prefix = {"*", "notes", "old"}})
        == listed{{"alice", "notes", "old"}, {"bob", "notes", "old", "deep"}});
  CHECK(listed_by(*f.db, {.prefix = {"bob", "*"}, .suffix = {"old", "*"}})
        == listed{{"bob", "notes", "old", "deep"}});
  CHECK(listed_by(*f.db, {.prefix = {"alice"}, .suffix = {"alice"}}) == listed{{"alice"}});
}

TEMPLATE_LIST_TEST_CASE("what is cut to the same labels is listed once", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_some(f);
  CHECK(listed_by(*f.db, {.max_depth = 1}) == listed{{"*"}, {"alice"}, {"alice2"}, {"bob"}});
  CHECK(listed_by(*f.db, {.prefix = {"alice"}, .max_depth = 2})
        == listed{{"alice"}, {"alice", "notes"}, {"alice", "tasks"}});
  CHECK(listed_by(*f.db, {.suffix = {"deep"}, .max_depth = 2}) == listed{{"bob", "notes"}});
  CHECK(listed_by(*f.db, {.max_depth = 1, .limit = 1, .offset = 2}) == listed{{"alice2"}});
}

TEMPLATE_LIST_TEST_CASE("a namespace of which nothing may be seen is not listed", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_some(f);
  auto bob = make_filter({{"owner", "bob"}});
  REQUIRE(f.put(make_item({"alice", "shared"}, "c", {{"owner", "bob"}})));
  CHECK(listed_by(*f.db, {.auth_filter = bob})
        == listed{{"alice", "shared"}, {"bob", "notes"}, {"bob", "notes", "old", "deep"}});
  CHECK(listed_by(*f.db, {.max_depth = 1, .auth_filter = bob}) == listed{{"alice"}, {"bob"}});
}

TEMPLATE_LIST_TEST_CASE("a namespace of expired items is not listed, swept or not", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto item = make_item({"a", "short"}, "k");
  item.expires = expiry{f.factory.clock + std::chrono::minutes{1}, std::chrono::minutes{1}};
  REQUIRE(f.write({.puts = {{item}, {make_item({"a", "long"}, "k")}}}));
  CHECK(listed_by(*f.db, {}) == listed{{"a", "long"}, {"a", "short"}});
  f.factory.clock += std::chrono::minutes{1};
  CHECK(listed_by(*f.db, {}) == listed{{"a", "long"}});
}

TEMPLATE_LIST_TEST_CASE("a listing in many slices finds what one in one slice finds", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_some(f);
  constexpr slice_limits tiny{std::chrono::microseconds{0}, 1};
  auto last = make_filter({{"key", "b"}});
  for (const namespace_query& what :
       {namespace_query{}, namespace_query{.max_depth = 1}, namespace_query{.suffix = {"notes"}},
        namespace_query{.auth_filter = last}, namespace_query{.limit = 3, .offset = 1}})
    CHECK(listed_by(*f.db, what, tiny) == listed_by(*f.db, what));
}

TEMPLATE_LIST_TEST_CASE("a listing beyond its bounds is refused with what to do", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_some(f);
  for (const auto& few :
       {search_bounds{.rows = 10}, search_bounds{.time = std::chrono::milliseconds{0}}}) {
    namespace_scan all{{.tenant = "acme", .offset = 1'000}, few};
    auto refused = all.go_on(*f.db, {std::chrono::microseconds{0}});
    while (refused && !refused->done)
      refused = all.go_on(*f.db, {std::chrono::microseconds{0}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::invalid_argument);
    CHECK(refused.error().message.find("narrow it") != std::string::npos);
  }
}
