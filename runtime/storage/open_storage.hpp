// Opens a storage by its URL; checks and copies storages for the command line.
#pragma once

#include "behalf/error.hpp"
#include "behalf/time.hpp"
#include "runtime/base/secret.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

class storage_engine;

/// What documents are sealed with on disk.
struct storage_encryption {
  secret_ptr master_key = {}; // null: none; then nothing may be sealed already
  bool seal = true;           // what is written; what is sealed can be read either way
};

struct storage_options {
  std::string url = "sqlite:./behalf.db";
  /// How long runs that are over stay; 0: as long as their thread.
  std::chrono::milliseconds finished_runs{0};
  /// How long figures of what models were asked stay; 0: for ever.
  std::chrono::milliseconds usage{400LL * 86'400'000};
  storage_encryption encryption = {};
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
  int64_t sealed = 0; // not looked into, for want of a key
};

enum class damaged_records : uint8_t {
  report,
  set_aside, // moves them to a place where nothing reads them; no server may use it meanwhile
};

/// Checks pages, indexes, references and every record; with the master key (or null) what is
/// sealed, too, vectors included (of which `set_aside` makes the embeddings endpoint make new
/// ones). Reading may go on beside a server. Errors: internal when it cannot be opened or is not
/// ours, denied when the key is another one.
result<storage_check> find_damage(const std::string& url, damaged_records what,
                                  const secret_ptr& master_key = nullptr);

enum class data_key_choice : uint8_t { keep, make_new };

struct storage_resealing {
  int64_t records = 0;               // looked at, with what hangs on them
  int64_t sealed = 0, opened = 0;    // of these, what was not as it is now
  int64_t made = 0, dropped = 0;     // data keys
  std::vector<std::string> faults{}; // what does not open stays as it is; one sentence each
};

/// Makes every document what `encryption` says: sealed with its tenant's newest data key (a new
/// one, if asked for), or not sealed. Data keys that nothing needs any more are dropped, and the
/// file is written anew, so that nothing is left of what was there before. In small commits: when
/// it is interrupted, run it again. No server may use the storage meanwhile. Errors: denied as of
/// open_storage, internal (also when somebody reads what was there before, or the disk is full).
result<storage_resealing>
reseal_storage(const std::string& url, const storage_encryption& encryption, data_key_choice keys);

/// Wraps every data key with another master key, in one commit: after it only that one opens the
/// storage. Data keys that the old one does not open stay as they are; they are answered, a
/// sentence each. No server may use it meanwhile. Errors: denied when `old_key` is not the present
/// one, internal (nothing is sealed there).
result<std::vector<std::string>>
rotate_storage_key(const std::string& url, const secret_ptr& old_key, const secret_ptr& new_key);

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
