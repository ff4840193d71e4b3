#include "runtime/storage/sqlite_connection.hpp"

#include "runtime/storage/records.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace behalf {
namespace {

constexpr std::size_t max_prepared = 200;
constexpr int instructions_per_check = 2000; // of SQLite's machine: well under a millisecond

std::string system_reason(int number) {
  return std::string(": ") + std::strerror(number);
}

// Without this every allocation of every connection takes one lock, only to keep statistics.
void configure_once() {
  static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)done;
}

// SQLite takes the log of a file that is not there for a leftover and deletes it.
result<void> refuse_log_alone(const std::string& path) {
  std::error_code ec;
  auto real = std::filesystem::weakly_canonical(path, ec).string();
  auto size = [&](const std::string& file) {
    auto bytes = std::filesystem::file_size(file, ec);
    return ec ? 0 : bytes;
  };
  auto log = real + "-wal";
  if (size(real) > 0 || size(log) == 0)
    return {};
  return fail(errc::internal, path + ": is missing or empty, but " + log
                                + " beside it has records that belong to it: put the database "
                                  "back under its name (or remove that file to begin anew)");
}

// O_EXCL: opening and closing a file SQLite already has open would drop its locks (POSIX).
result<void> create_private(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    ::close(fd);
  else if (errno != EEXIST)
    return fail(errc::internal, path + ": cannot create the database" + system_reason(errno));
  return {};
}

// Also a quota, and the limit on the size of a file. What SQLite keeps as the system's error may be
// of a later call, so the files are asked: the database and its log.
bool is_full(int code, sqlite3* db) {
  if ((code & 0xff) == SQLITE_FULL)
    return true;
  if (code != SQLITE_IOERR_WRITE && code != SQLITE_IOERR_FSYNC && code != SQLITE_IOERR_TRUNCATE
      && code != SQLITE_IOERR_SHMSIZE)
    return false;
  int of_database = 0, of_log = 0;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &of_database);
  sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log && log->pMethods)
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &of_log);
  for (auto number : {of_database, of_log, sqlite3_system_errno(db)})
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
      return true;
  return false;
}

std::string reason(int code, sqlite3* db) {
  switch (code & 0xff) {
  case SQLITE_NOTADB:
    return "not a database";
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "locked by another process";
  case SQLITE_CORRUPT:
    return "the database is damaged; see: behalf storage check";
  case SQLITE_READONLY:
    return "the database or its folder is not writable for this user";
  case SQLITE_CANTOPEN:
    return "cannot open the database" + system_reason(sqlite3_system_errno(db));
  case SQLITE_IOERR:
    return "input/output error" + system_reason(sqlite3_system_errno(db));
  case SQLITE_INTERRUPT:
    return "the search took too long";
  case SQLITE_NOMEM:
    return "out of memory";
  default:
    return sqlite3_errmsg(db);
  }
}

errc category(int code) {
  if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
    return errc::not_found;
  switch (code & 0xff) {
  case SQLITE_CONSTRAINT:
    return errc::conflict;
  case SQLITE_BUSY:
    return errc::overloaded;
  case SQLITE_INTERRUPT:
    return errc::timeout;
  default:
    return errc::internal;
  }
}

} // namespace

sqlite_statement::~sqlite_statement() {
  if (!slot_)
    return;
  reset();
  slot_->in_use = false;
}

void sqlite_statement::reset() {
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

// A null pointer would bind NULL, hence the literal.
sqlite_statement& sqlite_statement::bind(int at, std::string_view text) {
  sqlite3_bind_text64(stmt_, at, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

sqlite_statement& sqlite_statement::bind(int at, int64_t number) {
  sqlite3_bind_int64(stmt_, at, number);
  return *this;
}

sqlite_statement& sqlite_statement::bind_null(int at) {
  sqlite3_bind_null(stmt_, at);
  return *this;
}

sqlite_statement& sqlite_statement::bind_blob(int at, std::string_view bytes) {
  sqlite3_bind_blob64(stmt_, at, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
  return *this;
}

sqlite_statement& sqlite_statement::bind_from(const sqlite_statement& row, int column, int at) {
  sqlite3_bind_value(stmt_, at, sqlite3_column_value(row.stmt_, column));
  return *this;
}

result<bool> sqlite_statement::step() {
  auto code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  return db_->explain(code);
}

result<void> sqlite_statement::run() {
  auto stepped = step();
  if (!stepped)
    return stepped.error();
  return {};
}

std::string_view sqlite_statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(stmt_, column));
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
  return bytes ? std::string_view{bytes, size} : std::string_view{};
}

result<std::unique_ptr<sqlite_connection>> sqlite_connection::open(const std::string& path,
                                                                   access how) {
  configure_once();
  const bool by_uri = path.starts_with("file:");
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (by_uri ? SQLITE_OPEN_URI : 0);
  if (how == access::read_write_create) {
    if (auto ok = by_uri ? result<void>{} : refuse_log_alone(path); !ok)
      return ok.error();
    if (auto created = by_uri ? result<void>{} : create_private(path); !created)
      return created.error();
    flags |= SQLITE_OPEN_READWRITE | (by_uri ? SQLITE_OPEN_CREATE : 0);
  } else {
    flags |= how == access::read_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  }
  sqlite3* native = nullptr;
  auto code = sqlite3_open_v2(path.c_str(), &native, flags, nullptr);
  std::unique_ptr<sqlite_connection> db{new sqlite_connection(path, native)};
  if (code != SQLITE_OK)
    return db->explain(code);
  sqlite3_busy_timeout(native, busy_timeout_ms);
  sqlite3_db_config(native, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(native, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  auto set = db->execute("PRAGMA foreign_keys=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY");
  if (!set)
    return set.error();
  return db;
}

sqlite_connection::~sqlite_connection() {
  for (auto& [text, prepared] : cache_)
    sqlite3_finalize(prepared.stmt);
  sqlite3_close_v2(db_);
}

result<void> sqlite_connection::execute(const std::string& sql) {
  auto code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return explain(code);
  return {};
}

result<sqlite_statement> sqlite_connection::prepare(std::string_view sql) {
  auto known = cache_.find(sql);
  if (known == cache_.end()) {
    if (cache_.size() >= max_prepared)
      std::erase_if(cache_, [](auto& entry) {
        return !entry.second.in_use && sqlite3_finalize(entry.second.stmt) == SQLITE_OK;
      });
    sqlite3_stmt* stmt = nullptr;
    auto code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                   SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    if (code != SQLITE_OK)
      return explain(code);
    known = cache_.emplace(std::string(sql), sqlite_prepared{stmt}).first;
  }
  if (known->second.in_use)
    return fail(errc::internal, path_ + ": a statement was used while it was running");
  return sqlite_statement{*this, known->second};
}

result<void> sqlite_connection::run(std::string_view sql) {
  auto use = prepare(sql);
  if (!use)
    return use.error();
  return use->run();
}

result<int64_t> sqlite_connection::number(std::string_view sql) {
  auto use = prepare(sql);
  if (!use)
    return use.error();
  auto row = use->step();
  if (!row)
    return row.error();
  return *row ? use->number(0) : 0;
}

void sqlite_connection::set_deadline(deadline by) {
  deadline_ = by;
  auto late = [](void* self) -> int {
    return std::chrono::steady_clock::now() > static_cast<sqlite_connection*>(self)->deadline_;
  };
  if (by == deadline::max())
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  else
    sqlite3_progress_handler(db_, instructions_per_check, late, this);
}

// SQLite opens such a file only for who says that they repair it, which the guard forbids.
void sqlite_connection::allow_missing_pages() {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, nullptr);
}

error sqlite_connection::explain(int code) const {
  // What is not internal clients are told too: no path.
  if (is_full(code, db_))
    return disk_full("the server's disk is full; nothing was changed");
  auto kind = category(code);
  auto why =
    fail(kind, kind == errc::internal ? path_ + ": " + reason(code, db_) : reason(code, db_));
  if ((code & 0xff) == SQLITE_CORRUPT)
    why.kind = storage_damaged;
  return why;
}

} // namespace behalf
