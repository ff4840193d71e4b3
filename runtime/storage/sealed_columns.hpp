// Sealed bytes as three columns of a row, and the row that tells a master key from another.
#pragma once

#include "runtime/base/envelope.hpp"
#include "runtime/storage/sqlite_connection.hpp"

#include <string>
#include <string_view>

namespace behalf {

// Three columns from `first` on, here and below.
inline sealed_bytes read_sealed(const sqlite_statement& row, int first) {
  return {std::string(row.text(first)), std::string(row.text(first + 1)),
          std::string(row.text(first + 2))};
}

inline sqlite_statement& bind_sealed(sqlite_statement& s, int first, const sealed_bytes& b) {
  return s.bind_blob(first, b.nonce).bind_blob(first + 1, b.ciphertext).bind_blob(first + 2, b.tag);
}

enum class master_key_verdict : uint8_t { none_yet, the_one, another };

/// What the table `master_check` says of a key. `what` names whose keys it wraps.
result<master_key_verdict> judge_master_key(sqlite_connection& db, const secret& master,
                                            std::string_view what);
/// From now on this is the one.
result<void> write_master_check(sqlite_connection& db, const secret& master, std::string_view what);

} // namespace behalf
