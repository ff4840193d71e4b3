// The vectors of items, as they are stored: what semantic search reads.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/storage/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// One vector of an item, of length 1. Ids only grow: what is new is behind what was read.
struct stored_vector {
  int64_t id = 0, item = 0; // `item`: its number, which no two of them share
  std::string ns, key;      // of the item
  std::vector<float> of;
};

/// An item whose vectors are not those of its value.
struct unembedded_item {
  int64_t number;
  std::string owner; // who put it
  record row;
};

/// Up to where items have had their turn.
struct embedding_turn {
  std::string owner;
  int64_t number = 0;
};

/// The item a vector belongs to.
struct item_of_vector {
  int64_t item;
  record row;
};

/// Vectors that went with their items or were replaced, in the order they did.
struct gone_vectors {
  std::vector<int64_t> ids;
  int64_t last = 0; // ask for those after it next
};

/// On one reading connection, as storage_reader is.
class vector_rows {
public:
  virtual ~vector_rows() = default;

  /// Those of the owners behind `after`, then from the first: of each in the order of their
  /// numbers, and as many as of the others. `limit` at most; one more than `bytes` of documents
  /// ends them.
  virtual result<std::vector<unembedded_item>> to_embed(const embedding_turn& after, int64_t limit,
                                                        std::size_t bytes) = 0;
  /// How many there are in all.
  virtual result<int64_t> count_to_embed() = 0;

  /// Of a tenant, in the order of their ids.
  virtual result<std::vector<stored_vector>> of_tenant(const std::string& tenant, int64_t after,
                                                       int64_t limit) = 0;
  /// Of a tenant's items below a namespace, in the order of namespace and key, behind the item of
  /// `after` (null: from the first). All vectors of an item, and so many items.
  virtual result<std::vector<stored_vector>> below(const std::string& tenant,
                                                   const std::string& prefix,
                                                   const stored_vector* after, int64_t items) = 0;

  /// Nullopt when too many have gone since `after` to know each: read all vectors again.
  virtual result<std::optional<gone_vectors>> gone(const std::string& tenant, int64_t after) = 0;
  /// Where to begin with what goes from now on.
  virtual result<int64_t> last_gone() = 0;

  /// The item, unless the vector is gone or the item has expired. `with_doc`: also its document,
  /// which is counted in `room` (may be null).
  virtual result<std::optional<item_of_vector>> item_of(int64_t vector, bool with_doc,
                                                        fair_budget::share* room) = 0;
};

} // namespace behalf
