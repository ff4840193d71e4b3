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

result<void> sqlite_writes::change_thread(const write_batch::thread_change& c) {
  const auto& t = table_of(kind::thread);
  auto old = find({kind::thread, c.tenant, c.id});
  if (!old)
    return old.error();
  if (old->seq == 0 || !c.auth_filter.matches(old->head.metadata))
    return fail(errc::not_found, "thread " + c.id + " does not exist");
  auto row = old->head;
  merge(row.metadata, c.metadata);
  if (auto ok = c.bounds ? check_merged(row.metadata, *c.bounds) : result<void>{}; !ok)
    return ok;
  auto doc = document(t, old->seq);
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
  auto terms = terms_of(row);
  if (!terms)
    return terms.error();
  return update(row, *terms, *old);
}

// As text; one that is no object is set aside first.
result<std::string> sqlite_writes::document(const sqlite_table& t, int64_t seq) {
  for (bool again : {false, true}) {
    auto use = db_->prepare(t.doc);
    if (!use)
      return use.error();
    auto row = use->bind(1, seq).step();
    if (!row)
      return row.error();
    std::string text{use->text(0)};
    if (split_members(text))
      return text;
    use->reset();
    if (auto done = set_aside(t, seq, row_part::doc, "its document is no JSON object");
        !done || again)
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

// What could not be read is kept in a table of its own; that part of the row begins anew, empty.
result<void> sqlite_writes::set_aside(const sqlite_table& t, int64_t seq, row_part part,
                                      const std::string& why) {
  auto or_none = [&](std::string_view column) {
    return has_column(t, column) ? std::string(column) : std::string{"''"};
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
    auto head = read_head(*use, t);
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
