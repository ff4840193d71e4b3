// The storage in one SQLite file: WAL, synchronous=FULL.
#pragma once

#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/storage.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

struct sqlite_options {
  /// The database file. Beside it live -wal, -shm and .lock; all are 0600. Its folder must exist.
  /// ":memory:": no file.
  std::string path = "./behalf.db";
  /// Pages written to the log before they are copied to the database during a commit. More makes
  /// that rarer and longer.
  int checkpoint_pages = 2000;
  /// Page cache of the writer and of each reader, in KiB.
  int cache_kib = 16384;
  /// How long runs that are over stay; 0: as long as their thread.
  std::chrono::milliseconds finished_runs{0};
  /// How long figures of what models were asked stay; 0: for ever.
  std::chrono::milliseconds usage{400LL * 86'400'000};
  storage_encryption encryption = {};
  /// Other processes may use the file at the same time, and each holds the runs it has taken.
  bool shared = false;
  /// What expiry is measured by.
  std::function<time_point()> clock = now;
};

/// Opens the file, creating or migrating it. Errors: internal, the sentence names the file and
/// why: no such folder, not a database, made by a newer version, in use by another process.
result<std::unique_ptr<storage_engine>> open_sqlite(sqlite_options options);

/// The functions of open_storage.hpp, of a SQLite file.
result<storage_check> check_sqlite(const std::string& path, damaged_records what,
                                   const secret_ptr& master_key = nullptr);
result<storage_resealing> reseal_sqlite(const std::string& path,
                                        const storage_encryption& encryption, data_key_choice keys);
result<std::vector<std::string>>
rotate_sqlite_key(const std::string& path, const secret_ptr& old_key, const secret_ptr& new_key);
result<storage_recovery> recover_sqlite(const std::string& from, const std::string& to);

} // namespace behalf
