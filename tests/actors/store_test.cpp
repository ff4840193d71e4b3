#include "actors/spawn.hpp"
#include "runtime/base/id.hpp"
#include "runtime/store/sqlite.hpp"
#include "runtime/store/sqlite_connection.hpp"
#include "tests/support/actor_fixture.hpp"

#include <filesystem>

namespace behalf {
namespace {

struct store_fixture : actor_fixture {
  std::filesystem::path folder =
    std::filesystem::temp_directory_path() / ("behalf-store-" + uuid4());
  store_writer_actor writer;
  store_reader_actor reader;

  store_fixture() {
    std::filesystem::create_directories(folder);
    sqlite_options options;
    options.path = folder / "t.db";
    auto db = open_sqlite(options).value();
    reader = own(spawn_store_reader(sys, db->open_reader().value(), false));
    writer = own(spawn_store_writer(sys, std::move(db), nullptr, false));
  }
  ~store_fixture() { std::filesystem::remove_all(folder); }

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

TEST_CASE_METHOD(store_fixture, "what is acknowledged can be read", "[store]") {
  auto id = uuid7();
  REQUIRE(ask<written>(writer, thread(id, 0)));
  auto found = ask<found_record>(reader, get_record{{kind::thread, "t", id}});
  REQUIRE(found);
  REQUIRE(found->row);
  CHECK(found->row->id == id);
  CHECK_FALSE(ask<found_record>(reader, get_record{{kind::thread, "other", id}})->row);
}

TEST_CASE_METHOD(store_fixture, "what expired goes also while commits never cease", "[store]") {
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

TEST_CASE_METHOD(store_fixture, "a sweep joins the group that is open", "[store]") {
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

TEST_CASE_METHOD(store_fixture, "whether the storage takes writes is told", "[store]") {
  CHECK(ask<written>(writer, check_storage{}));
  CHECK(ask<written>(writer, check_storage{})); // within the same second: from memory
}

TEST_CASE_METHOD(store_fixture, "one refused commit does not spoil its group", "[store]") {
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

} // namespace behalf
