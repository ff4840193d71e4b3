#include "actors/storage/messages.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/spawn.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/small_disk.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace behalf {
using namespace storage;

namespace {

// Outlives the actors, which end with the other base.
struct counted {
  metrics meters;
};

struct database_fixture : counted, actor_fixture {
  std::filesystem::path folder =
    std::filesystem::temp_directory_path() / ("behalf-store-" + uuid4());
  std::string path = folder / "t.db";
  database_writer_actor writer;
  database_reader_actor reader;
  bool shared = false; // with other servers

  database_fixture() {
    std::filesystem::create_directories(folder);
    open();
  }
  void open() {
    sqlite_options options;
    options.path = path;
    options.shared = shared;
    auto db = open_sqlite(options).value();
    reader = own(storage::spawn_database_reader(sys, db->open_reader().value(), &meters, false));
    writer = own(storage::spawn_database_writer(sys, std::move(db), &meters, false));
  }
  void close() {
    self->send_exit(reader, caf::exit_reason::kill);
    self->send_exit(writer, caf::exit_reason::kill);
    sched.run();
    owned.clear();
    reader = nullptr;
    writer = nullptr;
  }
  template <class Read>
  auto found(Read what) -> result<typename open_read<Read>::value> {
    open_read<Read> opened{std::move(what)};
    if (auto done = ask<read_done>(reader, opened.question); !done)
      return done.error();
    return std::move(**opened.found);
  }
  double gauge(const std::string& name) { return meters.gauge(name, "").value(); }
  ~database_fixture() { std::filesystem::remove_all(folder); }

  static write_records thread(const std::string& id, std::optional<int64_t> expected) {
    record row;
    row.tenant = "t";
    row.id = id;
    row.status = "idle";
    row.created_at = row.updated_at = row.state_updated_at = now();
    write_records w;
    w.what.puts.push_back({row, expected});
    return w;
  }
};

} // namespace

TEST_CASE_METHOD(database_fixture, "what is acknowledged can be read", "[storage]") {
  auto id = uuid7();
  REQUIRE(ask<written>(writer, thread(id, 0)));
  auto row = found(get_record{{kind::thread, "t", id}}).value();
  REQUIRE(row);
  CHECK(row->id == id);
  CHECK_FALSE(found(get_record{{kind::thread, "other", id}}).value());
}

TEST_CASE_METHOD(database_fixture, "what expired goes also while commits never cease",
                 "[storage]") {
  for (int i = 0; i < 250; ++i) {
    auto w = thread(uuid7(), 0);
    w.what.puts.front().row.expires = expiry{now() - std::chrono::seconds{1}};
    REQUIRE(ask<written>(writer, std::move(w)));
  }
  auto stored = [&] {
    auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_only);
    return (*db)->number("SELECT count(*) FROM thread").value();
  };
  REQUIRE(stored() == 250);
  self->send(writer, sweep_expired{}); // behind it a commit is always waiting
  auto one = self->request(writer, caf::infinite, thread(uuid7(), 0));
  auto other = self->request(writer, caf::infinite, thread(uuid7(), 0));
  sched.run();
  int done = 0;
  for (auto* pending : {&one, &other})
    pending->receive([&](written) { ++done; }, [](caf::error&) {});
  CHECK(done == 2);
  CHECK(stored() == 2);
}

TEST_CASE_METHOD(database_fixture, "who writes much does not hold up who writes little",
                 "[storage]") {
  auto by = [](std::string user, std::size_t bytes) {
    auto w = thread(uuid7(), 0);
    w.what.puts.front().row.doc["said"] = std::string(bytes, 'a');
    w.who = {"t", "https://id.example", std::move(user)};
    return w;
  };
  for (int i = 0; i < 40; ++i)
    self->send(writer, by("alice", 200'000));
  auto w = by("bob", 10);
  auto id = w.what.puts.front().row.id;
  self->send(writer, std::move(w));
  sched.run();
  auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_only);
  CHECK((*db)->number("SELECT count(*) FROM thread").value() == 41);
  CHECK((*db)->number("SELECT seq FROM thread WHERE id='" + id + "'").value() <= 3);
}

TEST_CASE_METHOD(database_fixture, "who deletes what is filed under much holds up nobody",
                 "[storage]") {
  const principal_key alice{"t", "https://id.example", "alice"};
  std::vector<std::string> ids(200);
  for (auto& id : ids) {
    id = uuid7();
    auto w = thread(id, 0);
    for (int i = 0; i < 250; ++i)
      w.what.puts.front().row.metadata[std::to_string(i)] = id;
    w.who = alice;
    self->send(writer, std::move(w));
  }
  sched.run();
  for (const auto& id : ids) { // a kilobyte each, for the turns
    write_records w;
    w.what.erases.push_back({{kind::thread, "t", id}});
    w.who = alice;
    self->send(writer, std::move(w));
  }
  auto bobs = thread(uuid7(), 0);
  bobs.who = {"t", "https://id.example", "bob"};
  const auto of_bob =
    "SELECT count(*) FROM thread WHERE id='" + bobs.what.puts.front().row.id + "'";
  self->send(writer, std::move(bobs));
  auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_only);
  while ((*db)->number(of_bob).value() == 0) {
    REQUIRE(sched.has_job());
    sched.run_once();
  }
  CHECK((*db)->number("SELECT count(*) FROM thread").value() > 100);
  sched.run();
  CHECK((*db)->number("SELECT count(*) FROM thread").value() == 1);
}

TEST_CASE_METHOD(database_fixture, "a sweep joins the group that is open", "[storage]") {
  auto w = thread(uuid7(), 0);
  w.what.puts.front().row.expires = expiry{now() - std::chrono::seconds{1}};
  REQUIRE(ask<written>(writer, std::move(w)));
  auto id = uuid7();
  auto pending = self->request(writer, caf::infinite, thread(id, 0));
  self->send(writer, sweep_expired{}); // the commit before it has opened the group
  sched.run();
  bool ok = false;
  pending.receive([&](written) { ok = true; }, [](caf::error&) {});
  CHECK(ok);
  auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_only);
  CHECK((*db)->number("SELECT count(*) FROM thread").value() == 1);
}

TEST_CASE_METHOD(database_fixture, "whether the storage takes writes is told", "[storage]") {
  CHECK(ask<written>(writer, check_storage{}));
  CHECK(ask<written>(writer, check_storage{})); // within the same second: from memory
}

TEST_CASE_METHOD(database_fixture, "a lease is renewed by one write, long before it expires",
                 "[storage]") {
  close();
  shared = true;
  open();
  auto number = [&](const std::string& sql) {
    auto db = sqlite_connection::open(path, sqlite_connection::access::read_only);
    return (*db)->number(sql).value();
  };
  self->send(writer, renew_lease{});
  sched.run();
  REQUIRE(number("SELECT count(*) FROM owner") == 1);
  auto before = number("SELECT expires_at FROM owner");
  sched.advance_time(lease_renewal);
  sched.run();
  CHECK(number("SELECT count(*) FROM owner") == 1);
  CHECK(number("SELECT expires_at FROM owner") > before);
  CHECK(2 * lease_renewal < lease_time); // one may fail
}

TEST_CASE_METHOD(database_fixture, "one refused commit does not spoil its group", "[storage]") {
  auto id = uuid7(), other = uuid7();
  auto first = self->request(writer, caf::infinite, thread(id, 0));
  auto again = self->request(writer, caf::infinite, thread(id, 0)); // it is there already
  auto third = self->request(writer, caf::infinite, thread(other, 0));
  sched.run();
  auto ok = [&](auto& pending) {
    bool good = false;
    pending.receive([&](written) { good = true; },
                    [&](caf::error& e) { CHECK(from_caf(e).code == errc::conflict); });
    return good;
  };
  CHECK(ok(first));
  CHECK_FALSE(ok(again));
  CHECK(ok(third));
}

TEST_CASE_METHOD(database_fixture, "what a conflict is with can be read when it is answered",
                 "[storage]") {
  auto id = uuid7();
  std::optional<int64_t> there;
  self->send(writer, thread(id, 0));
  own(sys.spawn([&](caf::event_based_actor* me) {
    me->request(writer, caf::infinite, thread(id, 0))
      .then([](written) {},
            [&](const caf::error&) {
              auto db = sqlite_connection::open(path, sqlite_connection::access::read_only);
              there = (*db)->number("SELECT count(*) FROM thread").value();
            });
  }));
  sched.run();
  CHECK(there == 1);
}

TEST_CASE_METHOD(database_fixture, "a conflict with what could not be kept is none", "[storage]") {
  auto id = uuid7();
  auto first = self->request(writer, caf::infinite, thread(id, 0));
  auto again = self->request(writer, caf::infinite, thread(id, 0));
  {
    testing::small_disk full{0};
    sched.run();
  }
  int full_disks = 0;
  for (auto* pending : {&first, &again})
    pending->receive([](written) {},
                     [&](caf::error& e) { full_disks += from_caf(e).kind == storage_full; });
  CHECK(full_disks == 2);
}

namespace {

struct desk_fixture : database_fixture {
  read_queue_actor desk = own(storage::spawn_read_queue(sys, {reader}));

  static principal_key user(std::string name) {
    return {"t", "https://id.example", std::move(name)};
  }

  static search_ptr search() {
    query q;
    q.tenant = "t";
    q.limit = 1000;
    return std::make_shared<record_scan>(q);
  }
  /// The next slice of a search, as next_slice asks for it.
  static queue_read slice_of(const open_read<read_slice>& opened, const search_ptr& of,
                             principal_key who) {
    std::weak_ptr<record_scan> held = of;
    return {opened.question, std::move(who), first_slice, [held] { return !held.expired(); }};
  }
  result<scan_part> slice(const search_ptr& of, principal_key who) {
    open_read<read_slice> opened{{of}};
    if (auto done = ask<read_done>(desk, slice_of(opened, of, std::move(who))); !done)
      return done.error();
    return std::move(**opened.found);
  }
  void send_slice(const search_ptr& of, principal_key who) {
    self->send(desk, slice_of(open_read<read_slice>{{of}}, of, std::move(who)));
  }
};

} // namespace

TEST_CASE_METHOD(desk_fixture, "a search comes through the desk", "[storage]") {
  auto id = uuid7();
  REQUIRE(ask<written>(writer, thread(id, 0)));
  auto mine = search();
  std::vector<record> found;
  for (bool done = false; !done;) { // a slow machine needs more than one slice
    auto part = slice(mine, user("alice"));
    REQUIRE(part);
    std::move(part->rows.begin(), part->rows.end(), std::back_inserter(found));
    done = part->done;
  }
  REQUIRE(found.size() == 1);
  CHECK(found[0].id == id);
}

TEST_CASE_METHOD(desk_fixture, "one user's many searches do not keep another's waiting",
                 "[storage]") {
  std::vector<std::string> served;
  auto wait = [&](const std::string& tenant, const std::string& who, int n) {
    for (int i = 0; i < n; ++i)
      self->send(desk, queue_read{{[&served, name = tenant + "/" + who](storage_reader&) {
                                    served.push_back(name);
                                    return result<void>{};
                                  }},
                                  {tenant, "https://id.example", who},
                                  further_slice}); // a whole turn
  };
  wait("t", "alice", 20);
  wait("t", "bob", 2);
  wait("other", "carol", 1);
  sched.run();
  CHECK(served.size() == 23);
  auto place = [&](const std::string& who) {
    return std::find(served.begin(), served.end(), who) - served.begin();
  };
  CHECK(place("other/carol") < 6);
  CHECK(place("t/bob") < 6);
}

TEST_CASE_METHOD(desk_fixture, "a search whose asker has gone is dropped", "[storage]") {
  REQUIRE(ask<written>(writer, thread(uuid7(), 0)));
  auto first = search(), abandoned = search();
  std::weak_ptr<record_scan> rest = abandoned;
  send_slice(first, user("alice"));
  send_slice(abandoned, user("alice"));
  abandoned.reset();
  sched.run();
  CHECK(first->found == 1);
  CHECK(rest.expired());
}

TEST_CASE_METHOD(desk_fixture, "a failed search gives its reader back", "[storage]") {
  auto bad = search();
  bad->what.sort = sort_key::graph_id; // threads have none
  auto refused = slice(bad, user("alice"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(slice(search(), user("bob")));
}

TEST_CASE_METHOD(desk_fixture, "too many searches waiting are refused, for one user first",
                 "[storage]") {
  std::vector<storage::search_ptr> held;
  auto ask_many = [&](const std::string& who, int n) {
    for (int i = 0; i < n; ++i) {
      held.push_back(search());
      send_slice(held.back(), user(who));
    }
  };
  ask_many("alice", 600);
  auto one_more = search();
  auto refused = ask_later<read_done>(
    desk, slice_of(open_read<read_slice>{{one_more}}, one_more, user("alice")));
  auto of_bob = search();
  // The desk reads its mailbox in order: all of alice's are waiting when bob comes.
  auto pending =
    ask_later<read_done>(desk, slice_of(open_read<read_slice>{{of_bob}}, of_bob, user("bob")));
  REQUIRE(pending());
  CHECK(pending()->has_value());
  REQUIRE(refused());
  REQUIRE_FALSE(refused()->has_value());
  CHECK(refused()->error().code == errc::too_many); // 429: the others have room
  auto served = std::count_if(held.begin(), held.end(), [](const auto& s) {
    return s->own.at != record_scan::notes::stage::new_one;
  });
  CHECK(served == 513); // 512 waited behind the one that was being served
}

TEST_CASE_METHOD(database_fixture, "only what was written says that there is room again",
                 "[storage]") {
  REQUIRE(ask<written>(writer, thread(uuid7(), 0)));
  CHECK(gauge("behalf_storage_writable") == 1);
  auto refused = [&] {
    testing::small_disk full{0};
    return ask<written>(writer, thread(uuid7(), 0));
  }();
  REQUIRE(refused.has_error());
  CHECK(refused.error().kind == storage_full);
  CHECK(gauge("behalf_storage_writable") == 0);
  tell(writer, sweep_expired{}); // finds nothing to do
  sched.run();
  CHECK(gauge("behalf_storage_writable") == 0);
  REQUIRE(ask<written>(writer, thread(uuid7(), 0)));
  CHECK(gauge("behalf_storage_writable") == 1);
  CHECK(gauge("behalf_storage_damaged") == 0);
}

TEST_CASE_METHOD(database_fixture, "a damaged page is no disk that cannot be written",
                 "[storage]") {
  close();
  auto page = sqlite_connection::open(path, sqlite_connection::access::read_only)
                .value()
                ->number("SELECT rootpage FROM sqlite_schema WHERE type='table' AND name='item'")
                .value();
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  file.seekp((page - 1) * 4096);
  file << std::string(4096, '\xff');
  file.close();
  open();
  auto item = thread(uuid7(), 0);
  item.what.puts[0].row.type = kind::item;
  for (int i = 0; i < 2; ++i) {
    CHECK(ask<written>(writer, item).error().kind == storage_damaged);
    CHECK(gauge("behalf_storage_damaged") == 1);
    CHECK(gauge("behalf_storage_writable") == 1);
    CHECK(ask<written>(writer, check_storage{}));
    CHECK(ask<written>(writer, thread(uuid7(), 0)));
  }
}

} // namespace behalf
