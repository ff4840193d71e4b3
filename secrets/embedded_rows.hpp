// How the embedded store's rows are asked for, bound and read.
#pragma once

#include "runtime/storage/sealed_columns.hpp"
#include "secrets/stored_credential.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

// Three columns from `first` on.
inline principal_key read_who(const sqlite_statement& row, int first) {
  return {std::string(row.text(first)), std::string(row.text(first + 1)),
          std::string(row.text(first + 2))};
}

inline sqlite_statement& bind_who(sqlite_statement& s, const principal_key& who) {
  return s.bind(1, who.tenant).bind(2, who.issuer).bind(3, who.subject);
}

/// `sql` with the user as its parameters 1 to 3. `who` must live as long as the statement.
inline result<sqlite_statement> prepare_for(sqlite_connection& db, const principal_key& who,
                                            std::string_view sql) {
  auto s = db.prepare(sql);
  if (s)
    bind_who(*s, who);
  return s;
}

/// The same with the service as parameter 4.
inline result<sqlite_statement> prepare_for(sqlite_connection& db, const credential_key& key,
                                            std::string_view sql) {
  auto s = prepare_for(db, key.who, sql);
  if (s)
    s->bind(4, key.service);
  return s;
}

/// The statement at its first row; empty when there is none.
inline result<std::optional<sqlite_statement>> first_row(result<sqlite_statement> s) {
  if (!s)
    return s.error();
  auto row = s->step();
  if (!row)
    return row.error();
  return *row ? std::optional<sqlite_statement>{std::move(*s)} : std::nullopt;
}

/// What `read` makes of each row.
template <class Read>
auto all_rows(result<sqlite_statement> s, Read read)
  -> result<std::vector<decltype(read(std::as_const(*s)))>> {
  if (!s)
    return s.error();
  std::vector<decltype(read(std::as_const(*s)))> all;
  auto seen = s->each_row([&](const auto& row) { all.push_back(read(row)); });
  if (!seen)
    return seen.error();
  return all;
}

/// Runs a statement without rows.
inline result<void> run(result<sqlite_statement> s) {
  return s ? s->run() : s.error();
}

} // namespace behalf
