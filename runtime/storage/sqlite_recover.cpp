// Saves what can be read of a database with damaged pages.
#include "runtime/storage/process_lock.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_schema.hpp"
#include "runtime/storage/sqlite_writes.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>

namespace behalf {
namespace {

using access = sqlite_connection::access;

// What others belong to comes first. Terms are filed anew; nobody holds a run of it.
constexpr std::array<std::string_view, 13> tables{
  "master_check", "data_key", "thread",     "assistant", "assistant_version",
  "run",          "cron",     "checkpoint", "task_end",  "item",
  "webhook_call", "usage",    "set_aside"};

// Has all of that table's columns.
constexpr std::string_view data_key_index = "data_key_by_tenant";

class recovery {
public:
  recovery(sqlite_connection& old, sqlite_connection& fresh) : old_(old), fresh_(fresh) {}

  result<storage_recovery> copy_all() {
    if (auto begun = fresh_.run("BEGIN IMMEDIATE"); !begun)
      return begun.error();
    for (auto table : tables)
      if (auto done = !fresh_has(table) ? result<void>{} : copy_table(std::string(table)); !done)
        return done.error();
    if (auto done = drop_what_hangs_in_the_air(); !done)
      return done.error();
    for (auto k : {kind::assistant, kind::thread, kind::cron})
      if (auto done = !fresh_has(kind_text(k)) ? result<void>{} : file(table_of(k)); !done)
        return done.error();
    if (auto done = fresh_.run("COMMIT"); !done)
      return done.error();
    return std::move(found_);
  }

private:
  // An old file's format may not know a table yet.
  bool fresh_has(std::string_view table) {
    return fresh_.prepare("SELECT 1 FROM " + std::string(table)).has_value();
  }

  // Numbers of rows, until the first damaged page that way. False: not to the end.
  bool collect(sqlite_connection& from, const std::string& sql, std::vector<int64_t>& into) {
    auto use = from.prepare(sql);
    if (!use)
      return false;
    return use->each_row([&](auto& row) { into.push_back(row.number(0)); }).has_value();
  }

  // A damaged table is walked from both ends; of the rows between, its index may know.
  std::vector<int64_t> rows_of(const std::string& table) {
    std::vector<int64_t> rows;
    auto walk = "SELECT rowid FROM " + table;
    if (!collect(old_, walk + " NOT INDEXED ORDER BY rowid", rows)) {
      damaged_ = true;
      collect(old_, walk + " NOT INDEXED ORDER BY rowid DESC", rows);
      const auto index =
        table == "data_key" ? std::string(data_key_index) : "sqlite_autoindex_" + table + "_1";
      collect(old_, walk + " INDEXED BY " + index, rows);
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  }

  result<void> copy_table(const std::string& table) {
    damaged_ = false;
    int64_t lost = 0;
    for (auto row : rows_of(table)) {
      auto copied = copy_row(table, row);
      if (!copied)
        return copied.error();
      ++(*copied ? found_.records : lost);
    }
    if (lost > 0 || damaged_)
      found_.faults.push_back("the table " + table
                              + " is damaged; records known to be lost: " + std::to_string(lost));
    return {};
  }

  // The statement stands on the row, where it can be read.
  std::optional<sqlite_statement> read_row(const std::string& table, int64_t row) {
    auto read = [&](const std::string& sql) -> std::optional<sqlite_statement> {
      auto use = old_.prepare(sql);
      if (!use)
        return std::nullopt;
      auto there = use->bind(1, row).step();
      return there && *there ? std::optional{std::move(*use)} : std::nullopt;
    };
    auto found = read("SELECT * FROM " + table + " WHERE rowid=?1");
    if (found || table != "data_key")
      return found;
    return read("SELECT id, tenant, created_at, nonce, ciphertext, tag FROM data_key INDEXED BY "
                + std::string(data_key_index) + " WHERE +id=?1");
  }

  // False: it cannot be read, or is not what such a row may be.
  result<bool> copy_row(const std::string& table, int64_t row) {
    auto read = read_row(table, row);
    if (!read)
      return false;
    std::string places;
    for (int column = 1; column <= read->columns(); ++column)
      places += (column > 1 ? ", ?" : "?") + std::to_string(column);
    auto write = fresh_.prepare("INSERT INTO " + table + " VALUES (" + places + ")");
    if (!write)
      return write.error();
    for (int column = 0; column < read->columns(); ++column)
      write->bind_from(*read, column, column + 1);
    auto done = write->run();
    if (!done && done.error().code != errc::conflict)
      return done.error();
    return done.has_value();
  }

  result<void> drop_what_hangs_in_the_air() {
    for (auto [table, owner] : {std::pair<std::string, std::string>{"run", "thread"},
                                {"checkpoint", "thread"},
                                {"cron", "thread"},
                                {"assistant_version", "assistant"}})
      if (fresh_has(table))
        if (auto done = drop(table, "DELETE FROM " + table
                                      + " WHERE parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
                                      + owner + " t WHERE t.tenant=" + table
                                      + ".tenant AND t.id=" + table + ".parent)");
            !done)
          return done.error();
    for (;;) { // what is dropped takes what builds upon it along
      auto gone = drop("checkpoint",
                       "DELETE FROM checkpoint AS c WHERE is_full=0 AND NOT EXISTS (SELECT 1 FROM "
                       "checkpoint p WHERE p.tenant=c.tenant AND p.parent=c.parent AND p.ns=c.ns "
                       "AND p.id=c.parent_checkpoint)");
      if (!gone)
        return gone.error();
      if (*gone == 0)
        break;
    }
    if (!fresh_has("task_end"))
      return {};
    auto gone = drop("task_end", "DELETE FROM task_end WHERE checkpoint_seq NOT IN (SELECT seq FROM"
                                 " checkpoint)");
    return gone ? result<void>{} : gone.error();
  }

  result<int64_t> drop(const std::string& table, const std::string& sql) {
    if (auto done = fresh_.run(sql); !done)
      return done.error();
    auto gone = fresh_.changes();
    found_.records -= gone;
    if (gone > 0)
      found_.faults.push_back(std::to_string(gone) + " rows of the table " + table
                              + " belong to what is lost");
    return gone;
  }

  // What cannot be filed is a damaged record: a check of the new file finds it.
  result<void> file(const sqlite_table& t) {
    sqlite_writes writes{fresh_, nullptr, now};
    std::vector<int64_t> rows;
    collect(fresh_, "SELECT rowid FROM " + t.name, rows);
    for (auto row : rows)
      if (auto done = writes.file_row(t, row); !done && done.error().kind != unreadable_record)
        return done;
    return {};
  }

  sqlite_connection& old_;
  sqlite_connection& fresh_;
  storage_recovery found_;
  bool damaged_ = false;
};

// In the old file's format, so that rows are copied as they are.
result<void> make_alike(sqlite_connection& old, const std::string& to) {
  auto format = old.number("PRAGMA user_version");
  if (!format)
    return format.error();
  auto known = sqlite_migrations();
  if (*format < 1 || *format > static_cast<int64_t>(known.size()))
    return fail(errc::internal, old.path() + ": of a format this program does not know");
  auto fresh = sqlite_connection::open(to, access::read_write_create);
  if (!fresh)
    return fresh.error();
  if (auto set = (*fresh)->execute("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL"); !set)
    return set;
  return migrate(**fresh, known.first(static_cast<std::size_t>(*format)));
}

result<storage_recovery> copy(const std::string& from, const std::string& to) {
  auto old = sqlite_connection::open(from, access::read_only);
  if (!old)
    return old.error();
  (*old)->allow_missing_pages();
  if (auto ours = check_ours(**old); !ours)
    return ours.error();
  if (auto made = make_alike(**old, to); !made)
    return made.error();
  storage_recovery found;
  {
    auto fresh = sqlite_connection::open(to, access::read_write);
    if (!fresh)
      return fresh.error();
    if (auto set = (*fresh)->execute("PRAGMA foreign_keys=OFF"); !set)
      return set.error();
    auto copied = recovery{**old, **fresh}.copy_all();
    if (!copied)
      return copied.error();
    found = std::move(*copied);
  }
  auto fresh = sqlite_connection::open(to, access::read_write);
  if (!fresh)
    return fresh.error();
  if (auto usable = migrate(**fresh, sqlite_migrations()); !usable)
    return usable.error();
  return found;
}

} // namespace

result<storage_recovery> recover_sqlite(const std::string& from, const std::string& to) {
  auto lock = process_lock::take(from);
  if (!lock)
    return lock.error();
  std::error_code ec;
  if (std::filesystem::exists(to, ec))
    return fail(errc::internal, to + ": is there already");
  auto done = copy(from, to);
  for (auto suffix : {"", "-wal", "-shm"})
    if (!done)
      std::filesystem::remove(to + suffix, ec);
  std::filesystem::remove(to + ".lock", ec);
  if (done)
    done->advice = "check it (behalf storage check " + to
                   + "), then put it in the old one's place, whose -wal and -shm go away with it";
  return done;
}

} // namespace behalf
