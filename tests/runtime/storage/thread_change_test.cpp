// What any storage must do when several change one thread at the same time.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

write_batch::thread_change change(json::object metadata = {}) {
  write_batch::thread_change c{"acme", "t1"};
  c.metadata = std::move(metadata);
  c.at = from_micros(7);
  return c;
}

write_batch::thread_change ended(std::string settled, std::string values) {
  auto c = change();
  c.doc = {{"values", std::move(values)}, {"ran", "true"}};
  c.settled = std::move(settled);
  c.new_state = true;
  return c;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("changes of different things of a thread all happen", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1", 1, {{"owner", "alice"}, {"n", 1}});
  thread.doc = {{"config", {{"a", 1}}}, {"values", nullptr}};
  REQUIRE(f.write({.puts = {{thread, 0}}}));
  REQUIRE(
    f.write({.puts = {{make_run("t1", "r1", 1, "running"), 0}}, .thread_changes = {change()}}));
  CHECK(f.get(thread_key("t1"))->status == "busy");

  REQUIRE(f.write({.thread_changes = {change({{"n", 2}})}}));
  REQUIRE(f.write({.puts = {{make_run("t1", "r1", 1, "success")}},
                   .thread_changes = {ended("idle", R"({"x":[1]})")}}));
  REQUIRE(f.write({.thread_changes = {change({{"m", 3}})}}));

  auto now = f.get(thread_key("t1"));
  CHECK(now->status == "idle");
  CHECK(now->metadata == json::object{{"owner", "alice"}, {"n", 2}, {"m", 3}});
  CHECK(now->doc.at("values") == json::value({{"x", {1}}}));
  CHECK(now->doc.at("config") == json::value({{"a", 1}}));
  CHECK(now->updated_at == from_micros(7));
  CHECK(now->state_updated_at == from_micros(7));
  CHECK(f.ids({.tenant = "acme", .metadata = {{"n", 2}}}) == names{"t1"});
  CHECK(f.ids({.tenant = "acme", .metadata = {{"n", 1}}}).empty());
}

TEMPLATE_LIST_TEST_CASE("a thread that is listed late is found by all that it becomes", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1", 0, {{"team", "a"}});
  thread.listed = false;
  REQUIRE(f.put(thread));
  const auto by = [&](json::object metadata) {
    query q{.type = kind::thread, .tenant = "acme"};
    q.metadata = std::move(metadata);
    return f.ids(q);
  };
  CHECK(by({{"team", "a"}}).empty());
  thread.listed = true;
  REQUIRE(f.put(thread));
  CHECK(by({{"team", "a"}}) == names{"t1"});
  auto stored = f.get(thread.key());
  REQUIRE(stored);
  CHECK(stored->listed);
  stored->metadata["team"] = "b";
  REQUIRE(f.put(*stored));
  CHECK(by({{"team", "a"}}).empty());
  CHECK(by({{"team", "b"}}) == names{"t1"});
}

TEMPLATE_LIST_TEST_CASE("a thread is busy as long as one of its runs is under way", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  for (auto id : {"r1", "r2"})
    REQUIRE(f.write({.puts = {{make_run("t1", id, 1), 0}}, .thread_changes = {change()}}));
  REQUIRE(f.write(
    {.puts = {{make_run("t1", "r1", 1, "error")}}, .thread_changes = {ended("error", "null")}}));
  CHECK(f.get(thread_key("t1"))->status == "busy");
  // The second one leaves no trace: what the first one left counts.
  REQUIRE(f.write({.erases = {{{kind::run, "acme", "r2"}}}, .thread_changes = {change()}}));
  CHECK(f.get(thread_key("t1"))->status == "error");
}

TEMPLATE_LIST_TEST_CASE("a thread that is gone or not to be seen is not changed", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  CHECK(f.write({.thread_changes = {change()}}).error().code == errc::not_found);
  REQUIRE(f.put(make_thread("t1", 1, {{"owner", "alice"}})));
  auto bobs = change({{"owner", "bob"}});
  bobs.auth_filter = make_filter({{"owner", "bob"}});
  CHECK(f.write({.thread_changes = {bobs}}).error().code == errc::not_found);
  CHECK(f.get(thread_key("t1"))->metadata.at("owner") == "alice");
  auto alices = change({{"seen", true}});
  alices.auth_filter = make_filter({{"owner", "alice"}});
  CHECK(f.write({.thread_changes = {alices}}));
  CHECK(f.get(thread_key("t1"))->metadata.at("seen") == true);
}

TEMPLATE_LIST_TEST_CASE("a checkpoint is not stored without what it builds upon", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  CHECK(f.put(make_checkpoint("t1", "c2", "c1")).error().code == errc::conflict);
  REQUIRE(f.put(make_checkpoint("t1", "c1")));
  CHECK(f.put(make_checkpoint("t1", "c2", "c1")));
  write_batch end{.needs = {{kind::checkpoint, "acme", "c3", "t1"}}, .thread_changes = {change()}};
  CHECK(f.write(end).error().code == errc::conflict);
  REQUIRE(f.put(make_checkpoint("t1", "c3", "c2")));
  CHECK(f.write(end));
  // Of a thread that is gone nothing is there: that is another reason.
  REQUIRE(f.write({.erases = {{thread_key("t1")}}}));
  CHECK(f.put(make_checkpoint("t1", "c4", "c3")).error().code == errc::not_found);
  CHECK(f.write(end).error().code == errc::not_found);
}

TEMPLATE_LIST_TEST_CASE("what a run writes comes to no later thread of the same id", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.put(make_run("t1", "r1")));
  write_batch step{.held = {{"acme", "t1", "r1", 1}}, .puts = {{make_checkpoint("t1", "c1")}}};
  CHECK(f.write(step));
  REQUIRE(f.write({.erases = {{thread_key("t1")}}}));
  REQUIRE(f.put(make_thread("t1")));
  CHECK(f.write(step).error().code == errc::not_found);
  CHECK(f.db->newest_checkpoint("acme", "t1", "").value().empty());
}

TEMPLATE_LIST_TEST_CASE("only who may see a thread erases it", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto alices = make_thread("t1");
  alices.metadata["owner"] = "alice";
  REQUIRE(f.put(alices));
  write_batch gone{.erases = {{thread_key("t1"), {}, make_filter({{"owner", "bob"}})}}};
  CHECK(f.write(gone).error().code == errc::not_found);
  CHECK(f.get(thread_key("t1")));
  gone.erases[0].auth_filter = make_filter({{"owner", "alice"}});
  CHECK(f.write(gone));
  CHECK_FALSE(f.get(thread_key("t1")));
  CHECK(f.write(gone)); // nothing is there to be seen
}

TEMPLATE_LIST_TEST_CASE("the newest checkpoint of a thread is known, erased ones too", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  CHECK(f.db->newest_checkpoint("acme", "t1", "").value().empty());
  REQUIRE(f.write({.puts = {{make_checkpoint("t1", "c1")},
                            {make_checkpoint("t1", "c2", "c1", "r1")},
                            {make_checkpoint("t1", "c3", "c2", "r2")}}}));
  CHECK(f.db->newest_checkpoint("acme", "t1", "").value() == "c3");
  REQUIRE(f.write({.checkpoint_erases = {{"acme", "t1", "r1"}}}));
  auto inner = make_checkpoint("t1", "c4");
  inner.ns = "child:1";
  REQUIRE(f.put(inner));
  CHECK(f.db->newest_checkpoint("acme", "t1", "child:1").value() == "c4");
  CHECK(f.db->newest_checkpoint("acme", "t1", std::nullopt).value() == "c4");
  CHECK(f.db->newest_checkpoint("acme", "t2", std::nullopt).value().empty());
  CHECK(f.db->newest_checkpoint("acme", "t1", "").value() == "c3");
}

TEMPLATE_LIST_TEST_CASE("what merging comes to stays within the bounds given", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1", 1, {{"a", std::string(30, 'x')}})));
  shape_limits bounds;
  bounds.metadata_bytes = 60;
  bounds.fields = 2;
  auto merged = [&](json::object more) {
    auto c = change(std::move(more));
    c.bounds = bounds;
    auto done = f.write({.thread_changes = {c}});
    return done ? "merged" : done.error().message;
  };
  CHECK(merged({{"b", std::string(30, 'y')}}) == "metadata would have more than 60 bytes of JSON");
  CHECK(f.get(thread_key("t1"))->metadata.size() == 1);
  CHECK(merged({{"b", 1}}) == "merged");
  CHECK(merged({{"c", 1}}) == "metadata would have more than 2 members");
  CHECK(f.get(thread_key("t1"))->metadata.size() == 2);
}

TEMPLATE_LIST_TEST_CASE("a state is changed by hand only on a quiet thread, as it was read",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  const write_batch first{.quiet = {{"acme", "t1", "", ""}},
                          .puts = {{make_checkpoint("t1", "c1"), 0}}};
  REQUIRE(f.write(first));
  auto late = f.write(first); // it read an empty thread
  REQUIRE(!late);
  CHECK(late.error().code == errc::conflict);
  CHECK(late.error().kind == state_moved);

  const write_batch second{.quiet = {{"acme", "t1", "", "c1"}},
                           .puts = {{make_checkpoint("t1", "c2", "c1"), 0}}};
  REQUIRE(f.put(make_run("t1", "r1", 1, "pending")));
  auto busy = f.write(second);
  REQUIRE(!busy);
  CHECK(busy.error().kind == thread_busy);
  CHECK(busy.error().message == "Thread t1 has in-flight runs: [r1]");
  CHECK(!f.get({kind::checkpoint, "acme", "c2", "t1"}));
  REQUIRE(f.put(make_run("t1", "r1", 1, "success")));
  CHECK(f.write(second));
}

TEMPLATE_LIST_TEST_CASE("a thread may be changed as it was read, or not at all", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  auto as_read = change({{"n", 1}});
  as_read.expected = f.get(thread_key("t1"))->revision;
  REQUIRE(f.write({.thread_changes = {as_read}}));
  auto late = f.write({.puts = {{make_run("t1", "r1"), 0}}, .thread_changes = {as_read}});
  REQUIRE(!late);
  CHECK(late.error().code == errc::conflict);
  CHECK(!f.get({kind::run, "acme", "r1"}));
}
