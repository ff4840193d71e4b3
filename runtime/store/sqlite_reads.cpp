#include "runtime/store/sqlite_reads.hpp"

#include "runtime/base/log.hpp"

#include <algorithm>
#include <limits>

namespace behalf {
namespace {

constexpr int64_t rarity_sample = 200;

class time_limit {
public:
  time_limit(sqlite_connection& db, deadline by) : db_(by == deadline::max() ? nullptr : &db) {
    if (db_)
      db_->set_deadline(by);
  }
  time_limit(const time_limit&) = delete;
  ~time_limit() {
    if (db_)
      db_->set_deadline(deadline::max());
  }

private:
  sqlite_connection* db_;
};

result<std::optional<record>> read_row(sqlite_statement& use, const sqlite_table& t) {
  auto row = use.step();
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<record>{};
  auto r = read_head(use, t);
  if (!r)
    return r.error();
  if (auto doc = read_doc(use, t.metadata_column() + 1, *r); !doc)
    return doc.error();
  return std::optional{std::move(*r)};
}

// As read_row, but what cannot be read comes as it is stored.
result<std::optional<record>> read_or_keep(sqlite_statement& use, const sqlite_table& t) {
  auto row = use.step();
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<record>{};
  auto r = read_head(use, t);
  if (r && read_doc(use, t.metadata_column() + 1, *r))
    return std::optional{std::move(*r)};
  record raw;
  raw.type = t.type;
  raw.revision = use.number(1);
  for (int at = t.first_column(); const auto& c : t.columns)
    c.read(use, at++, raw);
  raw.doc_text = std::string(use.text(t.metadata_column())) + '\n'
                 + std::string(use.text(t.metadata_column() + 1));
  return std::optional{std::move(raw)};
}

constexpr std::string_view unfinished = "status IN ('pending', 'running')";

} // namespace

result<std::optional<record>> sqlite_reads::find(const record_key& key, bool hidden_too) {
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
  return read_row(*use, t);
}

result<std::optional<record>> sqlite_reads::get(const record_key& key) {
  return find(key, false);
}

// The record, when it is a match.
result<std::optional<record>> sqlite_reads::load(const query& q, int64_t seq) {
  const auto& t = table_of(q.type);
  auto head = db_->prepare(t.head);
  if (!head)
    return head.error();
  auto row = head->bind(1, seq).step();
  if (!row)
    return row.error();
  auto r = read_head(*head, t);
  if (!r)
    return r.error();
  if (!matches_head(q, *r))
    return std::optional<record>{};
  auto doc = db_->prepare(t.doc);
  if (!doc)
    return doc.error();
  if (row = doc->bind(1, seq).step(); !row)
    return row.error();
  if (auto read = read_doc(*doc, 0, *r); !read)
    return read.error();
  return matches_doc(q, *r) ? std::optional{std::move(*r)} : std::optional<record>{};
}

// With several terms the one with the fewest records drives; a sample tells rare from common.
result<void> sqlite_reads::rarest_first(term_plan& plan, const sqlite_table& t) {
  if (t.term_table.empty() || plan.all.size() < 2)
    return {};
  auto sql = "SELECT count(*) FROM (SELECT 1 FROM " + t.term_table + " WHERE term=?1 LIMIT ?2)";
  std::vector<std::pair<int64_t, term>> counted;
  for (auto candidate : plan.all) {
    auto use = db_->prepare(sql);
    if (!use)
      return use.error();
    auto row = use->bind(1, candidate).bind(2, rarity_sample).step();
    if (!row)
      return row.error();
    counted.emplace_back(use->number(0), candidate);
  }
  std::stable_sort(counted.begin(), counted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::transform(counted.begin(), counted.end(), plan.all.begin(),
                 [](const auto& c) { return c.second; });
  return {};
}

result<void> sqlite_reads::each_match(const query& q,
                                      const std::function<bool(record&&)>& on_match) {
  const auto& t = table_of(q.type);
  time_limit limit{*db_, q.by};
  passed_over_ = 0;
  auto plan = plan_terms(q);
  if (auto ordered = rarest_first(plan, t); !ordered)
    return ordered;
  auto sql = search_sql(q, plan, clock_(), search_answer::rows);
  if (!sql)
    return sql.error();
  auto candidates = sql->prepare(*db_);
  if (!candidates)
    return candidates.error();
  for (;;) {
    auto row = candidates->step();
    if (!row)
      return row.error();
    if (!*row)
      return {};
    if (std::chrono::steady_clock::now() > q.by)
      return fail(errc::timeout, "the search took too long");
    auto found = load(q, candidates->number(0));
    if (!found && found.error().kind == unreadable_record) {
      report(found.error());
      ++passed_over_;
      continue;
    }
    if (!found)
      return found.error();
    if (*found && !on_match(std::move(**found)))
      return {};
  }
}

// Once for each: lists are read again and again.
void sqlite_reads::report(const error& unreadable) {
  constexpr std::size_t most = 1000;
  if (reported_.size() < most && reported_.insert(unreadable.message).second)
    log::error("record_unreadable", {{"file", db_->path()}, {"reason", unreadable.message}});
}

result<page> sqlite_reads::search(const query& q) {
  page answer;
  auto limit = static_cast<std::size_t>(std::max<int64_t>(q.limit, 0));
  auto skip = all_in_sql(q, plan_terms(q), search_answer::rows) ? 0 : q.offset;
  auto done = each_match(q, [&](record&& r) {
    if (skip-- > 0)
      return true;
    if (answer.rows.size() == limit) {
      answer.more = true;
      return false;
    }
    answer.rows.push_back(std::move(r));
    return true;
  });
  if (!done)
    return done.error();
  // A damaged record took a place on the page: what follows must not seem to be the end.
  answer.more = answer.more || answer.rows.size() + passed_over_ > limit;
  return answer;
}

result<int64_t> sqlite_reads::count(const query& q) {
  auto plan = plan_terms(q);
  int64_t matches = 0;
  if (!all_in_sql(q, plan, search_answer::count)) {
    auto everything = q;
    everything.offset = 0;
    auto done = each_match(everything, [&](record&&) { return ++matches, true; });
    return done ? result<int64_t>{matches} : result<int64_t>{done.error()};
  }
  time_limit limit{*db_, q.by};
  auto sql = search_sql(q, plan, clock_(), search_answer::count);
  if (!sql)
    return sql.error();
  auto use = sql->prepare(*db_);
  if (!use)
    return use.error();
  auto row = use->step();
  if (!row)
    return row.error();
  return use->number(0);
}

result<std::vector<record>> sqlite_reads::unfinished_runs(const record* after, int64_t limit) {
  const auto& t = table_of(kind::run);
  // Of runs that wait for their time there may be many, and what they are to do may be long.
  auto sql = t.head.substr(0, t.head.find(" FROM "))
             + ", CASE WHEN status='pending' AND created_at>updated_at AND json_valid(doc) THEN "
               "json_object('principal', json_extract(doc, '$.principal')) ELSE doc END FROM "
             + t.name + " INDEXED BY run_unfinished WHERE " + std::string(unfinished)
             + " AND created_at>=?1 AND (created_at, tenant, id) > (?1, ?2, ?3)"
               " ORDER BY created_at, tenant, id LIMIT ?4";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  auto from = after ? after->key() : record_key{};
  use->bind(1, after ? to_micros(after->created_at) : std::numeric_limits<int64_t>::min());
  use->bind(2, from.tenant).bind(3, from.id).bind(4, limit);
  std::vector<record> runs;
  for (;;) {
    auto r = read_or_keep(*use, t);
    if (!r)
      return r.error();
    if (!*r)
      return runs;
    runs.push_back(std::move(**r));
  }
}

result<std::optional<record>> sqlite_reads::unfinished_run(const record_key& key) {
  const auto& t = table_of(kind::run);
  auto use = db_->prepare(t.find + " AND " + std::string(unfinished));
  if (!use)
    return use.error();
  bind_key(*use, key);
  return read_or_keep(*use, t);
}

} // namespace behalf
