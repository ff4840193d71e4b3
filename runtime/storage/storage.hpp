// Where everything durable lives: reading, and writing in groups that one fsync makes durable.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/storage/records.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct query;
struct record_scan;
struct scan_part;
struct slice_limits;
struct thread_sizes;
struct usage_question;
struct usage_row;
class vector_rows;
struct write_batch;

struct page {
  std::vector<record> rows;
  bool more = false; // there are matches after these
};

/// Runs are held by the process that executes them, as long as its lease lasts, and by nobody when
/// it has expired or was never given. One lease per process stands for all its runs. What expires
/// is judged by the storage's clock; a process whose lease has expired keeps its runs until
/// somebody takes them, so that a clock that jumps takes nothing from the only server.
inline constexpr std::chrono::seconds lease_time{30}, lease_renewal{10};

/// One connection that only reads; for one thread at a time. Sees everything that was flushed
/// before the call began. Errors: internal (the sentence names the file and the reason), timeout.
/// A record that cannot be read is passed over by what looks for several and reported in the log;
/// asking for it by its key is `unreadable_record`.
class storage_reader {
public:
  virtual ~storage_reader() = default;

  /// `room` (may be null): what a long record takes is claimed first, added to what is claimed
  /// already. Errors then also: too_many, overloaded.
  virtual result<std::optional<record>> get(const record_key& key,
                                            fair_budget::share* room = nullptr) = 0;
  /// Without its document, however long that is.
  virtual result<std::optional<record>> get_head(const record_key& key) = 0;

  /// The next slice of a search or count: one short read. Errors: invalid_argument when it reached
  /// its bounds, timeout after `what.by`.
  virtual result<scan_part> go_on(record_scan& s, const slice_limits& limits) = 0;
  /// All slices in one go: for who may block.
  virtual result<page> search(const query& q) = 0;
  /// How many match, whatever `limit` and `offset` say.
  virtual result<int64_t> count(const query& q) = 0;

  /// The first namespace of a tenant's items that is not less than `from`, both as encode_namespace
  /// writes them; nullopt when there is none. Its items may have expired.
  virtual result<std::optional<std::string>> next_namespace(const std::string& tenant,
                                                            const std::string& from) = 0;

  /// Crons of every tenant that are enabled and fire again, those that fire first before others;
  /// without metadata and documents. `after` is the last one of the previous page, or null.
  virtual result<std::vector<record>> next_crons(const record* after, int64_t limit) = 0;

  /// What chat models were asked and cost. By day in order of days, by anything else the dearest
  /// first; of the keys that are added up over nothing is said.
  virtual result<std::vector<usage_row>> usage(const usage_question& q) = 0;

  /// The vectors of items, on this connection.
  virtual vector_rows& vectors() = 0;

  /// From the nearest full checkpoint up to the one named, in the order to apply them; the latest
  /// one's chain when `checkpoint_id` is empty. Empty when there is no such checkpoint.
  /// Error: internal when the chain has a hole or one of them, the latest too, cannot be read.
  /// `room`: as of `get`.
  virtual result<std::vector<record>>
  checkpoint_chain(const std::string& tenant, const std::string& thread_id, const std::string& ns,
                   const std::string& checkpoint_id, fair_budget::share* room = nullptr) = 0;

  /// The greatest id among a thread's checkpoints in `ns` (nullopt: in all), erased ones that
  /// others need included; empty when there is none.
  virtual result<std::string> newest_checkpoint(const std::string& tenant,
                                                const std::string& thread_id,
                                                const std::optional<std::string>& ns) = 0;

  /// Measures on, behind the checkpoint measured last: erased ones that others need, too. One
  /// slice, of at most 256 checkpoints.
  virtual result<void> measure(const std::string& tenant, const std::string& thread_id,
                               thread_sizes& so_far, const slice_limits& limits) = 0;

  /// Runs of every tenant that are pending or running and held by this process, oldest first: what
  /// to go on with after a restart. `after` is the last one of the previous page, or null. Of one
  /// that is pending and not due yet `doc` holds the `principal` alone. One that cannot be read is
  /// no error: it comes without metadata and doc, and what is stored as `doc_text`.
  virtual result<std::vector<record>> unfinished_runs(const record* after, int64_t limit) = 0;
  /// One of them, whole.
  virtual result<std::optional<record>> unfinished_run(const record_key& key) = 0;

  /// Calls to webhooks that are still to be made, of every tenant, without their documents; by
  /// tenant and id. `after` is the last one of the previous page, or null.
  virtual result<std::vector<record>> webhook_calls(const record* after, int64_t limit) = 0;
};

/// The one writer of a database, for one thread at a time:
///   begin, apply…, flush: then, and only then, may any of the applies be acknowledged.
/// Reads through the writer also see what is not flushed yet.
class storage_engine : public virtual storage_reader {
public:
  /// Opens a group. Error: internal (disk full, I/O).
  virtual result<void> begin() = 0;

  /// Adds one unit to the group. A refused one leaves no trace and the group goes on.
  /// Errors: conflict (a revision is not as expected; what a checkpoint builds upon is not there),
  /// not_found (the thread of a run or checkpoint is gone), invalid_argument (more than 256 scalars
  /// at the top of `metadata`), storage_full.
  virtual result<void> apply(const write_batch& c) = 0;

  /// Whether no other process can use the database while this one does: a lock that the system
  /// releases with the process says so. Then this process holds every run from the moment it opens
  /// the database, however the last one ended, and its lease never expires.
  virtual bool exclusive() const = 0;

  /// Adds a new lease for what this process holds. Whether `flush` makes it durable also tells
  /// whether anything can be written.
  virtual result<void> renew() = 0;

  /// Takes at most `max_runs` unfinished runs that nobody holds; returns how many. What who held
  /// one before still writes for it is refused.
  virtual result<int64_t> take_runs(int64_t max_runs) = 0;

  /// Makes the whole group durable. After an error nothing of the group is there: storage_full when
  /// there is no room, else internal.
  virtual result<void> flush() = 0;

  /// Adds to the group the removal of at most `max_rows` rows that have outlived their time, of
  /// which a long one counts as several (bytes_of_a_row, and the last may be longer); returns how
  /// many went. Fewer than `max_rows`: nothing is left to do, and much freed space has been given
  /// back to the file system.
  virtual result<int64_t> sweep(int64_t max_rows) = 0;

  /// A reader for another thread. May outlive neither the file nor this object.
  virtual result<std::unique_ptr<storage_reader>> open_reader() = 0;
};

} // namespace behalf
