// The figures of sqlite_reads and sqlite_writes on what chat models were asked.
#include "runtime/storage/sqlite_reads.hpp"
#include "runtime/storage/sqlite_writes.hpp"
#include "runtime/storage/usage.hpp"

namespace behalf {
namespace {

// What stands in the place of a key that the rows are added up over.
struct grouping {
  std::string_view keys;  // tenant, owner, identity, day, model, agent
  std::string_view group; // behind the sums
};

grouping grouping_of(usage_by by) {
  switch (by) {
  case usage_by::day:
    return {"'', '', '', day, '', ''", " GROUP BY day ORDER BY day"};
  case usage_by::model:
    return {"'', '', '', 0, model, ''", " GROUP BY model ORDER BY total(cost) DESC, model"};
  case usage_by::agent:
    return {"'', '', '', 0, '', agent", " GROUP BY agent ORDER BY total(cost) DESC, agent"};
  case usage_by::user:
    return {"tenant, owner, max(identity), 0, '', ''",
            " GROUP BY tenant, owner ORDER BY total(cost) DESC, total(output) DESC, owner"};
  case usage_by::row:
    break;
  }
  return {"tenant, owner, identity, day, model, agent", " GROUP BY seq ORDER BY seq"};
}

// sum() would fail where figures that a provider made up are too large.
constexpr std::string_view sums =
  ", CAST(total(requests) AS INTEGER), CAST(total(input) AS INTEGER),"
  " CAST(total(cache_read) AS INTEGER), CAST(total(cache_creation) AS INTEGER),"
  " CAST(total(output) AS INTEGER), CAST(total(reasoning) AS INTEGER),"
  " CAST(total(cost) AS INTEGER), CAST(total(tool_calls) AS INTEGER)";

usage_row row_of(const sqlite_statement& at) {
  usage_row row;
  row.tenant = at.text(0);
  row.owner = at.text(1);
  row.identity = at.text(2);
  row.day = at.number(3);
  row.model = at.text(4);
  row.agent = at.text(5);
  row.used = {at.number(6),  at.number(7),  at.number(8),  at.number(9),
              at.number(10), at.number(11), at.number(12), at.number(13)};
  return row;
}

} // namespace

result<std::vector<usage_row>> sqlite_reads::usage(const usage_question& q) {
  const auto how = grouping_of(q.by);
  std::string sql = "SELECT " + std::string(how.keys) + std::string(sums)
                    + " FROM usage WHERE day BETWEEN ?1 AND ?2";
  if (q.tenant)
    sql += " AND tenant=?4";
  if (q.owner)
    sql += " AND owner=?5";
  auto use = db_->prepare(sql + std::string(how.group) + " LIMIT ?3");
  if (!use)
    return use.error();
  use->bind(1, q.first).bind(2, q.last).bind(3, q.most);
  if (q.tenant)
    use->bind(4, *q.tenant);
  if (q.owner)
    use->bind(5, *q.owner);
  std::vector<usage_row> rows;
  auto read = use->each_row([&](auto& row) { rows.push_back(row_of(row)); });
  if (!read)
    return read.error();
  return rows;
}

// Bounded, so that no figure becomes one that the column cannot hold.
result<void> sqlite_writes::add_usage(const usage_row& row) {
  const auto& more = row.used;
  auto done = change(
    "INSERT INTO usage (tenant, owner, identity, model, agent, day, requests, input, cache_read,"
    " cache_creation, output, reasoning, cost, tool_calls)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    " ON CONFLICT (tenant, owner, day, model, agent) DO UPDATE SET identity=excluded.identity,"
    " requests=requests+excluded.requests, input=min(input+excluded.input, 1<<60),"
    " cache_read=min(cache_read+excluded.cache_read, 1<<60),"
    " cache_creation=min(cache_creation+excluded.cache_creation, 1<<60),"
    " output=min(output+excluded.output, 1<<60),"
    " reasoning=min(reasoning+excluded.reasoning, 1<<60), cost=min(cost+excluded.cost, 1<<60),"
    " tool_calls=tool_calls+excluded.tool_calls",
    {row.tenant, row.owner, row.identity, row.model, row.agent},
    {row.day, more.requests, more.input, more.cache_read, more.cache_creation, more.output,
     more.reasoning, more.cost, more.tool_calls});
  return done ? result<void>{} : done.error();
}

result<int64_t> sqlite_writes::sweep_usage(time_point older_than, int64_t max_rows) {
  return change("DELETE FROM usage WHERE seq IN (SELECT seq FROM usage INDEXED BY usage_by_day"
                " WHERE day<?1 LIMIT ?2)",
                {}, {day_of(older_than), max_rows});
}

} // namespace behalf
