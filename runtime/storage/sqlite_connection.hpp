// SQLite's C interface with lifetimes and errors: one connection, its prepared statements.
#pragma once

#include "behalf/error.hpp"
#include "behalf/time.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace behalf {

class sqlite_connection;

/// A statement the connection keeps prepared.
struct sqlite_prepared {
  sqlite3_stmt* stmt = nullptr;
  bool in_use = false;
};

/// One use of a prepared statement: bind, step, read; reset when it ends. Positions of parameters
/// count from 1, of columns from 0. Text bound is not copied: it must live until the use ends.
class sqlite_statement {
public:
  sqlite_statement(sqlite_connection& db, sqlite_prepared& slot)
    : db_(&db), slot_(&slot), stmt_(slot.stmt) {
    slot.in_use = true;
  }
  sqlite_statement(sqlite_statement&& other) noexcept
    : db_(other.db_), slot_(std::exchange(other.slot_, nullptr)), stmt_(other.stmt_) {}
  sqlite_statement& operator=(sqlite_statement&&) = delete;
  ~sqlite_statement();

  sqlite_statement& bind(int at, std::string_view text);
  sqlite_statement& bind(int at, int64_t number);
  sqlite_statement& bind_null(int at);
  sqlite_statement& bind_blob(int at, std::string_view bytes);
  /// What stands in a row of another statement, of whatever type.
  sqlite_statement& bind_from(const sqlite_statement& row, int column, int at);

  /// True: there is a row to read. False: done.
  result<bool> step();
  /// Calls `each` with this for the rows there are, until it answers false or an error; one that
  /// answers nothing sees all. True: it has seen them all.
  template <class Each>
  [[nodiscard]] result<bool> each_row(Each each) {
    for (;;) {
      auto row = step();
      if (!row || !*row)
        return row ? result<bool>{true} : row;
      if constexpr (std::is_void_v<std::invoke_result_t<Each&, sqlite_statement&>>)
        each(*this);
      else if (result<bool> more = each(*this); !more || !*more)
        return more;
    }
  }
  /// For statements without rows.
  result<void> run();
  /// Ready to be bound and stepped again.
  void reset();

  int columns() const { return sqlite3_column_count(stmt_); }
  int64_t number(int column) const { return sqlite3_column_int64(stmt_, column); }
  bool is_null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }
  bool is_text(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_TEXT; }
  bool is_blob(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_BLOB; }
  /// Text or blob; valid until the next step.
  std::string_view text(int column) const;

private:
  sqlite_connection* db_;
  sqlite_prepared* slot_;
  sqlite3_stmt* stmt_;
};

/// A connection to one file; for one thread at a time. Must not move while statements live.
class sqlite_connection {
public:
  enum class access : uint8_t { read_write_create, read_write, read_only };

  /// How long another process's lock is waited for.
  static constexpr int busy_timeout_ms = 5000;

  /// Opens with a busy timeout of 5 s, foreign keys on, no memory mapping, no trust in the schema.
  /// A file that is created gets mode 0600. `path` may be a URI (file:…). Errors: internal.
  static result<std::unique_ptr<sqlite_connection>> open(const std::string& path, access how);

  ~sqlite_connection();
  sqlite_connection(const sqlite_connection&) = delete;
  sqlite_connection& operator=(const sqlite_connection&) = delete;

  /// Runs one or more statements that answer nothing of interest.
  result<void> execute(const std::string& sql);

  /// A prepared statement, from the cache when the same text was prepared before. One use of the
  /// same text at a time: a second one is errc::internal.
  result<sqlite_statement> prepare(std::string_view sql);

  /// One statement without rows, prepared once.
  result<void> run(std::string_view sql);

  /// The first column of the first row as a number; 0 when there is no row.
  result<int64_t> number(std::string_view sql);

  /// Rows changed by the last statement.
  int64_t changes() const { return sqlite3_changes64(db_); }
  /// `seq` of the row inserted last.
  int64_t last_row() const { return sqlite3_last_insert_rowid(db_); }
  /// False once SQLite has rolled the transaction back by itself (disk full, I/O error).
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  /// Whether what failed last met damaged pages.
  bool met_damage() const { return (sqlite3_errcode(db_) & 0xff) == SQLITE_CORRUPT; }
  const std::string& path() const { return path_; }
  sqlite3* native() { return db_; }

  /// Also reads a file that ends before its last page: what is there of it.
  void allow_missing_pages();

  /// Until it ends, the schema's own texts may be changed: for steps from one format to the next.
  class open_schema {
  public:
    explicit open_schema(sqlite_connection& db) : db_(&db) {
      sqlite3_db_config(db_->db_, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    }
    open_schema(const open_schema&) = delete;
    ~open_schema() { sqlite3_db_config(db_->db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr); }

  private:
    sqlite_connection* db_;
  };

  /// From now on statements still running at `by` end with errc::timeout.
  void set_deadline(deadline by);

  /// What a result code means here, in words; internal ones name the file. Error codes: conflict
  /// for a uniqueness violation, not_found for a foreign key, timeout, overloaded when locked by
  /// another process, else internal.
  error explain(int code) const;

private:
  sqlite_connection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}

  std::string path_;
  sqlite3* db_;
  deadline deadline_ = deadline::max();
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_map<std::string, sqlite_prepared, text_hash, std::equal_to<>> cache_;
};

} // namespace behalf
