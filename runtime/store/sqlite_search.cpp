#include "runtime/store/sqlite_search.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace behalf {
namespace {

std::string text_list(const std::vector<std::string>& texts) {
  json::array list;
  for (const auto& t : std::set<std::string>(texts.begin(), texts.end()))
    list.emplace_back(t);
  return dump(json::value(std::move(list)));
}

std::string term_list(const std::vector<term>& terms) {
  json::array list;
  for (auto t : terms)
    list.emplace_back(t);
  return dump(json::value(std::move(list)));
}

// The smallest text above every text that starts with `prefix`, which ends in the label end.
std::string prefix_end(std::string prefix) {
  ++prefix.back();
  return prefix;
}

// Tells whether there is a next page; negative limits ask for nothing.
int64_t one_more(int64_t limit) {
  return std::clamp<int64_t>(limit, 0, std::numeric_limits<int64_t>::max() - 1) + 1;
}

bool only_unfinished(const query& q) {
  return !q.status.empty() && std::all_of(q.status.begin(), q.status.end(), [](const auto& s) {
    return s == "pending" || s == "running";
  });
}

// FROM and WHERE by term: the first one drives, the others are looked up for each of its rows.
// CROSS JOIN keeps SQLite from turning the order around.
void by_terms(bound_sql& sql, const query& q, const sqlite_table& t, const term_plan& plan) {
  auto driver = plan.any.empty() ? t.term_table
                                 : "(SELECT DISTINCT at, seq FROM " + t.term_table
                                     + " WHERE term IN (SELECT value FROM json_each("
                                     + sql.place(term_list(plan.any)) + ")))";
  sql.text += " FROM " + driver + " x CROSS JOIN " + t.name
              + " r ON r.seq=x.seq WHERE r.tenant=" + sql.place(q.tenant);
  if (!plan.any.empty())
    return;
  sql.text += " AND x.term=" + sql.place(plan.all.front());
  for (std::size_t i = 1; i < plan.all.size(); ++i)
    sql.text += " AND EXISTS (SELECT 1 FROM " + t.term_table
                + " y WHERE y.term=" + sql.place(plan.all[i]) + " AND y.at=x.at AND y.seq=x.seq)";
}

void by_ids(bound_sql& sql, const query& q, const sqlite_table& t) {
  sql.text += " FROM json_each(" + sql.place(text_list(q.ids)) + ") j CROSS JOIN " + t.name
              + " r ON r.id=j.value AND r.tenant=" + sql.place(q.tenant) + " WHERE 1";
  if (t.type == kind::checkpoint || t.type == kind::item)
    sql.text += " AND r.parent=" + sql.place(q.parent);
}

void by_place(bound_sql& sql, const query& q, const sqlite_table& t) {
  bool waiting = t.type == kind::run && q.parent.empty() && only_unfinished(q);
  sql.text += " FROM " + t.name + " r" + (waiting ? " INDEXED BY run_unfinished" : "")
              + " WHERE r.tenant=" + sql.place(q.tenant);
  if (waiting)
    sql.text += " AND r.status IN ('pending', 'running')";
  if (!q.parent.empty() || t.type == kind::checkpoint)
    sql.text += " AND r.parent=" + sql.place(q.parent);
  if (t.type == kind::item && !q.namespace_prefix.empty())
    sql.text += " AND r.parent>=" + sql.place(q.namespace_prefix) + " AND r.parent<"
                + sql.place(prefix_end(q.namespace_prefix));
}

void add_conditions(bound_sql& sql, const query& q, const sqlite_table& t, time_point now) {
  if (t.type == kind::checkpoint) {
    sql.text += " AND r.ns=" + sql.place(q.ns) + " AND r.hidden=0";
    if (!q.before.empty())
      sql.text += " AND r.id<" + sql.place(q.before);
    if (!q.run_id.empty())
      sql.text += " AND r.run_id=" + sql.place(q.run_id);
  }
  if (!q.status.empty() && (t.type == kind::thread || t.type == kind::run))
    sql.text +=
      " AND r.status IN (SELECT value FROM json_each(" + sql.place(text_list(q.status)) + "))";
  if (t.type == kind::assistant && !q.graph_id.empty())
    sql.text += " AND r.graph_id=" + sql.place(q.graph_id);
  if (t.type == kind::assistant && !q.name_part.empty())
    sql.text += " AND instr(lower(r.name), lower(" + sql.place(q.name_part) + "))>0";
  if (t.expires) {
    auto at = sql.place(to_micros(now));
    sql.text += still_there(t, "r", std::stoi(at.substr(1)));
  }
}

result<void> add_order(bound_sql& sql, const query& q, const sqlite_table& t, bool filed) {
  auto column = sort_column(t, q.sort);
  if (column.empty())
    return fail(errc::invalid_argument, "cannot sort " + t.name + "s by that key");
  std::string direction = q.descending ? " DESC" : "";
  if (filed)
    sql.text += " ORDER BY x.at" + direction + ", x.seq" + direction;
  else
    sql.text += " ORDER BY r." + std::string(column) + direction + ", r.seq" + direction;
  return {};
}

json::object searchable_item(const record& r) {
  json::array labels;
  for (auto& label : decode_namespace(r.parent))
    labels.emplace_back(label);
  json::object all = r.doc;
  all["namespace"] = std::move(labels);
  all["key"] = r.id;
  return all;
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

result<bound_sql> search_sql(const query& q, const term_plan& plan, time_point now,
                             search_answer answer) {
  const auto& t = table_of(q.type);
  bool use_terms = !t.term_table.empty() && q.ids.empty();
  bound_sql sql;
  sql.text = answer == search_answer::count ? "SELECT count(*)" : "SELECT r.seq";
  if (use_terms)
    by_terms(sql, q, t, plan);
  else if (!q.ids.empty())
    by_ids(sql, q, t);
  else
    by_place(sql, q, t);
  add_conditions(sql, q, t, now);
  if (answer == search_answer::count)
    return sql;
  if (auto ok = add_order(sql, q, t, use_terms && q.sort == t.filed_by); !ok)
    return ok.error();
  if (all_in_sql(q, plan, answer))
    sql.text += " LIMIT " + sql.place(one_more(q.limit)) + " OFFSET " + sql.place(q.offset);
  return sql;
}

// A page is checked record by record whenever visibility is at stake; a number tells nothing of
// what a record holds, so that terms may answer alone.
bool all_in_sql(const query& q, const term_plan& plan, search_answer answer) {
  bool by_metadata = !q.metadata.empty() || !q.visible.unrestricted();
  bool has_terms = !table_of(q.type).term_table.empty() && q.ids.empty();
  bool trusted = answer == search_answer::count && has_terms && plan.exact;
  return (!by_metadata || trusted) && q.values.empty() && q.value.unrestricted();
}

bool matches_head(const query& q, const record& r) {
  if (!q.metadata.empty() && !contains(r.metadata, q.metadata))
    return false;
  return r.type == kind::item || q.visible.matches(r.metadata);
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
         && (q.visible.unrestricted() || q.visible.matches(searchable_item(r)));
}

} // namespace behalf
