// How the embedded store's rows are bound and read.
#pragma once

#include "runtime/store/sqlite_connection.hpp"
#include "secrets/envelope.hpp"

#include <string>

namespace behalf {

// Three columns from `first` on.
inline sealed_bytes read_sealed(const sqlite_statement& row, int first) {
  return {std::string(row.text(first)), std::string(row.text(first + 1)),
          std::string(row.text(first + 2))};
}

inline sqlite_statement& bind_sealed(sqlite_statement& s, int first, const sealed_bytes& b) {
  return s.bind_blob(first, b.nonce).bind_blob(first + 1, b.ciphertext).bind_blob(first + 2, b.tag);
}

inline sqlite_statement& bind_who(sqlite_statement& s, const principal_key& who) {
  return s.bind(1, who.tenant).bind(2, who.issuer).bind(3, who.subject);
}

} // namespace behalf
