// What is read from the storage and written to it.
#pragma once

#include "actors/caf.hpp"
#include "behalf/principal.hpp"
#include "runtime/storage/storage.hpp"

#include <memory>
#include <string>
#include <vector>

namespace behalf {

struct get_record {
  enum class part : uint8_t { whole, head }; // head: without its document
  record_key which;
  part what = part::whole;
  fair_budget::share_ptr room = nullptr; // of who asks: counts what a long one takes
};
struct found_record {
  std::shared_ptr<const record> row; // null: there is none
};
/// The checkpoints from the nearest full one up to the one named, or up to the head.
struct read_checkpoints {
  std::string thread_id, ns, checkpoint_id;
  principal_key who;                     // whose turn it takes; the thread is of its tenant
  fair_budget::share_ptr room = nullptr; // as of get_record
};
struct found_checkpoints {
  std::vector<record> rows;
  std::string newest; // the greatest id on the thread, asked for when one was named
};
/// The next slice of a search, for `who`. The asker holds the search meanwhile and leaves it alone
/// until the answer is there; a search nobody holds any more is dropped.
struct scan_on {
  std::shared_ptr<record_scan> search;
  principal_key who;
};
/// A run that waits in the storage, to go on with. What cannot be read comes as `doc_text`.
struct load_run {
  std::string tenant, run_id;
};

/// Durable when answered. Error: conflict when a revision is not as expected.
struct write_records {
  write_batch what;
  principal_key who = {}; // whose turn it takes; nobody: the server itself
};
struct written {};
/// Deletes what has outlived its time to live, a bounded batch at a time.
struct sweep_expired {};
/// Can anything be written? Tried with a write of its own, at most once a second. Errors as of
/// write_records.
struct check_storage {};
/// The writer's note to itself, where other processes use the storage too: this one's lease on its
/// runs is to last on.
struct renew_lease {};

} // namespace behalf

BEHALF_MESSAGE(behalf::get_record)
BEHALF_MESSAGE(behalf::found_record)
BEHALF_MESSAGE(behalf::read_checkpoints)
BEHALF_MESSAGE(behalf::found_checkpoints)
BEHALF_MESSAGE(behalf::load_run)
BEHALF_MESSAGE(behalf::scan_on)
BEHALF_MESSAGE(behalf::write_records)
BEHALF_MESSAGE(behalf::written)
BEHALF_MESSAGE(behalf::sweep_expired)
BEHALF_MESSAGE(behalf::check_storage)
BEHALF_MESSAGE(behalf::renew_lease)
BEHALF_MESSAGE(behalf::scan_part)
