#include "runtime/storage/sqlite.hpp"

#include "runtime/base/id.hpp"
#include "runtime/storage/process_lock.hpp"
#include "runtime/storage/sqlite_reads.hpp"
#include "runtime/storage/sqlite_schema.hpp"
#include "runtime/storage/sqlite_writes.hpp"

#include <chrono>
#include <optional>
#include <random>
#include <sys/stat.h>
#include <utility>

namespace behalf {
namespace {

using access = sqlite_connection::access;

// Once the log was longer than this, it is cut back to it.
constexpr int journal_limit_bytes = 32 << 20;
// Copying the log to the database does not make it shorter: the next commit begins it anew only if
// no reader stands in it then, and with several readers one always does. From this length on the
// writer waits for those who are reading, a slice's time, so that it can.
constexpr int longest_log_pages = 4096;
constexpr int wait_for_readers_ms = 100;
constexpr std::chrono::milliseconds between_waits{500};

// Called after every commit; takes the place of SQLite's own automatic checkpoints.
class log_keeper {
public:
  log_keeper(sqlite_connection& db, int checkpoint_pages) : pages_(checkpoint_pages) {
    sqlite3_wal_hook(
      db.native(),
      [](void* self, sqlite3* native, const char*, int pages) {
        static_cast<log_keeper*>(self)->tidy(native, pages);
        return SQLITE_OK;
      },
      this);
  }
  log_keeper(const log_keeper&) = delete;

private:
  void tidy(sqlite3* native, int pages) {
    if (pages < pages_)
      return;
    auto now = std::chrono::steady_clock::now();
    if (pages < longest_log_pages || now < next_wait_) {
      sqlite3_wal_checkpoint_v2(native, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
      return;
    }
    sqlite3_busy_timeout(native, wait_for_readers_ms);
    auto code =
      sqlite3_wal_checkpoint_v2(native, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
    sqlite3_busy_timeout(native, sqlite_connection::busy_timeout_ms);
    if (code != SQLITE_OK)
      next_wait_ = std::chrono::steady_clock::now() + between_waits;
  }

  int pages_;
  std::chrono::steady_clock::time_point next_wait_{};
};

// Given back to the file system with one turn of the sweep: well under a millisecond of work.
constexpr int64_t pages_per_step = 64;

result<void> set_cache(sqlite_connection& db, int kib) {
  return db.execute("PRAGMA cache_size=-" + std::to_string(kib));
}

class sqlite_storage final : public storage_engine, public sqlite_reads {
public:
  sqlite_storage(process_lock lock, std::unique_ptr<sqlite_connection> db,
                 std::shared_ptr<data_keys> keys, sqlite_options options, int64_t owner)
    : sqlite_reads(std::move(db), keys, options.clock, owner), lock_(std::move(lock)),
      log_(*db_, options.checkpoint_pages), keys_(std::move(keys)),
      writes_(*db_, keys_, options.clock, owner), options_(std::move(options)), owner_(owner) {}

  ~sqlite_storage() override {
    if (db_->in_transaction())
      (void)db_->run("ROLLBACK");
  }

  result<void> begin() override {
    broken_.reset();
    return db_->run("BEGIN IMMEDIATE");
  }

  result<void> apply(const write_batch& c) override {
    return plain(unit([&] { return counted(writes_.apply(c)); }));
  }

  bool exclusive() const override { return !options_.shared; }

  result<void> renew() override {
    if (file_at(options_.path) != file_)
      return fail(errc::internal, options_.path
                                    + ": was moved away or replaced under the server, which goes "
                                      "on writing to the old file: put that one back under its "
                                      "name, and only then restart");
    return plain(unit([&] { return counted(writes_.renew()); }));
  }

  result<int64_t> take_runs(int64_t max_runs) override {
    if (exclusive())
      return 0;
    return unit([&] { return writes_.take_runs(max_runs); });
  }

  result<int64_t> sweep(int64_t max_rows) override {
    return unit([&]() -> result<int64_t> {
      auto removed = writes_.sweep(max_rows, options_.finished_runs, options_.usage);
      if (!removed || *removed >= max_rows)
        return removed;
      auto shrunk = writes_.shrink(pages_per_step);
      return shrunk && *shrunk > 0 ? result<int64_t>{max_rows} : removed;
    });
  }

  result<void> flush() override {
    auto done = broken_ ? result<void>{*broken_} : db_->run("COMMIT");
    if (!done && db_->in_transaction())
      (void)db_->run("ROLLBACK");
    if (!done)
      writes_.was_taken_back();
    writes_.group_is_over();
    return done;
  }

  result<std::unique_ptr<storage_reader>> open_reader() override {
    auto db = sqlite_connection::open(options_.path, access::read_only);
    if (!db)
      return db.error();
    if (auto set = set_cache(**db, options_.cache_kib); !set)
      return set.error();
    return std::unique_ptr<storage_reader>{
      std::make_unique<sqlite_reads>(std::move(*db), keys_, options_.clock, owner_)};
  }

private:
  static result<int64_t> counted(result<void> done) {
    return done ? result<int64_t>{0} : done.error();
  }
  static result<void> plain(const result<int64_t>& done) {
    return done ? result<void>{} : done.error();
  }

  // All or nothing within the group. When even taking back fails, SQLite has ended the group
  // (disk full, I/O error): every unit of it is lost, and flush says so.
  template <class Work>
  result<int64_t> unit(Work work) {
    if (broken_)
      return *broken_;
    if (!db_->in_transaction())
      return fail(errc::internal, options_.path + ": a change outside of a group");
    if (auto begun = db_->run("SAVEPOINT unit"); !begun)
      return begun.error();
    auto done = work();
    if (!done)
      writes_.was_taken_back();
    if (!done && (!db_->in_transaction() || !db_->run("ROLLBACK TO unit")))
      return broken_.emplace(done.error());
    if (auto ended = db_->run("RELEASE unit"); !ended)
      return broken_.emplace(ended.error());
    return done;
  }

  // Device and number: a path may come to mean another file.
  static std::pair<dev_t, ino_t> file_at(const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 ? std::pair{about.st_dev, about.st_ino}
                                             : std::pair<dev_t, ino_t>{};
  }

  process_lock lock_;
  log_keeper log_;
  const std::shared_ptr<data_keys> keys_;
  sqlite_writes writes_;
  sqlite_options options_;
  const int64_t owner_;
  std::optional<error> broken_;
  const std::pair<dev_t, ino_t> file_ = file_at(options_.path);
};

// A name that all connections of one storage, and no others, know it by.
std::string in_memory() {
  return "file:/" + uuid4() + "?vfs=memdb";
}

// Of this process; no other has it, or had it.
int64_t new_owner() {
  std::random_device chance;
  return static_cast<int64_t>((uint64_t{chance()} << 31 | chance()) >> 1) | 1;
}

// What the runs to come are numbered above, should the clock have been set back since.
result<void> continue_run_ids(sqlite_connection& db) {
  auto use = db.prepare("SELECT id FROM run ORDER BY seq DESC LIMIT 1");
  if (!use)
    return use.error();
  auto row = use->step();
  if (!row)
    return row.error();
  if (*row)
    continue_uuid7(use->text(0));
  return {};
}

} // namespace

result<std::unique_ptr<storage_engine>> open_sqlite(sqlite_options options) {
  result<process_lock> lock = process_lock{};
  if (options.path == ":memory:")
    options.path = in_memory();
  else
    lock = process_lock::take(options.path, options.shared ? others::may_share : others::none);
  if (!lock)
    return lock.error();
  auto db = sqlite_connection::open(options.path, access::read_write_create);
  if (!db)
    return db.error();
  if (auto ours = check_ours(**db); !ours)
    return ours.error();
  // auto_vacuum counts for a new file only, and before anything is written to it.
  auto pragmas = "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA "
                 "synchronous=FULL; PRAGMA journal_size_limit="
                 + std::to_string(journal_limit_bytes);
  if (auto set = (*db)->execute(pragmas); !set)
    return set.error();
  if (auto set = set_cache(**db, options.cache_kib); !set)
    return set.error();
  if (auto done = migrate(**db, sqlite_migrations()); !done)
    return done.error();
  if (auto done = continue_run_ids(**db); !done)
    return done.error();
  auto keys = open_data_keys(**db, options.encryption);
  if (!keys)
    return keys.error();
  const auto owner = options.shared ? new_owner() : 0;
  return std::unique_ptr<storage_engine>{std::make_unique<sqlite_storage>(
    std::move(*lock), std::move(*db), std::move(*keys), std::move(options), owner)};
}

} // namespace behalf
