// Opens a storage by its URL; checks and copies storages for the command line.
#pragma once

#include "behalf/error.hpp"
#include "behalf/time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

class storage_engine;

struct storage_options {
  std::string url = "sqlite:./behalf.db";
  /// How long runs that are over stay; 0: as long as their thread.
  std::chrono::milliseconds finished_runs{0};
  /// What expiry is measured by.
  std::function<time_point()> clock = now;
};

/// `sqlite:<file>`, `sqlite:///<file from the root>`, or `sqlite::memory:`, which is gone with the
/// process. Error: invalid_argument, a sentence that goes on after the URL's name.
result<void> check_storage_url(const std::string& url);

/// What people type: the name of a file is short for its URL.
std::string storage_url(const std::string& typed);

/// Opens the storage, making or migrating it. Errors: internal, the sentence names it and says why:
/// no such folder, made by a newer version, in use by another process; as of check_storage_url.
result<std::unique_ptr<storage_engine>> open_storage(storage_options options);

/// What it takes on disk now; from any thread.
struct storage_bytes {
  double data = 0, log = 0;
};
storage_bytes bytes_of_storage(const std::string& url);

struct storage_check {
  int64_t records = 0;             // looked at
  std::vector<std::string> faults; // one sentence each; empty: all is well
  bool pages_damaged = false;      // no record can mend that: a backup can
  int64_t set_aside = 0;
};

enum class damaged_records : uint8_t {
  report,
  set_aside, // moves them to a place where nothing reads them; no server may use it meanwhile
};

/// Checks pages, indexes, references and every record. Reading may go on beside a server. Error:
/// internal when it cannot be opened or is not ours.
result<storage_check> find_damage(const std::string& url, damaged_records what);

struct storage_recovery {
  int64_t records = 0;             // copied
  std::vector<std::string> faults; // what was left behind, one sentence each
  std::string advice;              // what to do with the new one
};

/// Copies every record that can be read into a new storage, and files it there anew; `from` is not
/// changed. What cannot stand without a record that is lost stays behind too: runs and checkpoints
/// of a lost thread, checkpoints that build upon a lost one. No server may use `from` meanwhile.
/// Error: internal when `to` exists or cannot be written, or `from` is not ours or tells nothing.
result<storage_recovery> recover_storage(const std::string& from, const std::string& to);

} // namespace behalf
