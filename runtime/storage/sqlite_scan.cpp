// The part of sqlite_reads that searches and counts, a slice at a time.
#include "runtime/base/json_cost.hpp"
#include "runtime/storage/sqlite_reads.hpp"

#include <algorithm>

namespace behalf {
namespace {

using clock = std::chrono::steady_clock;
using notes = record_scan::notes;

constexpr int64_t rarity_sample = 200;
// Records in an order no index has are collected before the first one is known: so many at most.
constexpr int64_t most_sorted = 100'000;
// No single step of a walk takes anything like this: a damaged file, or a machine that stands
// still.
constexpr std::chrono::seconds longest_slice{5};

class time_limit {
public:
  time_limit(sqlite_connection& db, deadline by) : db_(&db) { db_->set_deadline(by); }
  time_limit(const time_limit&) = delete;
  ~time_limit() { db_->set_deadline(deadline::max()); }

private:
  sqlite_connection* db_;
};

error too_long(const record_scan& s) {
  std::string what{kind_text(s.what.type)};
  return fail(errc::invalid_argument, "this search looked at " + std::to_string(s.own.looked_at)
                                        + " " + what
                                        + "s and is not at its end; narrow it by a text or number "
                                          "at the top level of metadata, or ask for fewer pages");
}

// Sorted by the order asked for, the first ones first.
struct before_in_order {
  bool descending;
  bool operator()(const notes::hit& a, const notes::hit& b) const {
    auto less = std::tie(a.sorted_by, a.seq) < std::tie(b.sorted_by, b.seq);
    auto greater = std::tie(b.sorted_by, b.seq) < std::tie(a.sorted_by, a.seq);
    return descending ? greater : less;
  }
};

notes::value value_at(const sqlite_statement& row, int column) {
  if (row.is_text(column))
    return std::string(row.text(column));
  return row.number(column);
}

int64_t page_limit(const record_scan& s) {
  return std::max<int64_t>(s.what.limit, 0);
}

// How many of the best are worth keeping: up to the page's end, and one that tells of a next page.
int64_t worth_keeping(const record_scan& s) {
  return s.what.offset + page_limit(s) + 1;
}

} // namespace

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

// The record with its document, when it is a match; `bytes`: of both as text.
result<std::optional<sqlite_reads::loaded>> sqlite_reads::load(const record_scan& s, int64_t seq,
                                                               bool with_doc) {
  const auto& q = s.what;
  const auto& t = table_of(q.type);
  auto head = db_->prepare(t.head);
  if (!head)
    return head.error();
  auto row = head->bind(1, seq).step();
  if (!row)
    return row.error();
  if (!*row) // removed between two slices
    return std::optional<loaded>{};
  auto r = read_head(*head, t, seals_);
  if (!r)
    return r.error();
  // A compressed one says nothing of what it takes.
  const auto metadata = head->is_blob(t.metadata_column()) ? held_bytes(r->metadata)
                                                           : head->text(t.metadata_column()).size();
  loaded found{std::move(*r), metadata};
  if (!matches_metadata(q, found.row))
    return std::optional<loaded>{};
  if (!with_doc && !needs_doc(q))
    return std::optional{std::move(found)};
  auto doc = db_->prepare(t.doc);
  if (!doc)
    return doc.error();
  if (row = doc->bind(1, seq).step(); !row)
    return row.error();
  const auto before = s.room ? s.room->size() : 0;
  auto read = read_doc(*doc, 0, found.row, seals_, s.room.get());
  if (!read)
    return read.error();
  found.bytes += *read;
  const auto match = matches_doc(q, found.row);
  if (s.room && (!match || !with_doc))
    s.room->resize(before);
  if (!match)
    return std::optional<loaded>{};
  if (!with_doc)
    found.row.doc.clear();
  return std::optional{std::move(found)};
}

// One candidate SQL has nothing against. True: no more are needed.
result<bool> sqlite_reads::consider(record_scan& s, const sqlite_statement& row, bool in_order,
                                    std::size_t keep) {
  auto& own = s.own;
  const auto counting = s.want == record_scan::wants::count;
  const auto trusted = all_in_sql(s.what, own.plan, counting);
  notes::hit hit{row.number(0)};
  // The rows a page begins with are read as they are found: small answers take one look at each.
  const auto now = in_order && !counting && own.kept < keep && own.skipped == s.what.offset
                   && static_cast<int64_t>(own.hits.size()) < page_limit(s);
  if (!trusted || now) {
    auto found = load(s, hit.seq, now && s.want == record_scan::wants::rows);
    const auto damaged = !found && found.error().kind == unreadable_record;
    if (!found && !damaged)
      return found.error();
    if (damaged)
      report(found.error());
    // Of a page that SQL alone decides a damaged record takes its place, wherever pages begin.
    if (damaged ? !trusted : !*found)
      return false;
    if (now && !damaged) {
      hit.bytes = (*found)->bytes;
      hit.row = std::move((*found)->row);
    }
  }
  if (counting)
    return ++s.found, false;
  if (!in_order) {
    hit.sorted_by = value_at(row, 4);
    before_in_order better{s.what.descending};
    own.hits.push_back(std::move(hit));
    std::push_heap(own.hits.begin(), own.hits.end(), better); // the last one in order on top
    if (static_cast<int64_t>(own.hits.size()) > worth_keeping(s)) {
      std::pop_heap(own.hits.begin(), own.hits.end(), better);
      own.hits.pop_back();
    }
    return false;
  }
  if (own.skipped < s.what.offset)
    return ++own.skipped, false;
  if (static_cast<int64_t>(own.hits.size()) == page_limit(s))
    return s.more = true;
  own.kept += hit.bytes;
  own.hits.push_back(std::move(hit));
  return false;
}

// All candidates are through, or enough of them.
void sqlite_reads::found_all(record_scan& s, bool in_order) {
  auto& own = s.own;
  own.at = notes::stage::fetching;
  if (s.want == record_scan::wants::count)
    return;
  if (!in_order) {
    std::sort_heap(own.hits.begin(), own.hits.end(), before_in_order{s.what.descending});
    auto skip = std::min<std::size_t>(static_cast<std::size_t>(s.what.offset), own.hits.size());
    own.hits.erase(own.hits.begin(), own.hits.begin() + static_cast<std::ptrdiff_t>(skip));
    if (static_cast<int64_t>(own.hits.size()) > page_limit(s)) {
      s.more = true;
      own.hits.resize(static_cast<std::size_t>(page_limit(s)));
    }
  }
  s.found = static_cast<int64_t>(own.hits.size());
}

result<void> sqlite_reads::look(record_scan& s, const slice_limits& limits, deadline end) {
  auto& own = s.own;
  for (;;) {
    auto from = candidates_after(own.after, s.what, own.plan, clock_());
    if (!from)
      return from.error();
    auto use = from->sql.prepare(*db_);
    if (!use)
      return use.error();
    bool any = false;
    auto all = use->each_row([&](auto& row) -> result<bool> {
      any = true;
      if (from->batch && !from->end_of_batch)
        own.after = {value_at(row, 2), value_at(row, 3)};
      if (++own.looked_at > s.bounds.rows)
        return too_long(s);
      if (row.number(1) != 0) {
        auto enough = consider(s, row, from->in_order, limits.bytes);
        if (!enough)
          return enough;
        if (*enough)
          return found_all(s, from->in_order), false;
      }
      if (clock::now() < end)
        return true;
      own.after = {value_at(row, 2), value_at(row, 3)};
      return false;
    });
    if (!all || !*all)
      return all ? result<void>{} : all.error();
    if (!from->batch)
      return found_all(s, from->in_order), result<void>{};
    if (from->end_of_batch)
      own.after = from->end_of_batch;
    else if (!any)
      return found_all(s, from->in_order), result<void>{};
  }
}

result<void> sqlite_reads::fetch(record_scan& s, const slice_limits& limits, deadline end,
                                 scan_part& into) {
  auto& own = s.own;
  for (std::size_t bytes = 0; own.next < own.hits.size(); ++own.next) {
    if (!into.rows.empty() && (bytes >= limits.bytes || clock::now() >= end))
      return {};
    auto& hit = own.hits[own.next];
    if (!hit.row) {
      auto found = load(s, hit.seq, s.want == record_scan::wants::rows);
      if (!found && found.error().kind != unreadable_record)
        return found.error();
      if (!found)
        report(found.error());
      if (!found || !*found)
        continue;
      hit.row = std::move((*found)->row);
      hit.bytes = (*found)->bytes;
    }
    bytes += hit.bytes;
    into.rows.push_back(std::move(*hit.row));
    hit.row.reset();
  }
  into.done = true;
  return {};
}

result<void> sqlite_reads::plan(record_scan& s) {
  const auto& t = table_of(s.what.type);
  s.own.plan = plan_terms(s.what);
  if (auto ordered = rarest_first(s.own.plan, t); !ordered)
    return ordered;
  auto from = candidates_after({}, s.what, s.own.plan, clock_());
  if (!from)
    return from.error();
  if (s.want != record_scan::wants::count && !from->in_order && worth_keeping(s) > most_sorted)
    return fail(
      errc::invalid_argument,
      "offset and limit reach beyond the first " + std::to_string(most_sorted)
        + ", which only the default order can; narrow the search or use sort_by's default");
  s.own.at = notes::stage::looking;
  return {};
}

result<scan_part> sqlite_reads::go_on(record_scan& s, const slice_limits& limits) {
  if (s.room)
    s.room->resize(0); // of the slice before, which its asker is done with
  const auto begun = clock::now();
  const auto end = limits.time < longest_slice ? begun + limits.time : begun + longest_slice;
  time_limit limit{*db_, std::min(s.what.by, begun + longest_slice)};
  if (begun > s.what.by)
    return fail(errc::timeout, "the search took too long");
  if (s.own.at == notes::stage::new_one)
    if (auto ok = plan(s); !ok)
      return ok.error();
  if (s.own.at == notes::stage::looking)
    if (auto ok = look(s, limits, end); !ok)
      return ok.error();
  scan_part part;
  if (s.own.at == notes::stage::fetching)
    if (auto ok = fetch(s, limits, end, part); !ok)
      return ok.error();
  s.own.spent += clock::now() - begun;
  if (!part.done && s.own.spent > s.bounds.time)
    return too_long(s);
  return part;
}

result<page> sqlite_reads::search(const query& q) {
  record_scan s{q};
  page answer;
  for (;;) {
    auto part = go_on(s, {});
    if (!part)
      return part.error();
    std::move(part->rows.begin(), part->rows.end(), std::back_inserter(answer.rows));
    answer.more = s.more;
    if (part->done)
      return answer;
  }
}

result<int64_t> sqlite_reads::count(const query& q) {
  record_scan s{q, record_scan::wants::count};
  for (;;) {
    auto part = go_on(s, {});
    if (!part)
      return part.error();
    if (part->done)
      return s.found;
  }
}

} // namespace behalf
