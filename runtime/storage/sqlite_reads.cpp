#include "runtime/storage/sqlite_reads.hpp"

#include "runtime/base/log.hpp"
#include "runtime/net/codec.hpp"

#include <limits>

namespace behalf {
namespace {

result<record> read_row(sqlite_statement& use, const sqlite_table& t, sealing& seals,
                        fair_budget::share* room) {
  auto r = read_head(use, t, seals);
  if (!r)
    return r;
  if (auto doc = read_doc(use, t.metadata_column() + 1, *r, seals, room); !doc)
    return doc.error();
  return r;
}

// A row of `unfinished_columns`. What cannot be read comes as it is stored.
result<record> read_or_keep(sqlite_statement& use, const sqlite_table& t, sealing& seals) {
  const auto fence = use.number(t.metadata_column() + 2);
  auto r = read_row(use, t, seals, nullptr);
  if (r) {
    r->fence = fence;
    return r;
  }
  if (r.error().kind != unreadable_record)
    return r;
  auto raw = bare_row(use, t);
  raw.fence = fence;
  raw.doc_text = std::string(use.text(t.metadata_column())) + '\n';
  const auto doc = t.metadata_column() + 1;
  if (use.is_blob(doc))
    append_base64(raw.doc_text, use.text(doc));
  else
    raw.doc_text += use.text(doc);
  return raw;
}

// The one row there is, or none.
template <class Read>
result<std::optional<record>> only_row(sqlite_statement& use, const sqlite_table& t, Read read) {
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

bool is_for_later(const record& run) {
  return run.status == "pending" && run.created_at > run.updated_at;
}

void keep_only(json::object& doc, std::string_view name) {
  json::object kept;
  if (auto* one = doc.if_contains(name))
    kept[name] = std::move(*one);
  doc = std::move(kept);
}

constexpr std::string_view unfinished = "status IN ('pending', 'running')";

// Up to FROM.
std::string unfinished_columns(const sqlite_table& t) {
  return t.head.substr(0, t.head.find(" FROM ")) + ", doc, fence";
}

} // namespace

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
  auto row = only_row(*use, t, [&](sqlite_statement& row, const sqlite_table& of) {
    return read_row(row, of, seals_, room);
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
  return only_row(*use, t, [this](const sqlite_statement& row, const sqlite_table& of) {
    return read_head(row, of, seals_);
  });
}

result<std::optional<std::string>> sqlite_reads::next_namespace(const std::string& tenant,
                                                                const std::string& from) {
  auto use = db_->prepare(
    "SELECT parent FROM item WHERE tenant=?1 AND parent>=?2 ORDER BY tenant, parent LIMIT 1");
  if (!use)
    return use.error();
  auto row = use->bind(1, tenant).bind(2, from).step();
  if (!row)
    return row.error();
  return *row ? std::optional{std::string(use->text(0))} : std::nullopt;
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
    unfinished_columns(t) + " FROM run INDEXED BY run_unfinished WHERE " + std::string(unfinished)
    + " AND created_at>=?1 AND (created_at, tenant, id) > (?1, ?2, ?3) AND ?5 IN (0, owner)"
      " ORDER BY created_at, tenant, id LIMIT ?4";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  auto from = after ? after->key() : record_key{};
  use->bind(1, after ? to_micros(after->created_at) : std::numeric_limits<int64_t>::min());
  use->bind(2, from.tenant).bind(3, from.id).bind(4, limit).bind(5, owner_);
  std::vector<record> runs;
  auto read = use->each_row([&](auto& row) -> result<bool> {
    auto r = read_or_keep(row, t, seals_);
    if (!r)
      return r.error();
    if (is_for_later(*r))
      keep_only(r->doc, "principal");
    runs.push_back(std::move(*r));
    return true;
  });
  if (!read)
    return read.error();
  return runs;
}

result<std::vector<record>> sqlite_reads::next_crons(const record* after, int64_t limit) {
  const auto& t = table_of(kind::cron);
  static const auto sql = t.head.substr(0, t.head.find(", metadata"))
                          + " FROM cron INDEXED BY cron_due WHERE status='enabled' AND next_at IS"
                            " NOT NULL AND next_at>=?1 AND (next_at, tenant, id) > (?1, ?2, ?3)"
                            " ORDER BY next_at, tenant, id LIMIT ?4";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  auto from = after ? after->key() : record_key{};
  use->bind(1, after ? to_micros(*after->next_at) : std::numeric_limits<int64_t>::min());
  use->bind(2, from.tenant).bind(3, from.id).bind(4, limit);
  std::vector<record> crons;
  auto read = use->each_row([&](auto& row) { crons.push_back(bare_row(row, t)); });
  if (!read)
    return read.error();
  return crons;
}

// One that cannot be read is reported and passed over: it is one call that is not made.
result<std::vector<record>> sqlite_reads::webhook_calls(const record* after, int64_t limit) {
  const auto& t = table_of(kind::webhook_call);
  auto use = db_->prepare(t.head.substr(0, t.head.find(" WHERE"))
                          + " WHERE (tenant, id) > (?1, ?2) ORDER BY tenant, id LIMIT ?3");
  if (!use)
    return use.error();
  auto from = after ? after->key() : record_key{};
  use->bind(1, from.tenant).bind(2, from.id).bind(3, limit);
  std::vector<record> calls;
  auto read = use->each_row([&](auto& row) -> result<bool> {
    auto r = read_head(row, t, seals_);
    if (r)
      calls.push_back(std::move(*r));
    else if (r.error().kind == unreadable_record)
      report(r.error());
    else
      return r.error();
    return true;
  });
  if (!read)
    return read.error();
  return calls;
}

result<std::optional<record>> sqlite_reads::unfinished_run(const record_key& key) {
  const auto& t = table_of(kind::run);
  auto use = db_->prepare(unfinished_columns(t) + " FROM run WHERE " + t.key + " AND "
                          + std::string(unfinished) + " AND ?5 IN (0, owner)");
  if (!use)
    return use.error();
  bind_key(*use, key);
  use->bind(5, owner_);
  return only_row(*use, t, [this](sqlite_statement& row, const sqlite_table& of) {
    return read_or_keep(row, of, seals_);
  });
}

} // namespace behalf
