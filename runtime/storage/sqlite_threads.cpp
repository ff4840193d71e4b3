// The part of sqlite_writes that changes threads where they stand, and that sets aside what was
// damaged so that a row can be used again.
#include "runtime/base/log.hpp"
#include "runtime/storage/json_members.hpp"
#include "runtime/storage/sqlite_writes.hpp"

#include <algorithm>

namespace behalf {
namespace {

std::string status_text(std::string_view written) {
  auto v = parse_json(written);
  return v && v->is_string() ? std::string(v->get_string()) : std::string{"idle"};
}

bool has_column(const sqlite_table& t, std::string_view name) {
  return std::any_of(t.columns.begin(), t.columns.end(),
                     [&](const auto& c) { return c.name == name; });
}

result<void> check_merged(const json::object& metadata, const shape_limits& bounds) {
  if (metadata.size() > bounds.fields)
    return fail(errc::invalid_argument,
                "metadata would have more than " + std::to_string(bounds.fields) + " members");
  return check_metadata(metadata, bounds);
}

} // namespace

result<sqlite_writes::present> sqlite_writes::matching_thread(const std::string& tenant,
                                                              const std::string& id,
                                                              const filter& auth_filter) {
  auto found = find({kind::thread, tenant, id});
  if (found && (found->seq == 0 || !auth_filter.matches(found->head.metadata)))
    return fail(errc::not_found, "thread " + id + " does not exist");
  return found;
}

result<void> sqlite_writes::change_thread(const write_batch::thread_change& c) {
  const auto& t = table_of(kind::thread);
  auto old = matching_thread(c.tenant, c.id, c.auth_filter);
  if (!old)
    return old.error();
  if (c.expected && *c.expected != old->revision)
    return wrong_revision({kind::thread, c.tenant, c.id}, *c.expected, old->revision);
  auto row = old->head;
  merge(row.metadata, c.metadata);
  if (auto ok = c.bounds ? check_merged(row.metadata, *c.bounds) : result<void>{}; !ok)
    return ok;
  auto doc = document(t, old->seq, row);
  if (!doc)
    return doc.error();
  auto members = split_members(*doc);
  if (!members)
    return members.error();
  auto under_way = has_open_run(c.tenant, c.id);
  if (!under_way)
    return under_way.error();
  auto settled = !c.settled.empty()     ? c.settled
                 : row.status != "busy" ? row.status
                                        : status_text(find_member(*members, "settled"));
  auto changes = c.doc;
  changes.emplace_back("settled", dump(json::value(settled)));
  row.doc_text = join_members(*members, changes);
  row.status = *under_way ? "busy" : settled;
  row.updated_at = c.at;
  if (c.new_state)
    row.state_updated_at = c.at;
  if (c.expires)
    row.expires = c.expires;
  auto terms = terms_of(row);
  if (!terms)
    return terms.error();
  return update(row, *terms, *old);
}

// As text; one that is no object is set aside first.
result<std::string> sqlite_writes::document(const sqlite_table& t, int64_t seq, const record& of) {
  for (bool again : {false, true}) {
    auto use = db_->prepare(t.doc);
    if (!use)
      return use.error();
    auto row = use->bind(1, seq).step();
    if (!row)
      return row.error();
    std::string opened;
    auto text = seals_.text(*use, 0, place_of(of), opened);
    if (!text && text.error().kind != unreadable_record)
      return text.error();
    if (text && split_members(*text))
      return std::string(*text);
    use->reset();
    auto why = text ? "its document is no JSON object" : "its document does not open";
    if (auto done = set_aside(t, seq, row_part::doc, why); !done || again)
      return done ? fail(errc::internal, "a document cannot be set aside") : done.error();
  }
  return std::string{"{}"};
}

result<bool> sqlite_writes::has_open_run(const std::string& tenant, const std::string& thread_id) {
  auto use = db_->prepare("SELECT 1 FROM run INDEXED BY run_open WHERE tenant=?1 AND parent=?2"
                          " AND status IN ('pending', 'running') LIMIT 1");
  if (!use)
    return use.error();
  return use->bind(1, tenant).bind(2, thread_id).step();
}

// Error: a conflict that names some of the thread's runs, while any is under way.
result<void> sqlite_writes::must_be_idle(const std::string& tenant, const std::string& thread_id) {
  auto use = db_->prepare("SELECT id FROM run INDEXED BY run_open WHERE tenant=?1 AND parent=?2"
                          " AND status IN ('pending', 'running') LIMIT 10");
  if (!use)
    return use.error();
  use->bind(1, tenant).bind(2, thread_id);
  std::string runs;
  auto read = use->each_row(
    [&](auto& row) { runs += (runs.empty() ? "" : ", ") + std::string(row.text(0)); });
  if (!read)
    return read.error();
  if (runs.empty())
    return {};
  return error{errc::conflict,
               "Thread " + thread_id + " has in-flight runs: [" + runs + "]",
               {},
               std::string(thread_busy)};
}

result<void> sqlite_writes::must_be_quiet(const write_batch::quiet_thread& thread) {
  if (auto idle = must_be_idle(thread.tenant, thread.id); !idle)
    return idle;
  auto use = db_->prepare("SELECT max(id) FROM checkpoint WHERE tenant=?1 AND parent=?2 AND ns=?3"
                          " AND hidden=0");
  if (!use)
    return use.error();
  auto row = use->bind(1, thread.tenant).bind(2, thread.id).bind(3, thread.ns).step();
  if (!row)
    return row.error();
  if (use->text(0) == thread.newest)
    return {};
  return error{errc::conflict,
               "the state of thread " + thread.id + " was changed meanwhile",
               {},
               std::string(state_moved)};
}

result<void> sqlite_writes::copy_checkpoints(const write_batch::checkpoint_copy& c) {
  if (auto from = matching_thread(c.tenant, c.from, c.auth_filter); !from)
    return from.error();
  constexpr auto range = " tenant=?1 AND parent=?2 AND (ns, id)>(?4, ?5) AND (ns, id)<=(?6, ?7)"
                         " AND id<=?8";
  const std::initializer_list<std::string_view> texts{c.tenant,   c.from,    c.to,      c.after_ns,
                                                      c.after_id, c.last_ns, c.last_id, c.newest};
  auto rows =
    change(std::string("INSERT INTO checkpoint (tenant, parent, ns, id, parent_checkpoint, run_id,"
                       " is_full, hidden, revision, created_at, updated_at, metadata, doc)"
                       " SELECT tenant, ?3, ns, id, parent_checkpoint, run_id, is_full, hidden, 1,"
                       " created_at, updated_at, metadata, doc"
                       " FROM checkpoint WHERE")
             + range,
           texts);
  if (!rows)
    return rows.error();
  auto ends = change(std::string("INSERT INTO task_end (checkpoint_seq, task, doc)"
                                 " SELECT c.seq, e.task, e.doc FROM (SELECT seq, ns, id"
                                 "  FROM checkpoint WHERE")
                       + range
                       + ") o CROSS JOIN task_end e ON e.checkpoint_seq=o.seq"
                         " CROSS JOIN checkpoint c ON c.tenant=?1 AND c.parent=?3 AND c.ns=o.ns"
                         " AND c.id=o.id",
                     texts);
  return ends ? result<void>{} : ends.error();
}

result<void> sqlite_writes::prune(const write_batch::prune& p) {
  if (auto thread = matching_thread(p.tenant, p.id, p.auth_filter); !thread)
    return thread.error();
  if (auto idle = must_be_idle(p.tenant, p.id); !idle)
    return idle;
  auto dropped = keep_latest_checkpoint({kind::thread, p.tenant, p.id}, p.max_rows);
  return dropped ? result<void>{} : dropped.error();
}

// What could not be read is kept in a table of its own; that part of the row begins anew, empty.
result<void> sqlite_writes::set_aside(const sqlite_table& t, int64_t seq, row_part part,
                                      const std::string& why) {
  auto or_none = [&](std::string_view column) {
    return has_column(t, column) ? "coalesce(" + std::string(column) + ", '')" : std::string{"''"};
  };
  auto copied = change("INSERT INTO set_aside (kind, tenant, parent, ns, id, at, reason, metadata,"
                       " doc) SELECT ?1, tenant, "
                         + or_none("parent") + ", " + or_none("ns") + ", id, ?4, ?2, metadata, doc"
                         + " FROM " + t.name + " WHERE seq=?3",
                       {t.name, why}, {seq, to_micros(clock_())});
  if (!copied)
    return copied.error();
  std::string column = part == row_part::metadata ? "metadata" : "doc";
  auto emptied = change("UPDATE " + t.name + " SET " + column + "='{}' WHERE seq=?1", {}, {seq});
  if (!emptied)
    return emptied.error();
  log::error("record_set_aside", {{"kind", t.name},
                                  {"seq", seq},
                                  {"reason", why},
                                  {"file", db_->path()},
                                  {"kept_in", "table set_aside"}});
  bool filed = part == row_part::metadata && !t.term_table.empty();
  return filed ? file_anew(t, seq) : result<void>{};
}

// A thread stays, without the part that was damaged: its runs and checkpoints hang on it.
result<void> sqlite_writes::take_out(const sqlite_table& t, int64_t seq, row_part part,
                                     const std::string& why) {
  if (auto done = set_aside(t, seq, part, why); !done || t.type == kind::thread)
    return done;
  if (!t.term_table.empty())
    if (auto gone = change("DELETE FROM " + t.term_table + " WHERE seq=?1", {}, {seq}); !gone)
      return gone.error();
  auto gone = change(t.remove, {}, {seq});
  return gone ? result<void>{} : gone.error();
}

// Nobody can tell under which terms a damaged row was filed: all of the table are looked through.
result<void> sqlite_writes::file_anew(const sqlite_table& t, int64_t seq) {
  if (auto gone = change("DELETE FROM " + t.term_table + " WHERE seq=?1", {}, {seq}); !gone)
    return gone.error();
  return file_row(t, seq);
}

result<void> sqlite_writes::file_row(const sqlite_table& t, int64_t seq) {
  record row;
  {
    auto use = db_->prepare(t.head);
    if (!use)
      return use.error();
    auto found = use->bind(1, seq).step();
    if (!found)
      return found.error();
    auto head = read_head(*use, t, seals_);
    if (!head)
      return head.error();
    row = std::move(*head);
  }
  auto terms = terms_of(row);
  if (!terms)
    return terms.error();
  return for_each_term(t.file, *terms, filed_at(t, row), seq);
}

} // namespace behalf
