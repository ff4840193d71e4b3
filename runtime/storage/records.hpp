// The one record type for everything durable, its kinds and its keys.
#pragma once

#include "behalf/time.hpp"
#include "runtime/base/json.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

enum class kind : uint8_t {
  assistant,
  thread,
  run,
  checkpoint,
  item,
  assistant_version,
  cron,
  webhook_call
};

inline constexpr std::array all_kinds{kind::assistant,  kind::thread,      kind::run,
                                      kind::checkpoint, kind::item,        kind::assistant_version,
                                      kind::cron,       kind::webhook_call};

/// `kind` of the error that says a stored record is damaged.
inline constexpr std::string_view unreadable_record = "UnreadableRecord";

/// A disk without room for what was to be written: overloaded, of the kind storage_full, with
/// Retry-After. The sentence is for clients too: it names no path.
inline constexpr std::string_view storage_full = "StorageFullError";
error disk_full(std::string what);

/// `kind` of the error that says a page of the database is damaged.
inline constexpr std::string_view storage_damaged = "StorageDamagedError";

/// `kind` of the conflict that says that another process has taken a run over, or ended it.
inline constexpr std::string_view run_taken = "RunTakenError";

/// `kind`s of the conflicts of `write_batch::quiet_thread`.
inline constexpr std::string_view thread_busy = "ThreadBusyError";
inline constexpr std::string_view state_moved = "StateMovedError";

/// "assistant", "thread", …: for messages and table names.
std::string_view kind_text(kind k);

/// Whether an id names a record only together with its `parent`.
bool named_within_parent(kind k);

/// What names one record within the whole storage. Assistants, threads, runs and crons need tenant
/// and id; a checkpoint also its thread (`parent`) and `ns`; an item its namespace (`parent`); a
/// version its assistant (`parent`).
struct record_key {
  kind type = kind::thread;
  std::string tenant, id;
  std::string parent = {};
  std::string ns = {};
};

/// When a thread or item ends by itself. An expired record is not found by any read; `sweep`
/// frees its space later. A busy thread does not expire.
struct expiry {
  time_point at;
  std::chrono::milliseconds ttl{0}; // what a refresh adds to the time of the refresh
  bool keep_latest = false; // threads: only the checkpoints before the latest go, nothing hides
};

/// One durable thing. Which fields a kind keeps is said beside them; the others are not stored.
/// The key and `created_at` are fixed by the first put.
struct record {
  kind type = kind::thread;
  std::string tenant;
  std::string id;     // assistant, thread, run, checkpoint or cron id (UUID text); an item's key; a
                      // version's number, with leading zeros
  std::string parent; // run, checkpoint: thread id. item: encode_namespace(labels). version:
                      // assistant id. cron: the thread it runs on, or empty
  std::string status; // thread: idle, busy, interrupted, error; run: pending, running, …; cron:
                      // enabled, disabled
  json::object metadata; // of all but items. Searched by containment
  json::object doc;      // everything else; an item's value
  std::string doc_text;  // to write instead of `doc`, as JSON text; reads leave it empty, but for
                         // unfinished runs whose `doc` cannot be read
  int64_t revision = 0;  // set by the storage: 1 when created, one more with every put
  time_point created_at{}, updated_at{};
  time_point state_updated_at{}; // thread
  std::string name;              // assistant
  std::string graph_id;          // assistant
  std::optional<expiry> expires; // thread, item
  bool listed = true;            // thread: false is found by its id, by no search
  std::string ns;                // checkpoint: "" is the root graph
  std::string parent_checkpoint; // checkpoint: the id it follows in the same ns; "" for the first
  std::string run_id;            // checkpoint: the run that wrote it; "" for an update by hand
  bool full = true;              // checkpoint: `doc` stands alone; else it adds to its parent's
  json::array task_ends; // checkpoint: what write_batch::task_end put beside it; `put` ignores it
  std::string assistant_id; // cron
  std::string owner; // assistant, thread, item, cron: principal_key::text() of who made it, whose
                     // quota it counts for; empty: nobody's. Only crons are read with it
  std::optional<time_point> next_at; // cron: when it fires; none: never again
  std::optional<time_point> ends_at; // cron: it fires no later
  std::string refusal; // cron: why it did not run when it fired last, as JSON text; empty: it did
  int64_t fence = 1;   // unfinished runs: set by the storage, one more with every take-over

  record_key key() const { return {type, tenant, id, parent, ns}; }
};

/// Of an item, what filters look at: its namespace, its key and the fields of its value.
json::object item_fields(const record& item);

/// A store namespace as text that sorts and matches by prefix: every label is ended by \x1f, so
/// that ["a"] is a prefix of ["a","b"] and not of ["ab"]. An empty list gives "".
/// Error: invalid_argument when a label is empty or contains \x1f or a NUL.
result<std::string> encode_namespace(const std::vector<std::string>& labels);
std::vector<std::string> decode_namespace(std::string_view encoded);

} // namespace behalf
