// The part of sqlite_writes that takes things away over time: checkpoints of runs that are erased,
// and whatever has outlived its time.
#include "runtime/storage/sqlite_writes.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr int64_t smallest_gap = 2048; // pages: smaller gaps are left for what is written next
constexpr int64_t most_at_once = 100;  // rows of a thread that go with it in one step

constexpr int64_t most_kept = 1000; // results of a thread that end with it

constexpr std::string_view of_thread = " WHERE tenant=?1 AND parent=?2";

int64_t counted(int64_t bytes) {
  return 1 + bytes / bytes_of_a_row;
}

// What goes with a row: its own texts, and a checkpoint's ends of tasks, which are rows as well.
std::string bytes_to_delete(const std::string& table) {
  std::string own = "length(CAST(metadata AS BLOB))+length(CAST(doc AS BLOB))";
  if (table != "checkpoint")
    return own;
  return own + "+(SELECT ifnull(sum(length(CAST(e.doc AS BLOB))+" + std::to_string(bytes_of_a_row)
         + "), 0) FROM task_end e WHERE e.checkpoint_seq=checkpoint.seq)";
}

} // namespace

// Those of a table that `which` names, as many as make up `most`.
result<sqlite_writes::some_rows>
sqlite_writes::first_rows(const std::string& table, std::string_view which,
                          std::initializer_list<std::string_view> texts,
                          std::initializer_list<int64_t> numbers, int64_t most) {
  some_rows some;
  if (most <= 0)
    return some;
  auto use =
    prepare("SELECT seq, " + bytes_to_delete(table) + " FROM " + table + std::string(which), texts,
            numbers);
  if (!use)
    return use.error();
  auto read = use->each_row([&](auto& row) {
    some.rows.push_back(row.number(0));
    some.counted += counted(row.number(1));
    return some.counted < most;
  });
  if (!read)
    return read.error();
  return some;
}

result<int64_t> sqlite_writes::delete_first(const std::string& table, std::string_view which,
                                            std::initializer_list<std::string_view> texts,
                                            std::initializer_list<int64_t> numbers, int64_t most) {
  auto some = first_rows(table, which, texts, numbers, most);
  if (!some)
    return some.error();
  for (auto seq : some->rows)
    if (auto gone = change("DELETE FROM " + table + " WHERE seq=?1", {}, {seq}); !gone)
      return gone;
  return some->counted;
}

// Hidden checkpoints stay as long as a visible one is restored through them.
result<void> sqlite_writes::drop_unneeded(const std::string& tenant, const std::string& thread_id) {
  auto done = change("WITH RECURSIVE needed (ns, id) AS ("
                     " SELECT ns, parent_checkpoint FROM checkpoint"
                     "  WHERE tenant=?1 AND parent=?2 AND hidden=0 AND is_full=0"
                     " UNION"
                     " SELECT c.ns, c.parent_checkpoint FROM needed n CROSS JOIN checkpoint c"
                     "  ON c.tenant=?1 AND c.parent=?2 AND c.ns=n.ns AND c.id=n.id"
                     "  WHERE c.is_full=0)"
                     "DELETE FROM checkpoint WHERE tenant=?1 AND parent=?2 AND hidden=1"
                     " AND (ns, id) NOT IN (SELECT ns, id FROM needed)",
                     {tenant, thread_id});
  return done ? result<void>{} : done.error();
}

result<void> sqlite_writes::erase_run_checkpoints(const write_batch::erase_run_checkpoints& e) {
  auto hidden = change("UPDATE checkpoint SET hidden=1 WHERE tenant=?1 AND parent=?2 AND run_id=?3",
                       {e.tenant, e.thread_id, e.run_id});
  if (!hidden)
    return hidden.error();
  return *hidden == 0 ? result<void>{} : drop_unneeded(e.tenant, e.thread_id);
}

result<int64_t> sqlite_writes::sweep(int64_t max_rows, std::chrono::milliseconds finished_runs,
                                     std::chrono::milliseconds usage) {
  const auto at = clock_();
  auto removed = sweep_expired(at, max_rows);
  auto go_on = [&](std::chrono::milliseconds stays, auto what) {
    if (!removed || *removed >= max_rows || stays.count() == 0)
      return;
    auto more = (this->*what)(at - stays, max_rows - *removed);
    removed = more ? *removed + *more : more;
  };
  go_on(finished_runs, &sqlite_writes::sweep_runs);
  go_on(usage, &sqlite_writes::sweep_usage);
  return removed;
}

result<int64_t> sqlite_writes::sweep_expired(time_point at, int64_t max_rows) {
  auto removed = sweep_items(at, max_rows);
  while (removed && *removed < max_rows) {
    auto use = db_->prepare("SELECT tenant, id, keep_latest FROM thread INDEXED BY thread_expiry"
                            " WHERE expires_at<=?1 AND status<>'busy' ORDER BY expires_at LIMIT 1");
    if (!use)
      return use.error();
    auto row = use->bind(1, to_micros(at)).step();
    if (!row)
      return row.error();
    if (!*row)
      break;
    record_key thread{kind::thread, std::string(use->text(0)), std::string(use->text(1))};
    auto keep = use->number(2) != 0;
    use->reset();
    auto more = keep ? end_with_latest(thread, max_rows - *removed)
                     : sweep_thread(thread, max_rows - *removed);
    if (!more)
      return more;
    *removed += *more;
  }
  return removed;
}

result<int64_t> sqlite_writes::sweep_items(time_point at, int64_t max_rows) {
  return delete_first("item", " WHERE expires_at<=?1", {}, {to_micros(at)}, max_rows);
}

// Runs lie in the order they were made: the old ones are at the front, and the first that is too
// young ends the round. Looking at one counts as a row too, so that a turn stays short.
result<int64_t> sqlite_writes::sweep_runs(time_point older_than, int64_t max_rows) {
  std::vector<int64_t> old;
  int64_t seen = 0;
  {
    auto use = prepare("SELECT seq, created_at, CASE WHEN status NOT IN ('pending', 'running')"
                       " AND updated_at<=?2 THEN "
                         + bytes_to_delete("run") + " END FROM run WHERE seq>?1 ORDER BY seq",
                       {}, {swept_runs_, to_micros(older_than)});
    if (!use)
      return use.error();
    auto read = use->each_row([&](auto& row) {
      if (from_micros(row.number(1)) > older_than)
        return false;
      swept_runs_ = row.number(0);
      seen += counted(row.number(2));
      if (!row.is_null(2))
        old.push_back(swept_runs_);
      return seen < max_rows;
    });
    if (!read)
      return read.error();
  }
  for (auto seq : old)
    if (auto gone = change(table_of(kind::run).remove, {}, {seq}); !gone)
      return gone;
  if (seen >= max_rows)
    return max_rows;
  swept_runs_ = 0; // the next round begins anew
  return static_cast<int64_t>(old.size());
}

result<int64_t> sqlite_writes::shrink(int64_t pages) {
  auto unused = db_->number("PRAGMA freelist_count");
  if (!unused)
    return unused;
  auto all = db_->number("PRAGMA page_count");
  if (!all)
    return all;
  if (*unused < smallest_gap || *unused * 4 < *all)
    return 0;
  auto mode = db_->number("PRAGMA auto_vacuum"); // 0: made by a version that did not set it
  if (!mode || *mode == 0)
    return mode;
  auto sql = "PRAGMA incremental_vacuum(" + std::to_string(pages) + ")";
  if (auto done = db_->execute(sql); !done)
    return done.error();
  return pages;
}

// Children first, so that no single step deletes more than it was allowed to.
result<int64_t> sqlite_writes::sweep_thread(const record_key& thread, int64_t max_rows) {
  int64_t removed = 0;
  for (auto table : {"checkpoint", "run"}) {
    auto more = delete_first(table, of_thread, {thread.tenant, thread.id}, {}, max_rows - removed);
    if (!more)
      return more;
    removed += *more;
  }
  if (removed >= max_rows)
    return removed;
  auto p = look_up(thread);
  if (!p)
    return p.error();
  if (p->head.listed)
    if (auto ended = end_kept_results(thread.tenant, thread.id); !ended)
      return ended.error();
  if (auto done = remove(table_of(kind::thread), *p); !done)
    return done.error();
  return removed + 1;
}

result<bool> sqlite_writes::has_many_rows(const record_key& thread) {
  int64_t there = 0;
  for (auto table : {"checkpoint", "run"}) {
    auto some = first_rows(table, of_thread, {thread.tenant, thread.id}, {}, most_at_once - there);
    if (!some)
      return some.error();
    there += some->counted;
  }
  return there >= most_at_once;
}

// As many as agents keep, and some: a user may put others there, which stay for their time. Those
// of whose the thread is come first, so that nobody else's stand in their way. A row keeps its
// length where it ended by itself before, and so is not written as a whole.
result<void> sqlite_writes::end_kept_results(const std::string& tenant,
                                             const std::string& thread_id) {
  // As the index has it, to the letter.
  const std::string at = "instr(char(31)||parent, char(31)||'kept_results'||char(31))";
  const std::string from_user = "substr(parent, 13+" + at + ")";
  const auto from_thread = "substr(" + from_user + ", 1+instr(" + from_user + ", char(31)))";
  auto ended = change(
    "UPDATE item SET expires_at=?5 WHERE seq IN (SELECT seq FROM (SELECT seq, owner FROM item"
    " INDEXED BY item_kept_of_thread WHERE tenant=?1 AND "
      + from_thread + ">=?2 AND " + from_thread + "<?3 AND " + at
      + ">0 AND (expires_at IS NULL OR expires_at>?5) LIMIT ?7) ORDER BY owner IS NOT"
        " (SELECT owner FROM thread WHERE tenant=?1 AND id=?4) LIMIT ?6)",
    {tenant, thread_id + '\x1f', thread_id + '\x20', thread_id},
    {to_micros(clock_()), most_kept, 20 * most_kept});
  return ended ? result<void>{} : ended.error();
}

// Its time is over. What would go on by itself goes at once: runs that are not over, and crons,
// both bounded.
result<void> sqlite_writes::hide_thread(const record_key& thread, int64_t seq) {
  for (auto sql : {"DELETE FROM run WHERE tenant=?1 AND parent=?2"
                   " AND status IN ('pending', 'running')",
                   "DELETE FROM cron WHERE tenant=?1 AND parent=?2"})
    if (auto gone = change(sql, {thread.tenant, thread.id}); !gone)
      return gone.error();
  auto hidden = change("UPDATE thread SET expires_at=0, keep_latest=0, status='idle', owner=''"
                       " WHERE seq=?1",
                       {}, {seq});
  return hidden ? result<void>{} : hidden.error();
}

result<void> sqlite_writes::make_room(const record_key& key, const present& old) {
  if (key.type != kind::thread)
    return remove(table_of(key.type), old);
  if (auto swept = sweep_thread(key, most_at_once); !swept)
    return swept.error();
  auto seq = seq_of(key);
  if (!seq)
    return seq.error();
  return *seq == 0
           ? result<void>{}
           : fail(errc::overloaded, "thread " + key.id + " is still being deleted; try again soon",
                  "Retry-After", "1");
}

// The newest first, so that what is left at any moment can be restored.
result<int64_t> sqlite_writes::drop_old_checkpoints(const record_key& thread, int64_t max_rows) {
  return delete_first("checkpoint",
                      " WHERE tenant=?1 AND parent=?2 AND (ns, id) NOT IN ("
                      "WITH RECURSIVE space (ns) AS ("
                      " SELECT min(ns) FROM checkpoint WHERE tenant=?1 AND parent=?2"
                      " UNION ALL"
                      " SELECT (SELECT min(ns) FROM checkpoint"
                      "  WHERE tenant=?1 AND parent=?2 AND ns>space.ns) FROM space"
                      "  WHERE space.ns IS NOT NULL),"
                      "latest (ns, id) AS ("
                      " SELECT ns, (SELECT max(id) FROM checkpoint"
                      "  WHERE tenant=?1 AND parent=?2 AND ns=space.ns AND hidden=0) FROM space),"
                      "kept (ns, id) AS ("
                      " SELECT ns, id FROM latest WHERE id IS NOT NULL"
                      " UNION"
                      " SELECT c.ns, c.parent_checkpoint FROM kept k CROSS JOIN checkpoint c"
                      "  ON c.tenant=?1 AND c.parent=?2 AND c.ns=k.ns AND c.id=k.id"
                      "  WHERE c.is_full=0)"
                      "SELECT ns, id FROM kept) ORDER BY ns DESC, id DESC",
                      {thread.tenant, thread.id}, {}, max_rows);
}

result<int64_t> sqlite_writes::keep_latest_checkpoint(const record_key& thread, int64_t max_rows) {
  auto dropped = drop_old_checkpoints(thread, max_rows);
  if (!dropped || *dropped >= max_rows)
    return dropped;
  // What is left builds up the latest one.
  auto hidden = change("UPDATE checkpoint AS older SET hidden=1"
                       " WHERE tenant=?1 AND parent=?2 AND hidden=0 AND id<>("
                       "  SELECT max(id) FROM checkpoint c WHERE c.tenant=?1 AND c.parent=?2"
                       "  AND c.ns=older.ns AND c.hidden=0)",
                       {thread.tenant, thread.id});
  return hidden ? dropped : hidden;
}

result<int64_t> sqlite_writes::end_with_latest(const record_key& thread, int64_t max_rows) {
  auto dropped = keep_latest_checkpoint(thread, max_rows);
  if (!dropped || *dropped >= max_rows)
    return dropped;
  auto ended = change("UPDATE thread SET expires_at=NULL WHERE tenant=?1 AND id=?2",
                      {thread.tenant, thread.id});
  return ended ? *dropped + 1 : ended;
}

} // namespace behalf
