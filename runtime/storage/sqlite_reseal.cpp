// Changes what a whole database is sealed with: its documents, and the keys that seal them.
#include "runtime/storage/process_lock.hpp"
#include "runtime/storage/sealing.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_rows.hpp"
#include "runtime/storage/sqlite_schema.hpp"

#include <set>

namespace behalf {
namespace {

constexpr std::size_t rows_of_commit = 256, bytes_of_commit = 4 << 20;

struct opened_file {
  process_lock lock;
  std::unique_ptr<sqlite_connection> db;
  std::shared_ptr<data_keys> keys;
};

// What is overwritten is gone from the pages, too. Nobody else writes; who reads may take long.
result<opened_file> open_alone(const std::string& path, const storage_encryption& encryption) {
  auto lock = process_lock::take(path);
  if (!lock)
    return lock.error();
  auto db = sqlite_connection::open(path, sqlite_connection::access::read_write);
  if (!db)
    return db.error();
  if (auto ours = check_ours(**db); !ours)
    return ours.error();
  if (auto done = migrate(**db, sqlite_migrations()); !done)
    return done.error();
  auto set =
    (*db)->execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA busy_timeout=500");
  if (!set)
    return set.error();
  auto keys = open_data_keys(**db, encryption);
  if (!keys)
    return keys.error();
  return opened_file{std::move(*lock), std::move(*db), std::move(*keys)};
}

// Where sealed texts stand: number, text, whether it is a blob, and the four parts of its place.
struct sealed_column {
  std::string rows, update;
};

std::vector<sealed_column> all_columns() {
  std::vector<sealed_column> all;
  for (auto k : all_kinds) {
    const auto& name = table_of(k).name;
    const std::string space = k == kind::checkpoint    ? "ns"
                              : named_within_parent(k) ? "parent"
                                                       : "''";
    all.push_back({"SELECT seq, doc, typeof(doc)='blob', '" + name + "', tenant, " + space
                     + ", id FROM " + name + " WHERE seq>?1 ORDER BY seq",
                   "UPDATE " + name + " SET doc=?1 WHERE seq=?2"});
  }
  all.push_back({"SELECT seq, metadata, typeof(metadata)='blob', 'checkpoint_metadata', tenant, ns,"
                 " id FROM checkpoint WHERE seq>?1 ORDER BY seq",
                 "UPDATE checkpoint SET metadata=?1 WHERE seq=?2"});
  all.push_back({"SELECT e.seq, e.doc, typeof(e.doc)='blob', 'task_end', c.tenant, c.ns, c.id"
                 " FROM task_end e JOIN checkpoint c ON c.seq=e.checkpoint_seq WHERE e.seq>?1"
                 " ORDER BY e.seq",
                 "UPDATE task_end SET doc=?1 WHERE seq=?2"});
  all.push_back({"SELECT v.id, v.vector, v.sealed, 'item_vector', v.tenant, i.parent, i.id"
                 " FROM item_vector v JOIN item i ON i.seq=v.item_seq WHERE v.id>?1 ORDER BY v.id",
                 "UPDATE item_vector SET vector=CAST(?1 AS BLOB), sealed=?3 WHERE id=?2"});
  all.push_back({"SELECT rowid, doc, typeof(doc)='blob', kind, tenant, CASE WHEN kind='checkpoint'"
                 " THEN ns WHEN kind IN ('item', 'assistant_version') THEN parent ELSE '' END, id"
                 " FROM set_aside WHERE rowid>?1 ORDER BY rowid",
                 "UPDATE set_aside SET doc=?1 WHERE rowid=?2"});
  all.push_back(
    {"SELECT rowid, metadata, typeof(metadata)='blob', 'checkpoint_metadata', tenant, ns,"
     " id FROM set_aside WHERE rowid>?1 AND kind='checkpoint' ORDER BY rowid",
     "UPDATE set_aside SET metadata=?1 WHERE rowid=?2"});
  return all;
}

// Into the database with all that stands in its log. False: somebody reads what was there before,
// which therefore stays.
result<bool> empty_log(sqlite_connection& db) {
  auto busy = db.number("PRAGMA wal_checkpoint(TRUNCATE)");
  return busy ? result<bool>{*busy == 0} : busy.error();
}

std::string still_read(const sqlite_connection& db) {
  return db.path()
         + ": what was there before is still in the file, because something reads it (a backup, "
           "behalf storage check): wait for its end";
}

class resealing {
public:
  resealing(sqlite_connection& db, const std::shared_ptr<data_keys>& keys)
    : db_(db), seals_(db, keys), sealed_(keys && keys->seals()) {}

  result<void> all(data_key_choice keys) {
    result<void> done;
    if (keys == data_key_choice::make_new && sealed_)
      done = make_keys();
    for (const auto& column : all_columns())
      if (done)
        done = go_through(column);
    if (done)
      done = drop_keys();
    return done ? write_anew() : done;
  }

  storage_resealing& found() { return found_; }

private:
  result<void> make_keys() {
    std::vector<std::string> tenants;
    {
      auto use = db_.prepare("SELECT DISTINCT tenant FROM data_key");
      if (!use)
        return use.error();
      if (auto read = use->each_row([&](auto& row) { tenants.emplace_back(row.text(0)); }); !read)
        return read.error();
    }
    return in_one_commit([&]() -> result<void> {
      for (const auto& tenant : tenants) {
        if (auto made = seals_.make(tenant); !made)
          return made.error();
        ++found_.made;
      }
      return {};
    });
  }

  result<void> go_through(const sealed_column& c) {
    for (last_ = 0;;) {
      auto some = changes(c);
      if (!some)
        return some.error();
      auto written = in_one_commit([&] { return write(c, *some); });
      if (!written)
        return written;
      if (done_)
        return {};
    }
  }

  // The newest of each tenant stay where records are sealed, and those of what did not open.
  result<void> drop_keys() {
    return in_one_commit([&]() -> result<void> {
      json::array needed;
      for (auto id : needed_)
        needed.emplace_back(id);
      auto list = dump(json::value(std::move(needed)));
      std::string sql = "DELETE FROM data_key WHERE id NOT IN (SELECT value FROM json_each(?1))";
      if (sealed_)
        sql += " AND id<>(SELECT max(id) FROM data_key n WHERE n.tenant=data_key.tenant)";
      auto use = db_.prepare(sql);
      if (!use)
        return use.error();
      if (auto gone = use->bind(1, list).run(); !gone)
        return gone;
      found_.dropped = db_.changes();
      return sealed_ || !needed_.empty() ? result<void>{} : db_.run("DELETE FROM master_check");
    });
  }

  // Freed pages and the log still have what was there before.
  result<void> write_anew() {
    if (auto room = empty_log(db_); !room)
      return room.error();
    if (auto done = db_.execute("PRAGMA temp_store=FILE; VACUUM"); !done)
      return done;
    auto emptied = empty_log(db_);
    if (!emptied)
      return emptied.error();
    return *emptied ? result<void>{}
                    : fail(errc::internal, still_read(db_) + "; then run this again");
  }

  template <class Work>
  result<void> in_one_commit(Work work) {
    if (auto begun = db_.run("BEGIN IMMEDIATE"); !begun)
      return begun;
    result<void> done = work();
    if (done)
      done = db_.run("COMMIT");
    if (!done && db_.in_transaction())
      (void)db_.run("ROLLBACK");
    if (!done)
      seals_.was_taken_back();
    seals_.group_is_over();
    return done;
  }

  // Some of the rows behind the last one, opened.
  struct opened_row {
    int64_t row;
    std::string kind, tenant, space, id, text;
  };
  result<std::vector<opened_row>> changes(const sealed_column& c) {
    auto use = db_.prepare(c.rows);
    if (!use)
      return use.error();
    use->bind(1, last_);
    std::vector<opened_row> some;
    std::size_t rows = 0, bytes = 0;
    auto all = use->each_row([&](auto& row) -> result<bool> {
      last_ = row.number(0);
      ++found_.records;
      opened_row one{last_,
                     std::string(row.text(3)),
                     std::string(row.text(4)),
                     std::string(row.text(5)),
                     std::string(row.text(6)),
                     {}};
      auto there = as_wanted(row, one);
      if (!there)
        return there;
      bytes += row.text(1).size();
      if (!*there)
        some.push_back(std::move(one));
      return ++rows < rows_of_commit && bytes < bytes_of_commit;
    });
    if (!all)
      return all.error();
    done_ = *all;
    return some;
  }

  // Else what is to be written is in `one`, compressed where it was.
  result<bool> as_wanted(const sqlite_statement& row, opened_row& one) {
    const auto stored = row.text(1);
    const auto may_be_compressed = one.kind != sealed_vector;
    if (row.number(2) == 0 || (may_be_compressed && is_compressed(stored))) {
      if (sealed_)
        one.text = stored;
      return !sealed_;
    }
    const auto by = data_key_of(stored);
    if (sealed_) {
      auto newest = seals_.newest(one.tenant);
      if (!newest)
        return newest.error();
      if (by != 0 && by == *newest)
        return true;
    }
    auto text = seals_.open({one.kind, one.tenant, one.space, one.id}, stored);
    if (!text) {
      found_.faults.push_back(text.error().message + " (tenant " + one.tenant + ")");
      needed_.insert(by);
      return true;
    }
    one.text = std::move(*text);
    return false;
  }

  result<void> write(const sealed_column& c, std::vector<opened_row>& rows) {
    for (auto& one : rows) {
      auto stored = seals_.seal({one.kind, one.tenant, one.space, one.id}, std::move(one.text));
      if (!stored)
        return stored.error();
      auto use = db_.prepare(c.update);
      if (!use)
        return use.error();
      stored->bind(*use, 1);
      use->bind(2, one.row);
      if (one.kind == sealed_vector)
        use->bind(3, int64_t{stored->sealed});
      if (auto done = use->run(); !done)
        return done;
      ++(sealed_ ? found_.sealed : found_.opened);
    }
    return {};
  }

  sqlite_connection& db_;
  sealing seals_;
  const bool sealed_;
  storage_resealing found_;
  std::set<int64_t> needed_; // data keys of what does not open
  int64_t last_ = 0;
  bool done_ = false;
};

} // namespace

result<storage_resealing>
reseal_sqlite(const std::string& path, const storage_encryption& encryption, data_key_choice keys) {
  auto file = open_alone(path, encryption);
  if (!file)
    return file.error();
  resealing work{*file->db, file->keys};
  auto done = work.all(keys);
  if (!done && done.error().kind == storage_full)
    return fail(errc::internal, path
                                  + ": there is no room to go on: what was done so far stays. Make "
                                    "room for the file twice, and run this again");
  return done ? std::move(work.found()) : result<storage_resealing>{done.error()};
}

result<std::vector<std::string>>
rotate_sqlite_key(const std::string& path, const secret_ptr& old_key, const secret_ptr& new_key) {
  auto file = open_alone(path, {old_key, false});
  if (!file)
    return file.error();
  auto& db = *file->db;
  auto sealed = is_sealed(db);
  if (!sealed)
    return sealed.error();
  if (!*sealed)
    return fail(errc::internal, path + ": nothing is sealed in it, so there is no key to exchange");
  if (auto begun = db.run("BEGIN IMMEDIATE"); !begun)
    return begun.error();
  auto faults = rewrap_data_keys(db, *old_key, *new_key);
  auto done = faults ? db.run("COMMIT") : faults.error();
  if (!done && db.in_transaction())
    (void)db.run("ROLLBACK");
  if (!done)
    return done.error();
  if (auto emptied = empty_log(db); emptied && !*emptied)
    faults->push_back(still_read(db) + ", then run behalf storage reseal with the new key");
  return faults;
}

} // namespace behalf
