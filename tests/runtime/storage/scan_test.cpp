// Searches in slices: the same answers, whatever comes between two of them, within bounds.
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

using namespace behalf;

namespace {

// The shortest slices there are: time is over after one candidate, room after one row.
constexpr slice_limits tiny{std::chrono::microseconds{0}, 1};

struct walked {
  names ids;
  int64_t found = 0;
  bool more = false;
  int slices = 0;
};

template <class Between>
walked walk(storage_reader& db, record_scan s, Between between) {
  walked all;
  for (;;) {
    ++all.slices;
    auto part = db.go_on(s, tiny);
    REQUIRE(part);
    CHECK(part->rows.size() <= 1);
    for (const auto& r : part->rows)
      all.ids.push_back(r.id);
    if (part->done)
      break;
    between(all.slices);
  }
  all.found = s.found;
  all.more = s.more;
  return all;
}

walked walk(storage_reader& db, record_scan s) {
  return walk(db, std::move(s), [](int) {});
}

template <class Fixture>
void put_many(Fixture& f) {
  write_batch c;
  for (int i = 0; i < 40; ++i) {
    auto n = std::to_string(100 + i);
    auto row = make_thread("t" + n, i % 7, {{"owner", i % 2 ? "alice" : "bob"}, {"n", i % 3}});
    row.doc = {{"values", {{"even", i % 2 == 0}}}};
    c.puts.push_back({row});
    c.puts.push_back({make_run("t" + n, "r" + n, i % 5)});
    c.puts.push_back({make_run("t100", "s" + n, i % 5, i % 4 ? "success" : "error")});
    c.puts.push_back({make_item({"a", "b" + std::to_string(i % 3)}, "k" + n, {{"n", i}}, i % 6)});
  }
  for (int i = 0; i < 12; ++i)
    c.puts.push_back({make_checkpoint("t100", "c" + std::to_string(100 + i))});
  REQUIRE(f.write(c));
}

std::vector<query> all_sorts_of_queries() {
  auto alice = make_filter({{"owner", "alice"}});
  auto either = make_filter({{"$or", {json::object{{"owner", "alice"}}, json::object{{"n", 0}}}}});
  names ids;
  for (int i = 130; i < 150; ++i)
    ids.push_back("t" + std::to_string(i));
  return {
    {.tenant = "acme"},
    {.tenant = "acme", .auth_filter = alice},
    {.tenant = "acme", .auth_filter = alice, .descending = false},
    {.tenant = "acme", .metadata = {{"n", 1}}, .auth_filter = alice, .limit = 3, .offset = 2},
    {.tenant = "acme", .auth_filter = alice, .sort = sort_key::id, .limit = 7, .offset = 5},
    {.tenant = "acme", .auth_filter = either, .limit = 100},
    {.tenant = "acme", .auth_filter = either, .sort = sort_key::created_at, .descending = false},
    {.tenant = "acme", .ids = ids, .auth_filter = alice},
    {.tenant = "acme", .values = {{"even", true}}, .limit = 5},
    {.tenant = "acme", .limit = 0},
    {.type = kind::run, .tenant = "acme", .parent = "t100", .sort = sort_key::created_at},
    {.type = kind::run, .tenant = "acme", .status = {"pending"}, .sort = sort_key::created_at},
    {.type = kind::run, .tenant = "acme", .status = {"error"}, .sort = sort_key::id},
    {.type = kind::checkpoint, .tenant = "acme", .parent = "t100", .sort = sort_key::id},
    {.type = kind::item, .tenant = "acme", .limit = 100},
    {.type = kind::item,
     .tenant = "acme",
     .parent = encode_namespace({"a", "b1"}).value(),
     .sort = sort_key::id,
     .limit = 3,
     .offset = 2},
    {.type = kind::item,
     .tenant = "acme",
     .namespace_prefix = encode_namespace({"a", "b1"}).value(),
     .value = value_filter::parse({{"n", {{"$gt", 10}}}}).value(),
     .limit = 4,
     .offset = 1},
  };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a search in many slices finds what one in one slice finds", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_many(f);
  for (const auto& q : all_sorts_of_queries()) {
    auto whole = f.db->search(q).value();
    auto sliced = walk(*f.db, record_scan{q});
    CAPTURE(kind_text(q.type), q.limit, q.offset);
    CHECK(sliced.ids == f.ids(q));
    CHECK(sliced.more == whole.more);
    CHECK(sliced.found == static_cast<int64_t>(whole.rows.size()));
    auto counted = walk(*f.db, record_scan{q, record_scan::wants::count});
    CHECK(counted.found == f.db->count(q).value());
    auto heads = walk(*f.db, record_scan{q, record_scan::wants::heads});
    CHECK(heads.ids == sliced.ids);
  }
}

TEMPLATE_LIST_TEST_CASE("writing and cleaning up go on between two slices", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_many(f);
  query q{.tenant = "acme", .sort = sort_key::id, .descending = false, .limit = 100};
  auto reader = f.db->open_reader().value();
  auto seen = walk(*reader, record_scan{q}, [&](int slice) {
    if (slice == 41) // all are found, the first is read: it is gone when its turn comes
      REQUIRE(f.write({.erases = {{thread_key("t101")}}}));
  });
  CHECK(seen.ids.size() == 39);
  CHECK(std::find(seen.ids.begin(), seen.ids.end(), "t101") == seen.ids.end());
}

TEMPLATE_LIST_TEST_CASE("what its owner hides between two slices is not shown", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_many(f);
  query q{.tenant = "acme",
          .auth_filter = make_filter({{"owner", "alice"}}),
          .sort = sort_key::id,
          .descending = false,
          .limit = 100};
  auto seen = walk(*f.db, record_scan{q}, [&](int slice) {
    if (slice == 25) // all are found, most not yet read
      REQUIRE(f.put(make_thread("t139", 1, {{"owner", "bob"}})));
  });
  CHECK(seen.ids.size() == 19);
}

TEMPLATE_LIST_TEST_CASE("a search beyond its bounds is refused with what to do", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_many(f);
  search_bounds few{.rows = 10};
  query q{.tenant = "acme", .metadata = {{"nested", {{"x", 1}}}}};
  record_scan s{q, record_scan::wants::rows, few};
  constexpr slice_limits ample{std::chrono::seconds{4}};
  auto refused = f.db->go_on(s, ample);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(refused.error().message.find("narrow it") != std::string::npos);
  search_bounds quick{.time = std::chrono::milliseconds{0}};
  record_scan t{q, record_scan::wants::count, quick};
  CHECK(f.db->go_on(t, tiny).error().code == errc::invalid_argument);
  record_scan far{{.tenant = "acme", .sort = sort_key::status, .offset = 1'000'000}};
  CHECK(f.db->go_on(far, ample).error().code == errc::invalid_argument);
  record_scan in_order{{.tenant = "acme", .offset = 1'000'000}};
  CHECK(f.db->go_on(in_order, ample)->done);
}

namespace {

// Two connections that read by turns, so that one of them is always reading.
class restless_reader {
public:
  explicit restless_reader(const std::string& file) : thread_([this, file] { read(file); }) {}
  ~restless_reader() {
    stop_ = true;
    thread_.join();
  }

private:
  void read(const std::string& file) {
    using access = sqlite_connection::access;
    auto one = sqlite_connection::open(file, access::read_only).value();
    auto other = sqlite_connection::open(file, access::read_only).value();
    const std::string look = "BEGIN; SELECT count(*) FROM thread";
    bool fine = one->execute(look).has_value();
    while (fine && !stop_) {
      fine = other->execute(look) && one->execute("COMMIT");
      std::swap(one, other);
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace

TEST_CASE("the log stays short while others never stop reading", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto file = f.factory.folder.file();
  REQUIRE(f.put(make_thread("t1")));
  auto big = make_thread("big");
  big.doc = {{"values", std::string(1'000'000, 'x')}};
  restless_reader reader{file};
  for (int i = 0; i < 120; ++i)
    REQUIRE(f.put(big));
  CHECK(std::filesystem::file_size(file + "-wal") < 64'000'000); // without waiting: 120 MB
}
