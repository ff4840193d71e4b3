// What is read from the storage and written to it.
#pragma once

#include "actors/caf.hpp"
#include "behalf/principal.hpp"
#include "runtime/storage/write_batch.hpp"

#include <cstdint>
#include <functional>

namespace behalf {

class storage_reader;

/// What to read, on the reader's own thread. It keeps what it found: asked through `read` and
/// `read_in_turn` (reads.hpp).
struct read_storage {
  std::function<result<void>(storage_reader&)> what;
};
struct read_done {};

/// The same for what takes longer than one record.
struct queue_read {
  read_storage read;
  principal_key who;                 // whose turn it takes
  int64_t cost = 1;                  // milliseconds of a reader, about
  std::function<bool()> wanted = {}; // null: it is; else asked when the turn has come
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

BEHALF_MESSAGE(behalf::read_storage)
BEHALF_MESSAGE(behalf::read_done)
BEHALF_MESSAGE(behalf::queue_read)
BEHALF_MESSAGE(behalf::write_records)
BEHALF_MESSAGE(behalf::written)
BEHALF_MESSAGE(behalf::sweep_expired)
BEHALF_MESSAGE(behalf::check_storage)
BEHALF_MESSAGE(behalf::renew_lease)
