#include "runtime/storage/sqlite_search.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

constexpr std::size_t batch_size = 512;

std::string text_list(const std::vector<std::string>& texts) {
  json::array list;
  for (const auto& t : std::set<std::string>(texts.begin(), texts.end()))
    list.emplace_back(t);
  return dump(json::value(std::move(list)));
}

// The smallest text above every text that starts with `prefix`, which ends in the label end.
std::string prefix_end(std::string prefix) {
  ++prefix.back();
  return prefix;
}

bool only_unfinished(const query& q) {
  return !q.status.empty() && std::all_of(q.status.begin(), q.status.end(), [](const auto& s) {
    return s == "pending" || s == "running";
  });
}

// A walk through candidates: where they come from, and by which two columns it goes on.
struct walk {
  std::string from, where, first, second;
  bool in_order = false, descending = true, batch = false;
};

using place = record_scan::notes::place;
using optional_place = std::optional<place>;

// "AND (first, second) < (…)": what comes after `after` in the walk.
std::string beyond(bound_sql& sql, const optional_place& after, const std::string& first,
                   const std::string& second, bool descending) {
  if (!after)
    return {};
  std::string than = descending ? "<" : ">";
  if (second.empty())
    return " AND " + first + than + sql.place(after->first);
  return " AND (" + first + ", " + second + ")" + than + "(" + sql.place(after->first) + ", "
         + sql.place(after->second) + ")";
}

std::string ordered_by(const std::string& first, const std::string& second, bool descending) {
  std::string direction = descending ? " DESC" : "";
  return " ORDER BY " + first + direction + (second.empty() ? "" : ", " + second + direction);
}

// The first term drives; CROSS JOIN keeps SQLite from turning the order around.
walk by_term(bound_sql& sql, const query& q, const sqlite_table& t, const term_plan& plan) {
  walk w;
  w.in_order = q.sort == t.filed_by;
  w.descending = !w.in_order || q.descending;
  w.first = "x.at", w.second = "x.seq";
  w.from = t.term_table + " x CROSS JOIN " + t.name + " r ON r.seq=x.seq";
  w.where = "x.term=" + sql.place(plan.all.front());
  return w;
}

// Any of several terms: each one's next few, merged.
walk by_any_term(bound_sql& sql, const query& q, const sqlite_table& t, const term_plan& plan,
                 const optional_place& after) {
  walk w;
  w.in_order = q.sort == t.filed_by;
  w.descending = !w.in_order || q.descending;
  w.batch = true;
  w.first = "x.at", w.second = "x.seq";
  auto few = ordered_by("at", "seq", w.descending) + " LIMIT " + std::to_string(batch_size);
  std::string all;
  for (auto one : plan.any)
    all += (all.empty() ? "" : " UNION ") + ("SELECT * FROM (SELECT at, seq FROM " + t.term_table)
           + " WHERE term=" + sql.place(one) + beyond(sql, after, "at", "seq", w.descending) + few
           + ")";
  w.from = "(" + all + few + ") x CROSS JOIN " + t.name + " r ON r.seq=x.seq";
  w.where = "1";
  return w;
}

// The ids given, in their own order, a batch at a time.
walk by_ids(bound_sql& sql, const query& q, const sqlite_table& t, const optional_place& after,
            candidates& into) {
  std::set<std::string> ids{q.ids.begin(), q.ids.end()};
  auto from = after ? ids.upper_bound(std::get<std::string>(after->first)) : ids.begin();
  json::array list;
  for (; from != ids.end() && list.size() < batch_size; ++from) {
    list.emplace_back(*from);
    into.end_of_batch = place{*from, std::string{}};
  }
  walk w;
  w.descending = false;
  w.batch = from != ids.end();
  w.first = "r.id";
  w.from = "json_each(" + sql.place(dump(json::value(std::move(list)))) + ") j CROSS JOIN " + t.name
           + " r ON r.id=j.value AND r.tenant=" + sql.place(q.tenant);
  w.where = "1";
  if (named_within_parent(t.type))
    w.where = "r.parent=" + sql.place(q.parent);
  return w;
}

walk by_place(bound_sql& sql, const query& q, const sqlite_table& t) {
  walk w;
  bool waiting = t.type == kind::run && q.parent.empty() && only_unfinished(q);
  bool of_thread = t.type == kind::run && !q.parent.empty();
  w.from = t.name + " r";
  w.where = "r.tenant=" + sql.place(q.tenant);
  w.first = "r.id";
  if (waiting || of_thread) {
    w.from += waiting ? " INDEXED BY run_unfinished" : " INDEXED BY run_by_thread";
    w.first = "r.created_at", w.second = "r.seq";
  }
  if (waiting)
    w.where += " AND r.status IN ('pending', 'running')";
  if ((!q.parent.empty() && t.type != kind::webhook_call) || t.type == kind::checkpoint
      || t.type == kind::assistant_version)
    w.where += " AND r.parent=" + sql.place(q.parent);
  if (t.type == kind::checkpoint)
    w.where += " AND r.ns=" + sql.place(q.ns);
  if (!q.before.empty() && t.type == kind::checkpoint)
    w.where += " AND r.id<" + sql.place(q.before);
  if (t.type == kind::item && q.parent.empty())
    w.first = "r.parent", w.second = "r.id";
  if (t.type == kind::item && !q.namespace_prefix.empty())
    w.where += " AND r.parent>=" + sql.place(q.namespace_prefix) + " AND r.parent<"
               + sql.place(prefix_end(q.namespace_prefix));
  w.in_order = w.first == "r." + std::string(sort_column(t, q.sort));
  w.descending = w.in_order && q.descending;
  return w;
}

// What SQL can tell of a candidate.
std::string conditions(bound_sql& sql, const query& q, const sqlite_table& t, const term_plan& plan,
                       time_point now) {
  auto text = "r.tenant=" + sql.place(q.tenant);
  if (!t.term_table.empty() && q.ids.empty() && plan.any.empty())
    for (std::size_t i = 1; i < plan.all.size(); ++i)
      text += " AND EXISTS (SELECT 1 FROM " + t.term_table
              + " y WHERE y.term=" + sql.place(plan.all[i]) + " AND y.at=x.at AND y.seq=x.seq)";
  if (t.type == kind::checkpoint) {
    text += " AND r.hidden=0";
    if (!q.ids.empty())
      text += " AND r.ns=" + sql.place(q.ns);
    if (!q.ids.empty() && !q.before.empty())
      text += " AND r.id<" + sql.place(q.before);
    if (!q.run_id.empty())
      text += " AND r.run_id=" + sql.place(q.run_id);
  }
  if (t.type == kind::run && !q.ids.empty() && !q.parent.empty())
    text += " AND r.parent=" + sql.place(q.parent);
  if (!q.status.empty() && (t.type == kind::thread || t.type == kind::run || t.type == kind::cron))
    text +=
      " AND r.status IN (SELECT value FROM json_each(" + sql.place(text_list(q.status)) + "))";
  if (t.type == kind::cron && !q.assistant_id.empty())
    text += " AND r.assistant_id=" + sql.place(q.assistant_id);
  if (t.type == kind::cron && !q.parent.empty())
    text += " AND r.parent=" + sql.place(q.parent);
  if (t.type == kind::assistant && !q.graph_id.empty())
    text += " AND r.graph_id=" + sql.place(q.graph_id);
  if (t.type == kind::assistant && !q.name_part.empty())
    text += " AND instr(lower(r.name), lower(" + sql.place(q.name_part) + "))>0";
  if (t.expires) {
    auto at = sql.place(to_micros(now));
    text += still_there(t, "r", std::stoi(at.substr(1)));
  }
  return text;
}

} // namespace

result<sqlite_statement> bound_sql::prepare(sqlite_connection& db) const {
  auto use = db.prepare(text);
  if (!use)
    return use;
  for (int at = 1; const auto& p : parameters_)
    std::visit([&](const auto& v) { use->bind(at++, v); }, p);
  return use;
}

result<candidates> candidates_after(const optional_place& after, const query& q,
                                    const term_plan& plan, time_point now) {
  const auto& t = table_of(q.type);
  auto column = sort_column(t, q.sort);
  if (column.empty())
    return fail(errc::invalid_argument, "cannot sort " + t.name + "s by that key");
  candidates found;
  auto& sql = found.sql;
  bool by_terms = !t.term_table.empty() && q.ids.empty();
  auto w = !q.ids.empty()                 ? by_ids(sql, q, t, after, found)
           : by_terms && plan.any.empty() ? by_term(sql, q, t, plan)
           : by_terms                     ? by_any_term(sql, q, t, plan, after)
                                          : by_place(sql, q, t);
  found.in_order = w.in_order;
  found.batch = w.batch;
  if (!w.batch && q.ids.empty())
    w.where += beyond(sql, after, w.first, w.second, w.descending);
  sql.text = "SELECT r.seq, (" + conditions(sql, q, t, plan, now) + "), " + w.first + ", "
             + (w.second.empty() ? "''" : w.second)
             + (w.in_order ? "" : ", r." + std::string(column)) + " FROM " + w.from + " WHERE "
             + w.where;
  if (q.ids.empty())
    sql.text += ordered_by(w.first, w.second, w.descending);
  return found;
}

// A page is checked record by record whenever visibility is at stake.
bool all_in_sql(const query& q, const term_plan& plan, bool counting) {
  bool by_metadata = !q.metadata.empty() || !q.auth_filter.unrestricted();
  bool has_terms = !table_of(q.type).term_table.empty() && q.ids.empty();
  bool trusted = counting && has_terms && plan.exact;
  return (!by_metadata || trusted) && q.values.empty() && q.value.unrestricted();
}

bool needs_doc(const query& q) {
  return !q.values.empty()
         || (q.type == kind::item && !(q.value.unrestricted() && q.auth_filter.unrestricted()));
}

bool matches_metadata(const query& q, const record& r) {
  if (!q.metadata.empty() && !contains(r.metadata, q.metadata))
    return false;
  return r.type == kind::item || q.auth_filter.matches(r.metadata);
}

bool matches_doc(const query& q, const record& r) {
  if (!q.values.empty()) {
    const auto* values = member(r.doc, "values");
    if (!values || !contains(*values, q.values))
      return false;
  }
  if (r.type != kind::item)
    return true;
  return q.value.matches(r.doc)
         && (q.auth_filter.unrestricted() || q.auth_filter.matches(item_fields(r)));
}

} // namespace behalf
