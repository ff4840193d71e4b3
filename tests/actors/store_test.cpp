#include "actors/spawn.hpp"
#include "runtime/base/id.hpp"
#include "runtime/store/sqlite.hpp"
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
    writer = own(spawn_store_writer(sys, std::move(db), false));
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
