// What any storage must do with crons.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

record_key cron_key(std::string id) {
  return {kind::cron, "acme", std::move(id)};
}

names due(storage_reader& db, const record* after = nullptr, int64_t limit = 100) {
  names ids;
  for (const auto& row : db.next_crons(after, limit).value())
    ids.push_back(row.id);
  return ids;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a cron comes back as it was put", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  auto cron = make_cron("c1", 5, "t1", {{"owner", "alice"}});
  cron.ends_at = from_micros(9);
  cron.refusal = R"({"reason":"no"})";
  cron.doc = {{"schedule", "* * * * *"}};
  REQUIRE(f.put(cron, 0));
  REQUIRE(f.put(make_cron("c2"), 0));

  auto c1 = f.get(cron_key("c1")), c2 = f.get(cron_key("c2"));
  REQUIRE((c1 && c2));
  CHECK((c1->parent == "t1" && c1->assistant_id == "a1" && c1->owner == "alice"));
  CHECK((c1->next_at == from_micros(5) && c1->ends_at == from_micros(9)));
  CHECK((c1->refusal == cron.refusal && c1->doc == cron.doc && c1->metadata == cron.metadata));
  CHECK((c2->parent.empty() && !c2->next_at && !c2->ends_at && c2->refusal.empty()));
  CHECK(f.put(make_cron("c3", 1, "no thread"), 0).error().code == errc::not_found);
}

TEMPLATE_LIST_TEST_CASE("crons are read in the order they fire, a page at a time", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  for (auto [id, at] : {std::pair{"c", 7}, {"a", 7}, {"b", 3}, {"d", 9}})
    REQUIRE(f.put(make_cron(id, at)));
  auto off = make_cron("off", 1);
  off.status = "disabled";
  REQUIRE(f.put(off));
  REQUIRE(f.put(make_cron("over")));
  auto other = make_cron("a", 7);
  other.tenant = "other";
  REQUIRE(f.put(other));

  CHECK(due(*f.db) == names{"b", "a", "c", "a", "d"});
  auto page = f.db->next_crons(nullptr, 2).value();
  CHECK(due(*f.db, &page.back(), 2) == names{"c", "a"});
  CHECK(page.front().owner == "alice");
}

TEMPLATE_LIST_TEST_CASE("a firing counts once, together with what it starts", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_cron("c1", 5)));
  write_batch firing{.firings = {{cron_key("c1"), 1, from_micros(65), "why"}},
                     .puts = {{make_run("t1", "r1"), 0}}};
  REQUIRE(f.write(firing));
  CHECK(f.get(cron_key("c1"))->next_at == from_micros(65));
  CHECK(f.get(cron_key("c1"))->refusal == "why");

  firing.puts.front().row.id = "r2"; // somebody else has fired it
  CHECK(f.write(firing).error().code == errc::conflict);
  CHECK_FALSE(f.get({kind::run, "acme", "r2"}));

  firing.firings = {{cron_key("c1"), 2, {}, {}}};
  firing.puts.front().row.parent = "no thread"; // the run cannot be: nor is it fired
  CHECK_FALSE(f.write(firing));
  CHECK(f.get(cron_key("c1"))->next_at == from_micros(65));
  REQUIRE(f.write({.firings = firing.firings}));
  CHECK_FALSE(f.get(cron_key("c1"))->next_at);
  CHECK(f.get(cron_key("c1"))->refusal.empty());

  auto off = *f.get(cron_key("c1"));
  off.status = "disabled";
  REQUIRE(f.put(off, 3));
  CHECK(f.write({.firings = {{cron_key("c1"), 4, {}, {}}}}).error().code == errc::conflict);
  CHECK(f.write({.firings = {{cron_key("c9"), 1, {}, {}}}}).error().code == errc::not_found);
}

TEMPLATE_LIST_TEST_CASE("crons go with their thread and their assistant", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_assistant("a1", "Helper", "hello")));
  auto other = make_cron("other", 1);
  other.assistant_id = "a2";
  for (auto cron : {make_cron("on t1", 1, "t1"), make_cron("of a1", 2), other})
    REQUIRE(f.put(cron));

  REQUIRE(f.write({.erases = {{thread_key("t1")}}}));
  CHECK(due(*f.db) == names{"other", "of a1"});
  REQUIRE(f.write({.erases = {{{kind::assistant, "acme", "a1"}}}}));
  CHECK(due(*f.db) == names{"other"});
  // Nothing of them is found or counted any more, whatever took their place.
  REQUIRE(f.put(make_cron("new", 3, {}, {{"n", 1}})));
  CHECK(f.ids({.type = kind::cron, .tenant = "acme", .sort = sort_key::id, .descending = false})
        == names{"new", "other"});
  CHECK(f.db->count({.type = kind::cron, .tenant = "acme", .parent = "t1"}).value() == 0);
  CHECK(f.db->count({.type = kind::cron, .tenant = "acme"}).value() == 2);
}

TEMPLATE_LIST_TEST_CASE("crons are searched by what they are for", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  auto off = make_cron("off", 3, "t1", {{"n", 1}});
  off.status = "disabled";
  off.ends_at = from_micros(5);
  auto other = make_cron("other", 2, {}, {{"n", 1}});
  other.assistant_id = "a2";
  for (auto cron : {make_cron("one", 1), off, other})
    REQUIRE(f.put(cron));
  query q{.type = kind::cron, .tenant = "acme", .sort = sort_key::next_at, .descending = false};
  auto with = [&](auto change) {
    auto changed = q;
    change(changed);
    return f.ids(changed);
  };
  CHECK(f.ids(q) == names{"one", "other", "off"});
  CHECK(with([](query& a) { a.assistant_id = "a2"; }) == names{"other"});
  CHECK(with([](query& a) { a.parent = "t1"; }) == names{"off"});
  CHECK(with([](query& a) { a.status = {"enabled"}; }) == names{"one", "other"});
  CHECK(with([](query& a) { a.metadata = {{"n", 1}}; }) == names{"other", "off"});
  CHECK(with([](query& a) { a.tenant = "other"; }).empty());
  for (auto by : {sort_key::id, sort_key::created_at, sort_key::updated_at, sort_key::assistant_id,
                  sort_key::parent, sort_key::ends_at})
    CHECK(with([by](query& a) { a.sort = by; }).size() == 3);
  CHECK(with([](query& a) { a.sort = sort_key::parent; }).back() == "off");
  CHECK(f.db->count({.type = kind::cron, .tenant = "acme", .status = {"disabled"}}).value() == 1);
}

TEST_CASE("crons of a damaged file are saved and filed again", "[storage]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_cron("c1", 5, "t1", {{"n", 1}})));
  REQUIRE(f.put(make_cron("c2", 6)));
  f.db.reset();
  auto copy = f.factory.folder.file("saved.db");
  REQUIRE(recover_sqlite(f.factory.folder.file(), copy));
  auto db = open_sqlite({.path = copy}).value();
  CHECK(due(*db) == names{"c1", "c2"});
  CHECK(f.ids_of(*db, {.type = kind::cron, .tenant = "acme", .metadata = {{"n", 1}}})
        == names{"c1"});
}
