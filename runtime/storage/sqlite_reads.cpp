#include "runtime/storage/sqlite_reads.hpp"

#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"

#include <algorithm>
#include <limits>

namespace behalf {
namespace {

result<record> read_row(sqlite_statement& use, const sqlite_table& t, fair_budget::share* room) {
  for (int at = t.metadata_column() + 1; at < use.columns(); ++at)
    if (auto ok = claim_room(room, use.text(at)); !ok)
      return ok.error();
  auto r = read_head(use, t);
  if (!r)
    return r;
  if (auto doc = read_doc(use, t.metadata_column() + 1, *r); !doc)
    return doc.error();
  return r;
}

// A row of `unfinished_columns`. What cannot be read comes as it is stored.
result<record> read_or_keep(sqlite_statement& use, const sqlite_table& t) {
  const auto fence = use.number(t.metadata_column() + 2);
  if (auto r = read_row(use, t, nullptr)) {
    r->fence = fence;
    return r;
  }
  auto raw = bare_row(use, t);
  raw.fence = fence;
  raw.doc_text = std::string(use.text(t.metadata_column())) + '\n'
                 + std::string(use.text(t.metadata_column() + 1));
  return raw;
}

// The next row, none behind the last.
template <class Read>
result<std::optional<record>> next_row(sqlite_statement& use, const sqlite_table& t, Read read) {
  auto row = use.step();
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<record>{};
  auto r = read(use, t);
  if (!r)
    return r.error();
  return std::optional{std::move(*r)};
}

constexpr std::string_view unfinished = "status IN ('pending', 'running')";

// Up to FROM. `doc`: what to read of it.
std::string unfinished_columns(const sqlite_table& t, std::string_view doc) {
  return t.head.substr(0, t.head.find(" FROM ")) + ", " + std::string(doc) + ", fence";
}

} // namespace

result<void> claim_room(fair_budget::share* room, std::string_view stored) {
  if (!room || stored.size() <= longest_uncounted)
    return {};
  constexpr auto any = std::numeric_limits<std::size_t>::max();
  // Parsed it is copied once more at least where it is shown, and then written as text.
  const auto sum = room->size() + parse_cost(stored, any) + 2 * stored.size();
  const auto most = std::max(room->size(), room->capacity() / 2);
  return claim(*room, std::min(sum, most), "long records being read");
}

result<std::optional<record>> sqlite_reads::find(const record_key& key, bool hidden_too,
                                                 fair_budget::share* room) {
  const auto& t = table_of(key.type);
  auto sql = t.find + still_there(t, t.name, 5);
  if (key.type == kind::checkpoint && !hidden_too)
    sql += " AND hidden=0";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  bind_key(*use, key);
  if (t.expires)
    use->bind(5, to_micros(clock_()));
  auto row = next_row(*use, t, [room](sqlite_statement& row, const sqlite_table& of) {
    return read_row(row, of, room);
  });
  if (!row && row.error().kind == unreadable_record)
    report(row.error());
  return row;
}

result<std::optional<record>> sqlite_reads::get(const record_key& key, fair_budget::share* room) {
  return find(key, false, room);
}

result<std::optional<record>> sqlite_reads::get_head(const record_key& key) {
  const auto& t = table_of(key.type);
  auto use = db_->prepare(t.find_head + still_there(t, t.name, 5));
  if (!use)
    return use.error();
  bind_key(*use, key);
  if (t.expires)
    use->bind(5, to_micros(clock_()));
  return next_row(*use, t, read_head);
}

// Once for each: they are read again and again.
void sqlite_reads::report(const error& unreadable) {
  constexpr std::size_t most = 1000;
  if (reported_.size() < most && reported_.insert(unreadable.message).second)
    log::error("record_unreadable", {{"file", db_->path()}, {"reason", unreadable.message}});
}

result<std::vector<record>> sqlite_reads::unfinished_runs(const record* after, int64_t limit) {
  const auto& t = table_of(kind::run);
  // Of runs that wait for their time there may be many, and what they are to do may be long.
  auto sql =
    unfinished_columns(
      t, "CASE WHEN status='pending' AND created_at>updated_at AND json_valid(doc) THEN "
         "json_object('principal', json_extract(doc, '$.principal')) ELSE doc END")
    + " FROM run INDEXED BY run_unfinished WHERE " + std::string(unfinished)
    + " AND created_at>=?1 AND (created_at, tenant, id) > (?1, ?2, ?3) AND ?5 IN (0, owner)"
      " ORDER BY created_at, tenant, id LIMIT ?4";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  auto from = after ? after->key() : record_key{};
  use->bind(1, after ? to_micros(after->created_at) : std::numeric_limits<int64_t>::min());
  use->bind(2, from.tenant).bind(3, from.id).bind(4, limit).bind(5, owner_);
  std::vector<record> runs;
  for (;;) {
    auto r = next_row(*use, t, read_or_keep);
    if (!r)
      return r.error();
    if (!*r)
      return runs;
    runs.push_back(std::move(**r));
  }
}

result<std::optional<record>> sqlite_reads::unfinished_run(const record_key& key) {
  const auto& t = table_of(kind::run);
  auto use = db_->prepare(unfinished_columns(t, "doc") + " FROM run WHERE " + t.key + " AND "
                          + std::string(unfinished) + " AND ?5 IN (0, owner)");
  if (!use)
    return use.error();
  bind_key(*use, key);
  use->bind(5, owner_);
  return next_row(*use, t, read_or_keep);
}

} // namespace behalf
