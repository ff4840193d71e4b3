// What any storage must do with single records, revisions and groups.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

TEMPLATE_LIST_TEST_CASE("a record comes back as it was put", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1", 5, {{"owner", "alice"}, {"n", {{"x", 1}}}});
  thread.status = "busy";
  thread.state_updated_at = from_micros(7);
  thread.doc = {{"values", {{"big", 9007199254740993}, {"text", "ünï\n\u0001"}, {"one", 1.0}}}};
  thread.expires = expiry{from_micros(9'000'000), std::chrono::minutes{3}, true};
  REQUIRE(f.put(thread));

  auto found = f.get(thread_key("t1"));
  REQUIRE(found);
  CHECK(found->metadata == thread.metadata);
  CHECK(found->doc == thread.doc);
  CHECK(found->status == "busy");
  CHECK(found->revision == 1);
  CHECK(found->created_at == thread.created_at);
  CHECK(found->state_updated_at == thread.state_updated_at);
  REQUIRE(found->expires);
  CHECK(found->expires->at == from_micros(9'000'000));
  CHECK(found->expires->ttl == std::chrono::minutes{3});
  CHECK(found->expires->keep_latest);
}

TEMPLATE_LIST_TEST_CASE("every kind keeps its own fields", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto checkpoint = make_checkpoint("t1", "c2", "c1", "r1");
  checkpoint.ns = "child:1";
  auto before = make_checkpoint("t1", "c1");
  before.ns = checkpoint.ns;
  REQUIRE(f.write({.puts = {{before},
                            {checkpoint},
                            {make_run("t1", "r1")},
                            {make_thread("t1")},
                            {make_assistant("a1", "Helper", "hello")},
                            {make_item({"a", "b"}, "k", {{"v", 1}})}}}));
  auto c = f.get(checkpoint.key());
  REQUIRE(c);
  CHECK(c->parent_checkpoint == "c1");
  CHECK(c->run_id == "r1");
  CHECK_FALSE(c->full);
  CHECK(c->ns == "child:1");
  CHECK_FALSE(f.get({kind::checkpoint, "acme", "c2", "t1", ""}));
  CHECK(f.get({kind::run, "acme", "r1"})->parent == "t1");
  auto a = f.get({kind::assistant, "acme", "a1"});
  CHECK((a->name == "Helper" && a->graph_id == "hello"));
  auto i = f.get({kind::item, "acme", "k", encode_namespace({"a", "b"}).value()});
  CHECK(decode_namespace(i->parent) == names{"a", "b"});
  CHECK_FALSE(f.get({kind::item, "acme", "k", encode_namespace({"a"}).value()}));
}

TEMPLATE_LIST_TEST_CASE("what nests deeper than a request may can be stored", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  json::value deep = 1;
  for (int i = 0; i < 300; ++i)
    deep = json::object{{"x", std::move(deep)}};
  auto thread = make_thread("t1");
  thread.doc = {{"values", deep}};
  REQUIRE(f.put(thread));
  CHECK(f.get(thread_key("t1"))->doc == thread.doc);
}

TEMPLATE_LIST_TEST_CASE("a put replaces the record and moves its revision on", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1", 1)));
  auto changed = make_thread("t1", 2, {{"a", 1}});
  REQUIRE(f.put(changed));
  auto found = f.get(thread_key("t1"));
  CHECK(found->revision == 2);
  CHECK(found->metadata == changed.metadata);
  CHECK(found->updated_at == from_micros(2));
  CHECK(found->created_at == from_micros(1)); // fixed by the first put
}

TEMPLATE_LIST_TEST_CASE("a put that expects another revision is refused", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto key = thread_key("t1");
  CHECK(f.put(make_thread("t1"), 1).error().code == errc::conflict); // not there yet
  REQUIRE(f.put(make_thread("t1"), 0));
  CHECK(f.put(make_thread("t1"), 0).error().code == errc::conflict); // there already
  REQUIRE(f.put(make_thread("t1"), 1));
  auto stale = f.put(make_thread("t1", 9), 1);
  CHECK(stale.error().code == errc::conflict);
  CHECK(f.get(key)->revision == 2);
  CHECK(f.get(key)->updated_at == from_micros(0));
}

TEMPLATE_LIST_TEST_CASE("a refused commit leaves nothing, the rest of its group all", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("old", 1, {{"owner", "alice"}})));
  REQUIRE(f.db->begin());
  REQUIRE(f.db->apply({.puts = {{make_thread("a")}}}));
  auto refused = f.db->apply(
    {.puts = {{make_thread("b")}, {make_thread("old"), 7}}, .erases = {{thread_key("old")}}});
  CHECK(refused.error().code == errc::conflict);
  REQUIRE(f.db->apply({.puts = {{make_thread("c")}}}));
  REQUIRE(f.db->flush());

  CHECK(f.get(thread_key("a")));
  CHECK_FALSE(f.get(thread_key("b")));
  CHECK(f.get(thread_key("c")));
  CHECK(f.get(thread_key("old"))->revision == 1);
  CHECK(f.ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}) == names{"old"});
}

TEMPLATE_LIST_TEST_CASE("a reader sees what was flushed and nothing else", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto reader = f.db->open_reader();
  REQUIRE(reader);
  REQUIRE(f.db->begin());
  REQUIRE(f.db->apply({.puts = {{make_thread("t1")}}}));
  CHECK_FALSE((*reader)->get(thread_key("t1")).value());
  CHECK(f.get(thread_key("t1"))); // the writer's own view
  REQUIRE(f.db->flush());
  CHECK((*reader)->get(thread_key("t1")).value());
}

TEMPLATE_LIST_TEST_CASE("records are there after the storage was closed", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  REQUIRE(f.db->begin());
  REQUIRE(f.db->apply({.puts = {{make_thread("unflushed")}}}));
  f.db.reset();
  f.db = f.factory.open();
  CHECK(f.get(thread_key("t1")));
  CHECK_FALSE(f.get(thread_key("unflushed")));
}

TEMPLATE_LIST_TEST_CASE("a change outside of a group is refused", "[storage]", storages) {
  storage_fixture<TestType> f;
  CHECK(f.db->apply({.puts = {{make_thread("t1")}}}).error().code == errc::internal);
  CHECK_FALSE(f.get(thread_key("t1")));
}

TEMPLATE_LIST_TEST_CASE("erasing a thread erases its runs and checkpoints", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{make_thread("t1", 0, {{"owner", "alice"}})},
                            {make_thread("t2")},
                            {make_run("t1", "r1")},
                            {make_run("t2", "r2")},
                            {make_checkpoint("t1", "c1")}}}));
  REQUIRE(f.write({.erases = {{thread_key("t1"), 1}}}));
  CHECK_FALSE(f.get(thread_key("t1")));
  CHECK_FALSE(f.get({kind::run, "acme", "r1"}));
  CHECK_FALSE(f.get({kind::checkpoint, "acme", "c1", "t1"}));
  CHECK(f.get({kind::run, "acme", "r2"}));
  CHECK(f.ids({.tenant = "acme"}) == names{"t2"});
}

TEMPLATE_LIST_TEST_CASE("erasing what is not there succeeds unless it was expected", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  CHECK(f.write({.erases = {{thread_key("none")}}}));
  CHECK(f.write({.erases = {{thread_key("none"), 3}}}).error().code == errc::conflict);
  REQUIRE(f.put(make_thread("t1")));
  CHECK(f.write({.erases = {{thread_key("t1"), 2}}}).error().code == errc::conflict);
  CHECK(f.get(thread_key("t1")));
}

TEMPLATE_LIST_TEST_CASE("a run or checkpoint of a thread that is gone is refused", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto refused = f.put(make_checkpoint("gone", "c1"));
  CHECK(refused.error().code == errc::not_found);
  CHECK(refused.error().message == "thread gone does not exist");
  CHECK(f.put(make_run("gone", "r1")).error().code == errc::not_found);
  CHECK_FALSE(f.get({kind::run, "acme", "r1"}));
}

TEMPLATE_LIST_TEST_CASE("one tenant never meets another's records", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto other = make_thread("t1", 0, {{"owner", "alice"}});
  other.tenant = "other";
  other.doc = {{"secret", true}};
  auto other_run = make_run("t1", "r1");
  auto other_point = make_checkpoint("t1", "c1");
  auto other_item = make_item({"a"}, "k");
  auto other_assistant = make_assistant("a1", "x", "hello");
  other_run.tenant = other_point.tenant = other_item.tenant = other_assistant.tenant = "other";
  REQUIRE(
    f.write({.puts = {{other}, {other_run}, {other_point}, {other_item}, {other_assistant}}}));

  CHECK_FALSE(f.get(thread_key("t1")));
  for (auto k : all_kinds) {
    query q{.type = k, .tenant = "acme", .parent = k == kind::item ? "" : "t1"};
    q.auth_filter = k == kind::thread ? make_filter({{"owner", "alice"}}) : filter{};
    CHECK(f.ids(q).empty());
    CHECK(f.db->count(q).value() == 0);
    q.ids = {"t1", "r1", "c1", "k", "a1"};
    CHECK(f.ids(q).empty());
  }
  CHECK(f.db->checkpoint_chain("acme", "t1", "", "").value().empty());
  CHECK(f.db->checkpoint_chain("acme", "t1", "", "c1").value().empty());
  CHECK(f.put(make_run("t1", "r9")).error().code == errc::not_found);
  REQUIRE(f.write({.erases = {{thread_key("t1")}, {{kind::run, "acme", "r1"}}},
                   .checkpoint_erases = {{"acme", "t1", ""}}}));
  REQUIRE(f.put(make_thread("t1"), 0)); // the same id is free in this tenant
  CHECK(f.get({kind::thread, "other", "t1"})->doc == other.doc);
  CHECK(f.get(other_run.key()));
  CHECK(f.get(other_point.key()));
}

TEMPLATE_LIST_TEST_CASE("an assistant's versions are its own, and go with it", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write(
    {.puts = {{make_version("a1", "0000000001"), 0}, {make_assistant("a1", "one", "hello"), 0}}}));
  REQUIRE(f.write(
    {.puts = {{make_assistant("a2", "two", "hello"), 0}, {make_version("a2", "0000000001"), 0}}}));
  for (auto number : {"0000000002", "0000000003"})
    REQUIRE(f.put(make_version("a1", number, {{"n", number}}), 0));
  CHECK(f.put(make_version("a1", "0000000003"), 0).error().code == errc::conflict);
  CHECK(f.put(make_version("a9", "0000000001"), 0).error().code == errc::not_found);

  query q{.type = kind::assistant_version, .tenant = "acme", .parent = "a1", .sort = sort_key::id};
  CHECK(f.ids(q) == names{"0000000003", "0000000002", "0000000001"});
  q.metadata = {{"n", "0000000002"}};
  CHECK(f.ids(q) == names{"0000000002"});

  REQUIRE(f.write({.erases = {{{kind::assistant, "acme", "a1"}}}}));
  q.metadata = {};
  CHECK(f.ids(q).empty());
  CHECK(f.get({kind::assistant_version, "acme", "0000000001", "a2"}));
}

TEMPLATE_LIST_TEST_CASE("runs that did not finish are found, oldest first, of all tenants",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  auto foreign = make_thread("t9");
  auto foreign_run = make_run("t9", "r0", 2, "running");
  foreign.tenant = foreign_run.tenant = "other";
  REQUIRE(f.write({.puts = {{make_thread("t1")},
                            {foreign},
                            {foreign_run},
                            {make_run("t1", "r1", 3)},
                            {make_run("t1", "r2", 1, "running")},
                            {make_run("t1", "r3", 2, "success")},
                            {make_run("t1", "r4", 3)}}}));
  names seen;
  std::optional<record> last;
  for (;;) {
    auto some = f.db->unfinished_runs(last ? &*last : nullptr, 2).value();
    for (const auto& r : some)
      seen.push_back(r.id);
    if (some.empty())
      break;
    last = some.back();
  }
  CHECK(seen == names{"r2", "r0", "r1", "r4"});
}

TEMPLATE_LIST_TEST_CASE("calls to webhooks of every tenant are read page by page", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto call = [](std::string tenant, std::string id) {
    record r;
    r.type = kind::webhook_call;
    r.tenant = std::move(tenant);
    r.id = std::move(id);
    r.metadata = {{"tries", 0}};
    r.doc = {{"url", "https://example.com/"}};
    return r;
  };
  REQUIRE(f.write({.puts = {{call("b", "1")}, {call("a", "2")}, {call("a", "1")}}}));
  names seen;
  std::optional<record> last;
  for (;;) {
    auto some = f.db->webhook_calls(last ? &*last : nullptr, 2).value();
    for (const auto& r : some) {
      seen.push_back(r.tenant + r.id);
      CHECK(r.metadata.at("tries") == 0);
    }
    if (some.empty())
      break;
    last = some.back();
  }
  CHECK(seen == names{"a1", "a2", "b1"});
  REQUIRE(f.write({.erases = {{call("a", "2").key()}}}));
  CHECK(f.db->webhook_calls(nullptr, 10).value().size() == 2);
}

TEMPLATE_LIST_TEST_CASE("metadata with too many values at its top is refused", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1");
  for (int i = 0; i < 257; ++i)
    thread.metadata["k" + std::to_string(i)] = i;
  CHECK(f.put(thread).error().code == errc::invalid_argument);
  thread.metadata.erase("k0");
  CHECK(f.put(thread));
}

TEMPLATE_LIST_TEST_CASE("a thread with as much metadata as may be can still run", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1");
  for (int i = 0; i < 256; ++i)
    thread.metadata["k" + std::to_string(i)] = i;
  REQUIRE(f.put(thread));
  write_batch::thread_change run{"acme", "t1"};
  run.metadata = {{"graph_id", "inbox"}, {"assistant_id", "a1"}};
  REQUIRE(f.write({.thread_changes = {run}}));
  CHECK(f.ids({.tenant = "acme", .metadata = {{"graph_id", "inbox"}}}) == names{"t1"});
  run.metadata = {{"one more", 1}};
  CHECK(f.write({.thread_changes = {run}}).error().code == errc::invalid_argument);
}

TEST_CASE("namespace labels are checked and keep their order as text", "[storage]") {
  CHECK(encode_namespace({}).value().empty());
  CHECK(encode_namespace({""}).error().code == errc::invalid_argument);
  CHECK(encode_namespace({"a\x1f"}).error().code == errc::invalid_argument);
  CHECK(encode_namespace({std::string("a\0b", 3)}).error().code == errc::invalid_argument);
  auto a = encode_namespace({"a"}).value();
  CHECK(encode_namespace({"a", "b"}).value().starts_with(a));
  CHECK_FALSE(encode_namespace({"ab"}).value().starts_with(a));
}

TEMPLATE_LIST_TEST_CASE("what a long record takes is claimed before it is parsed", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1", 1, {{"owner", "alice"}});
  thread.doc = {{"values", std::string(1 << 20, 'x')}};
  REQUIRE(f.put(thread));
  auto checkpoint = make_checkpoint("t1", "c1");
  checkpoint.doc = thread.doc;
  REQUIRE(f.put(checkpoint));
  const auto key = thread.key();
  auto shown = [&](fair_budget::share& room) {
    auto found = f.db->get(key, &room);
    return found ? std::string{"found"} : found.error().message;
  };
  fair_budget wide{64 << 20}, narrow{4 << 20};
  auto room = wide.open("acme", "alice");
  CHECK(shown(*room) == "found");
  CHECK(room->size() > std::size_t{3} << 20);
  REQUIRE(f.db->checkpoint_chain("acme", "t1", "", "", room.get()));
  CHECK(room->size() > std::size_t{6} << 20);

  auto alone = narrow.open("acme", "alice"), other = narrow.open("acme", "alice");
  CHECK(shown(*alone) == "found"); // however long: who is alone can read it
  CHECK(alone->size() == std::size_t{2} << 20);
  CHECK(shown(*other) == "Too many long records being read for one caller; others wait");
  auto head = f.db->get_head(key);
  REQUIRE(head);
  CHECK((*head)->metadata == thread.metadata);
  CHECK((*head)->doc.empty());

  record_scan scan{{.tenant = "acme"}};
  scan.room = other;
  auto part = f.db->go_on(scan, {});
  REQUIRE_FALSE(part);
  CHECK(part.error().code == errc::too_many);
  record_scan heads{{.tenant = "acme"}, record_scan::wants::heads};
  heads.room = other;
  CHECK(f.db->go_on(heads, {}));
}
