// Documents as their rows have them: compressed, and where there is a key sealed, each by a data
// key of its tenant, which the master key wraps. Nobody above records and rows knows of it.
#pragma once

#include "runtime/base/lru_map.hpp"
#include "runtime/base/secret.hpp"
#include "runtime/storage/compression.hpp"
#include "runtime/storage/records.hpp"
#include "runtime/storage/sqlite_connection.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct storage_encryption;

/// What a sealed text belongs to: it opens in no other place. A checkpoint's is not bound to its
/// thread, so that a copy of a thread has the same rows.
struct sealed_place {
  std::string_view kind, tenant, space, id;
};

/// Of a record or its key, which must outlive the place.
template <class Named>
sealed_place place_of(const Named& r) {
  if (r.type == kind::checkpoint)
    return {kind_text(r.type), r.tenant, r.ns, r.id};
  return {kind_text(r.type), r.tenant,
          named_within_parent(r.type) ? std::string_view{r.parent} : std::string_view{}, r.id};
}
/// Of what hangs on a record: the end of a checkpoint's task, an item's vector.
template <class Named>
sealed_place place_beside(const Named& r, std::string_view what) {
  auto place = place_of(r);
  place.kind = what;
  return place;
}
inline constexpr std::string_view sealed_task_end = "task_end", sealed_vector = "item_vector",
                                  sealed_metadata = "checkpoint_metadata";

/// A text as its column has it.
struct stored_text {
  std::string bytes;
  bool sealed = false;

  void bind(sqlite_statement& s, int at) const {
    if (sealed || is_compressed(bytes))
      s.bind_blob(at, bytes);
    else
      s.bind(at, bytes);
  }
};

/// The data keys of one database, opened. Thread-safe: its connections share them.
class data_keys {
public:
  data_keys(secret_ptr master, bool seals) : master_(std::move(master)), seals_(seals) {}

  const secret& master() const { return *master_; }
  /// Whether what is written is sealed; what is sealed can be opened either way.
  bool seals() const { return seals_; }

  /// Null when it is to be read from its row.
  secret_ptr find(int64_t id);
  void keep(int64_t id, secret_ptr key);
  void forget(int64_t id);

private:
  const secret_ptr master_;
  const bool seals_;
  std::mutex guard_;
  lru_map<int64_t, secret_ptr> opened_{10'000};
};

/// Whether a master key was ever in use there, and something may be sealed still.
result<bool> is_sealed(sqlite_connection& db);

/// The keys of a database; null where nothing is sealed and nothing is to be. Errors: denied when
/// the master key is missing or another one, the sentence names the file.
result<std::shared_ptr<data_keys>> open_data_keys(sqlite_connection& db,
                                                  const storage_encryption& given);

/// The data keys that the master key does not open, a sentence each.
result<std::vector<std::string>> damaged_data_keys(sqlite_connection& db, const secret& master);

/// Wraps every data key anew, but for damaged ones: these it answers, as above, and they stay as
/// they are. In a transaction of the caller's. Error: internal.
result<std::vector<std::string>> rewrap_data_keys(sqlite_connection& db, const secret& old_master,
                                                  const secret& new_master);

/// Compresses, seals and opens on one connection.
class sealing {
public:
  /// `keys` may be null: then nothing is sealed, and nothing opens.
  sealing(sqlite_connection& db, std::shared_ptr<data_keys> keys)
    : db_(&db), keys_(std::move(keys)) {}

  /// What to write of a JSON text: compressed, then sealed. Error: internal.
  result<stored_text> pack(const sealed_place& place, std::string text) {
    return seal(place, compression_.compress(std::move(text)));
  }
  /// The text of a blob that `pack` made. Errors: internal, of the kind unreadable_record when the
  /// bytes are not what was written there.
  result<std::string> unpack(const sealed_place& place, std::string_view packed);

  /// A column's text, as it stands there or unpacked into `buffer`.
  result<std::string_view> text(const sqlite_statement& row, int column, const sealed_place& place,
                                std::string& buffer);

  /// Any bytes, sealed by the tenant's newest data key, which is made when there is none; as they
  /// are where nothing is to be sealed. Error: internal.
  result<stored_text> seal(const sealed_place& place, std::string bytes);
  /// Errors: as of `unpack`.
  result<std::string> open(const sealed_place& place, std::string_view sealed);

  /// The newest data key of a tenant, 0: there is none yet.
  result<int64_t> newest(const std::string& tenant);
  result<int64_t> make(const std::string& tenant);

  /// Keys are made within the writer's group: when that or a part of it was taken back, none of
  /// them may be used again unless its row is still there.
  void was_taken_back();
  void group_is_over() { made_.clear(); }

private:
  // Null when there is none that opens: then documents are damaged, not the whole database.
  result<secret_ptr> key(int64_t id, std::string_view tenant);

  sqlite_connection* db_;
  std::shared_ptr<data_keys> keys_;
  compression compression_;
  lru_map<std::string, int64_t> newest_{10'000}; // of the writer
  std::vector<int64_t> made_;                    // in this group
};

/// Which data key a sealed text was sealed with; 0: that is no sealed text.
int64_t data_key_of(std::string_view sealed);

} // namespace behalf
