// How a record becomes a row and back: each kind's table, its columns, and the SQL they imply.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/storage/query.hpp"
#include "runtime/storage/sealing.hpp"
#include "runtime/storage/sqlite_connection.hpp"

#include <span>
#include <string>

namespace behalf {

/// One column and the part of a record it holds.
struct sqlite_column {
  std::string_view name;
  void (*bind)(sqlite_statement&, int at, const record&);
  void (*read)(const sqlite_statement&, int column, record&);
};

/// One kind's table. `columns` excludes revision, metadata and doc, which every table has.
struct sqlite_table {
  kind type;
  std::string name;
  std::span<const sqlite_column> columns;
  std::string key;        // "tenant=?1 AND id=?2 …" in the order of bind_key
  std::string term_table; // empty: not searched by metadata
  sort_key filed_by = {}; // the time in term_table's `at`
  bool expires = false;
  bool owned = false; // with its owner in a column that is only written

  // Statements, made once. Those by key and by seq answer seq, revision, columns…, metadata[, doc].
  // With a checkpoint's doc come the ends of its tasks, as one list or null.
  // A long document costs time as soon as it is a column, read or not: hence those without.
  std::string find;      // by key, with doc
  std::string find_head; // by key
  std::string head;      // by seq
  std::string doc;       // by seq: the document alone
  std::string insert;    // of runs and what is `owned`, with the owner as the last parameter
  std::string update, remove;
  std::string file, unfile; // (term, at, seq) in term_table

  int first_column() const { return 2; }
  int metadata_column() const { return 2 + static_cast<int>(columns.size()); }
};

const sqlite_table& table_of(kind k);

/// Binds what `key` names.
void bind_key(sqlite_statement& s, const record_key& key);

/// Binds all of `insert` and `update`; the texts must outlive the use.
void bind_record(sqlite_statement& s, const sqlite_table& t, const record& r, int64_t revision,
                 const stored_text& metadata, const stored_text& doc);

/// What to write of a record's metadata and of its document. Error: internal.
result<stored_text> pack_metadata(const record& r, sealing& seals);
result<stored_text> pack_doc(const record& r, sealing& seals);

/// Reads a row up to and including `metadata`. Error: internal, of the kind unreadable_record, when
/// the stored text is no JSON object.
result<record> read_head(const sqlite_statement& row, const sqlite_table& t, sealing& seals);
/// The same without `metadata`, whatever that is.
record bare_row(const sqlite_statement& row, const sqlite_table& t);

/// Claims, beside what `room` has already, what a stored text of some length will take while it is
/// parsed, shown and written: at most half of the budget in all, as a long record must be readable
/// by who is alone. Null: nothing. Errors: as `claim`.
result<void> claim_room(fair_budget::share* room, std::string_view stored);

/// `column`: of the document; a checkpoint's ends of tasks are behind it. Answers their bytes as
/// text. Errors: as of read_head; as `claim_room`, when there is no room for them.
result<std::size_t> read_doc(const sqlite_statement& row, int column, record& into, sealing& seals,
                             fair_budget::share* room = nullptr);

/// Column of a sort key, or empty when the kind has no such column.
std::string_view sort_column(const sqlite_table& t, sort_key by);

/// The time under which a record's terms are filed.
int64_t filed_at(const sqlite_table& t, const record& r);

/// "AND …" with the time now as parameter `now_at`: what has not expired. Empty for kinds that
/// never do.
std::string still_there(const sqlite_table& t, std::string_view alias, int now_at);

} // namespace behalf
