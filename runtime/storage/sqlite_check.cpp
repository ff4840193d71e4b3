// Looks through a whole database for what is damaged, and takes damaged records out of it.
#include "runtime/storage/process_lock.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_schema.hpp"
#include "runtime/storage/sqlite_writes.hpp"

#include <optional>
#include <sstream>

namespace behalf {
namespace {

using access = sqlite_connection::access;

// What SQLite's own check says: sentences about pages, indexes and columns, up to 100. It says what
// it found, and then fails, where there is a table or an index that it cannot walk.
result<std::vector<std::string>> integrity(sqlite_connection& db, const std::string& of = {}) {
  std::vector<std::string> said;
  auto failed = [&](const error& why) -> result<std::vector<std::string>> {
    if (!db.met_damage())
      return why;
    if (said.empty())
      said.emplace_back("pages are damaged");
    return said;
  };
  auto use = db.prepare("PRAGMA integrity_check" + (of.empty() ? "" : "(" + of + ")"));
  if (!use)
    return failed(use.error());
  auto read = use->each_row([&](auto& row) {
    std::istringstream lines{std::string(row.text(0))};
    for (std::string line; std::getline(lines, line);)
      if (line != "ok" && !line.starts_with("***"))
        said.push_back(std::move(line));
  });
  if (!read)
    return failed(read.error());
  return said;
}

// A damaged index can be made anew from its table.
bool can_be_walked(sqlite_connection& db, const std::string& table) {
  return db.number("SELECT count(*) FROM " + table + " NOT INDEXED").has_value();
}

// SQLite's sentences name pages; people need to know what is in them.
result<void> name_damaged_tables(sqlite_connection& db, storage_check& into) {
  std::vector<std::string> tables;
  {
    auto use = db.prepare("SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE "
                          "'sqlite_%'");
    if (!use)
      return use.error();
    if (auto read = use->each_row([&](auto& row) { tables.emplace_back(row.text(0)); }); !read)
      return read.error();
  }
  for (const auto& table : tables) {
    auto said = integrity(db, table);
    if (!said)
      return said.error();
    if (!said->empty())
      into.faults.push_back(can_be_walked(db, table)
                              ? "an index of the table " + table + " is damaged"
                              : "the table " + table + " is damaged");
  }
  return {};
}

result<void> check_pages(sqlite_connection& db, storage_check& into) {
  auto said = integrity(db);
  if (!said)
    return said.error();
  into.pages_damaged = !said->empty();
  into.faults = std::move(*said);
  return into.pages_damaged ? name_damaged_tables(db, into) : result<void>{};
}

result<void> check_references(sqlite_connection& db, storage_check& into) {
  auto lost = db.number("SELECT count(*) FROM pragma_foreign_key_check");
  if (!lost)
    return lost.error();
  if (*lost > 0)
    into.faults.push_back(std::to_string(*lost)
                          + " records belong to a thread or assistant that is not there");
  return {};
}

result<void> check_data_keys(sqlite_connection& db, const data_keys& keys, storage_check& into) {
  auto said = damaged_data_keys(db, keys.master());
  if (!said)
    return said.error();
  for (auto& one : *said)
    into.faults.push_back(std::move(one));
  return {};
}

// Vectors follow from their item: damaged ones can be made again.
result<void> check_vectors(sqlite_connection& db, const std::shared_ptr<data_keys>& keys, bool mend,
                           storage_check& into) {
  sealing seals{db, keys};
  std::vector<int64_t> damaged;
  {
    auto use = db.prepare("SELECT v.item_seq, v.vector, v.tenant, i.parent, i.id FROM item_vector v"
                          " JOIN item i ON i.seq=v.item_seq WHERE v.sealed<>0");
    if (!use)
      return use.error();
    auto read = use->each_row([&](auto& row) -> result<bool> {
      auto opened = seals.open({sealed_vector, row.text(2), row.text(3), row.text(4)}, row.text(1));
      if (!opened && opened.error().kind != unreadable_record)
        return opened.error();
      if (!opened) {
        damaged.push_back(row.number(0));
        into.faults.push_back(opened.error().message + " (tenant " + std::string(row.text(2))
                              + ")");
      }
      return true;
    });
    if (!read)
      return read.error();
  }
  if (!mend || damaged.empty())
    return {};
  sqlite_writes writes{db, nullptr, now};
  if (auto begun = db.run("BEGIN IMMEDIATE"); !begun)
    return begun;
  for (auto item : damaged)
    if (auto done = writes.embed_again(item); !done) {
      (void)db.run("ROLLBACK");
      return done;
    }
  return db.run("COMMIT");
}

struct damaged_row {
  int64_t seq;
  row_part part;
  std::string why;
};

result<std::vector<damaged_row>> check_records(sqlite_connection& db, const sqlite_table& t,
                                               const std::shared_ptr<data_keys>& keys,
                                               storage_check& into) {
  sealing seals{db, keys};
  auto all = t.find.substr(0, t.find.rfind(" WHERE "));
  auto use = db.prepare(all);
  if (!use)
    return use.error();
  std::vector<damaged_row> damaged;
  auto read = use->each_row([&](auto& row) {
    ++into.records;
    auto r = bare_row(row, t);
    bool sealed = false;
    auto add = [&](row_part part, const error& why) {
      if (why.kind != unreadable_record) {
        sealed = true;
        return;
      }
      damaged.push_back({row.number(0), part, why.message});
      into.faults.push_back(why.message + " (tenant " + r.tenant + ")");
    };
    if (auto head = read_head(row, t, seals); !head)
      add(row_part::metadata, head.error());
    if (auto doc = read_doc(row, t.metadata_column() + 1, r, seals); !doc)
      add(row_part::doc, doc.error());
    into.sealed += sealed;
  });
  if (!read)
    return read.error();
  return damaged;
}

result<void> take_out(sqlite_connection& db, const sqlite_table& t,
                      const std::vector<damaged_row>& rows, storage_check& into) {
  sqlite_writes writes{db, nullptr, now};
  if (auto begun = db.run("BEGIN IMMEDIATE"); !begun)
    return begun;
  for (const auto& row : rows)
    if (auto done = writes.take_out(t, row.seq, row.part, row.why); !done) {
      (void)db.run("ROLLBACK");
      return done;
    }
  into.set_aside += static_cast<int64_t>(rows.size());
  return db.run("COMMIT");
}

} // namespace

result<storage_check> check_sqlite(const std::string& path, damaged_records what,
                                   const secret_ptr& master_key) {
  std::optional<process_lock> lock;
  bool mend = what == damaged_records::set_aside;
  if (mend) {
    auto taken = process_lock::take(path);
    if (!taken)
      return taken.error();
    lock.emplace(std::move(*taken));
  }
  auto db = sqlite_connection::open(path, mend ? access::read_write : access::read_only);
  if (!db)
    return db.error();
  (*db)->allow_missing_pages();
  if (auto ours = check_ours(**db); !ours)
    return ours.error();
  auto format = (*db)->number("PRAGMA user_version");
  if (!format)
    return format.error();
  if (*format == 0)
    return fail(errc::internal, path + ": is empty: no server has stored anything in it yet");
  std::shared_ptr<data_keys> keys;
  if (master_key) {
    auto opened = open_data_keys(**db, {master_key, false});
    if (!opened)
      return opened.error();
    keys = std::move(*opened);
  }
  storage_check found;
  if (auto done = check_pages(**db, found); !done)
    return done.error();
  if (found.pages_damaged)
    return found;
  if (auto done = check_references(**db, found); !done)
    return done.error();
  if (keys)
    if (auto done = check_data_keys(**db, *keys, found); !done)
      return done.error();
  for (auto k : all_kinds) {
    if (!(*db)->prepare("SELECT 1 FROM " + table_of(k).name)) // of a later format
      continue;
    auto damaged = check_records(**db, table_of(k), keys, found);
    if (!damaged)
      return damaged.error();
    if (mend && !damaged->empty())
      if (auto done = take_out(**db, table_of(k), *damaged, found); !done)
        return done.error();
  }
  if (keys)
    if (auto done = check_vectors(**db, keys, mend, found); !done)
      return done.error();
  return found;
}

} // namespace behalf
