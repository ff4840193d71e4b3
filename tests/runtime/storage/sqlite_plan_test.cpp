// How SQLite means to answer what the server asks often: by index, in the index's order.
#include "runtime/storage/sqlite_schema.hpp"
#include "runtime/storage/sqlite_search.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

struct planner {
  temporary_folder folder;
  std::unique_ptr<sqlite_connection> db =
    sqlite_connection::open(folder.file(), sqlite_connection::access::read_write_create).value();
  planner() { REQUIRE(migrate(*db, sqlite_migrations())); }

  // The plan's lines, one per step.
  std::string explain(std::string sql) {
    auto use = db->prepare("EXPLAIN QUERY PLAN " + sql);
    if (!use)
      FAIL(use.error().message << " in " << sql);
    std::string plan;
    while (use->step().value())
      plan += std::string(use->text(3)) + "\n";
    return plan;
  }
  std::string explain(const query& q, const std::optional<record_scan::notes::place>& after = {}) {
    return explain(candidates_after(after, q, plan_terms(q), time_point{}).value().sql.text);
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Scanning is right for what holds nothing but candidates: a list that was given (json_each), the
// few rows a subquery found, the index of unfinished runs.
bool scans_a_table(std::string plan) {
  for (auto allowed : {"SCAN r USING INDEX run_unfinished", "SCAN json_each", "SCAN j VIRTUAL",
                       "SCAN (subquery-", "SCAN x\n"})
    for (auto at = plan.find(allowed); at != plan.npos; at = plan.find(allowed))
      plan.erase(at, 4);
  return has(plan, "SCAN ");
}

bool sorts(const std::string& plan) {
  return has(plan, "TEMP B-TREE");
}

} // namespace

TEST_CASE("an owner's latest threads are read in order, neither scanned nor sorted", "[storage]") {
  planner p;
  query q{.tenant = "acme", .auth_filter = make_filter({{"owner", "alice"}})};
  for (bool descending : {true, false}) {
    q.descending = descending;
    auto plan = p.explain(q);
    CAPTURE(plan);
    CHECK_FALSE(scans_a_table(plan));
    CHECK_FALSE(sorts(plan));
    CHECK(has(plan, "SEARCH x USING PRIMARY KEY (term=?)"));
  }
}

TEST_CASE("a second condition on metadata is a lookup per row", "[storage]") {
  planner p;
  query q{.tenant = "acme",
          .status = {"busy"},
          .metadata = {{"graph_id", "inbox"}},
          .auth_filter = make_filter({{"owner", "alice"}})};
  auto plan = p.explain(q);
  CAPTURE(plan);
  CHECK_FALSE(scans_a_table(plan));
  CHECK_FALSE(sorts(plan));
  CHECK(has(plan, "SEARCH y USING PRIMARY KEY (term=? AND at=? AND seq=?)"));
}

TEST_CASE("no frequent search scans a table", "[storage]") {
  planner p;
  auto alice = make_filter({{"owner", "alice"}});
  auto either =
    make_filter({{"$or", {json::object{{"owner", "alice"}}, json::object{{"public", true}}}}});
  auto prefix = encode_namespace({"alice"}).value();
  const query searches[]{
    {.tenant = "acme"},
    {.tenant = "acme", .auth_filter = alice, .sort = sort_key::created_at},
    {.tenant = "acme", .auth_filter = either},
    {.tenant = "acme", .ids = {"t1", "t2"}, .auth_filter = alice},
    {.type = kind::assistant, .tenant = "acme", .graph_id = "inbox", .sort = sort_key::created_at},
    {.type = kind::run, .tenant = "acme", .parent = "t1", .sort = sort_key::created_at},
    {.type = kind::run, .tenant = "acme", .status = {"pending"}, .sort = sort_key::created_at},
    {.type = kind::run, .tenant = "acme", .status = {"success"}, .sort = sort_key::created_at},
    {.type = kind::checkpoint,
     .tenant = "acme",
     .parent = "t1",
     .before = "c",
     .sort = sort_key::id},
    {.type = kind::item, .tenant = "acme", .namespace_prefix = prefix},
    {.type = kind::assistant_version, .tenant = "acme", .parent = "a1", .sort = sort_key::id},
    {.type = kind::cron, .tenant = "acme", .sort = sort_key::next_at},
    {.type = kind::cron, .tenant = "acme", .parent = "t1", .sort = sort_key::created_at},
    {.type = kind::item, .tenant = "acme", .parent = prefix, .sort = sort_key::id},
  };
  using places = std::optional<record_scan::notes::place>;
  for (const auto& q : searches)
    for (const auto& after : {places{}, places{{int64_t{7}, int64_t{8}}}}) {
      if (after && !q.ids.empty())
        continue; // goes on by what is left of the list
      auto plan = p.explain(q, after);
      CAPTURE(plan);
      CHECK_FALSE(scans_a_table(plan));
      CHECK((q.auth_filter.spec().contains("$or") || !sorts(plan))); // a merge sorts one batch
    }
}

TEST_CASE("a walk that goes on begins where it stopped", "[storage]") {
  planner p;
  record_scan::notes::place at{int64_t{7}, int64_t{8}};
  query mine{.tenant = "acme", .auth_filter = make_filter({{"owner", "alice"}})};
  CHECK(has(p.explain(mine, at), "SEARCH x USING PRIMARY KEY (term=? AND (at,seq)<(?,?))"));
  query runs{.type = kind::run, .tenant = "acme", .parent = "t1", .sort = sort_key::created_at};
  CHECK(has(p.explain(runs, at), "run_by_thread (tenant=? AND parent=? AND created_at<?)"));
  query past{.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  CHECK(has(p.explain(past, at), "(tenant=? AND parent=? AND ns=? AND id<?)"));
  query items{.type = kind::item, .tenant = "acme"};
  CHECK(has(p.explain(items, at), "(tenant=? AND (parent,id)>(?,?))"));
}

TEST_CASE("runs, checkpoints and history come out of their index in order", "[storage]") {
  planner p;
  CHECK_FALSE(sorts(p.explain(
    {.type = kind::run, .tenant = "acme", .parent = "t1", .sort = sort_key::created_at})));
  query history{.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  CHECK_FALSE(sorts(p.explain(history)));
}

TEST_CASE("every record is found and removed by index", "[storage]") {
  planner p;
  for (auto k : all_kinds) {
    const auto& t = table_of(k);
    for (const auto& sql : {t.find, t.find_head, t.head, t.doc, t.update, t.remove}) {
      auto plan = p.explain(sql);
      CAPTURE(sql, plan);
      CHECK_FALSE(scans_a_table(plan));
    }
  }
  // What a removed thread takes along.
  CHECK_FALSE(scans_a_table(p.explain("DELETE FROM run WHERE tenant=?1 AND parent=?2")));
  CHECK_FALSE(scans_a_table(p.explain("DELETE FROM checkpoint WHERE tenant=?1 AND parent=?2")));
  CHECK_FALSE(
    scans_a_table(p.explain("DELETE FROM assistant_version WHERE tenant=?1 AND parent=?2")));
  CHECK_FALSE(scans_a_table(p.explain("DELETE FROM cron WHERE tenant=?1 AND parent=?2")));
  CHECK_FALSE(scans_a_table(p.explain("DELETE FROM cron WHERE tenant=?1 AND assistant_id=?2")));
  CHECK_FALSE(scans_a_table(p.explain("DELETE FROM cron_term WHERE seq=?1")));
}
