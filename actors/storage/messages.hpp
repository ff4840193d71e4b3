// Reads and writes of the storage, as messages.
#pragma once

#include "actors/caf.hpp"
#include "behalf/principal.hpp"
#include "runtime/storage/write_batch.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

class storage_reader;
class vector_index;

/// A read, called on the reader's thread; it keeps its result. Sent by `read` and `read_in_turn`
/// (reads.hpp).
struct read_storage {
  std::function<result<void>(storage_reader&)> what;
};
struct read_done {};

/// A read of more than one record, which waits for its turn.
struct queue_read {
  read_storage read;
  principal_key who;                 // whose turn it takes
  int64_t cost = 1;                  // about how many milliseconds of a reader
  std::function<bool()> wanted = {}; // called when its turn has come; null: always wanted
};

/// Answered when durable. Error: conflict when a revision is not as expected.
struct write_records {
  write_batch what;
  principal_key who = {}; // whose turn it takes; empty: the server's
};
struct written {};
/// Deletes expired rows, a bounded batch at a time.
struct sweep_expired {};
/// Whether the storage can be written, found out by a write at most once a second. Errors as of
/// write_records.
struct check_storage {};
/// The writer's timer: renews this process's lease on its runs, when processes share the storage.
struct renew_lease {};

/// An item was stored that is to be embedded. Answered when its vectors are stored, or when whoever
/// put it should not wait longer: it is embedded later then, and lost by no crash.
struct embed_item {
  record_key item;
};
struct item_embedded {};
/// The vector of a query. Errors: overloaded with Retry-After while the endpoint does not answer,
/// invalid_argument when it refuses the text.
struct embed_query {
  std::string text;
};
struct query_vector {
  std::vector<float> of;
};
/// Adds to the index's graph what is missing there.
struct build_graph {
  std::weak_ptr<vector_index> index;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::read_storage)
BEHALF_MESSAGE(behalf::read_done)
BEHALF_MESSAGE(behalf::queue_read)
BEHALF_MESSAGE(behalf::write_records)
BEHALF_MESSAGE(behalf::written)
BEHALF_MESSAGE(behalf::sweep_expired)
BEHALF_MESSAGE(behalf::check_storage)
BEHALF_MESSAGE(behalf::renew_lease)
BEHALF_MESSAGE(behalf::embed_item)
BEHALF_MESSAGE(behalf::item_embedded)
BEHALF_MESSAGE(behalf::embed_query)
BEHALF_MESSAGE(behalf::query_vector)
BEHALF_MESSAGE(behalf::build_graph)
