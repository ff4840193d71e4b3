// Which tasks a listing shows, and where its pages end.
#include "actors/endpoints/a2a_list.hpp"
#include "actors/endpoints/a2a_message.hpp"
#include "runtime/base/json.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;
using namespace behalf::endpoints;

namespace {

result<a2a_listing> read(std::string_view params) {
  return read_listing(parse_json(params).value().as_object(), shape_limits{});
}

int code_of(std::string_view params) {
  auto what = read(params);
  return what ? 0 : a2a_code(what.error());
}

/// Threads of one owner with runs of the assistant "a".
struct listing_fixture : storage_fixture<sqlite_factory> {
  void thread(const std::string& id, std::string status = "idle", std::string owner = "alice") {
    auto row = make_thread(id, 0, {{"owner", owner}});
    row.status = std::move(status);
    REQUIRE(put(row));
  }

  void run(const std::string& on, const std::string& id, int64_t at, std::string status = "success",
           json::object a2a = {}, std::string of = "a") {
    auto row = make_run(on, id, at, std::move(status));
    row.metadata = {{"assistant_id", of}};
    if (!a2a.empty())
      row.metadata["a2a"] = std::move(a2a);
    REQUIRE(put(row));
  }

  static a2a_task_scan scan(a2a_listing what = {}, search_bounds bounds = {}) {
    query contexts{.type = kind::thread, .tenant = "acme"};
    contexts.auth_filter = filter::parse(json::object{{"owner", "alice"}}).value();
    contexts.limit = a2a_task_scan::most_contexts;
    return {std::move(contexts), "a", std::move(what), bounds};
  }

  std::vector<std::string> listed(a2a_task_scan& by, const slice_limits& limits = {}) {
    for (;;) {
      auto done = by.go_on(*db, limits);
      REQUIRE(done);
      if (*done)
        break;
    }
    std::vector<std::string> ids;
    for (const auto& task : by.page())
      ids.push_back(task.place.task_id + (task.may_wait ? "?" : ""));
    return ids;
  }

  std::vector<std::string> listed(a2a_listing what = {}) {
    auto by = scan(std::move(what));
    return listed(by);
  }
};

} // namespace

TEST_CASE("a listing's parameters are those of either version", "[a2a]") {
  const auto what = read(R"({"status":"TASK_STATE_INPUT_REQUIRED","pageSize":7,"historyLength":0,
    "statusTimestampAfter":"2026-01-01T00:00:00Z","includeArtifacts":true,"tenant":"x"})");
  REQUIRE(what);
  CHECK(what->state == a2a_state::input_required);
  CHECK(what->page_size == 7);
  CHECK(what->history_length == 0);
  CHECK(what->since == parse_iso8601("2026-01-01T00:00:00Z").value());
  CHECK(what->artifacts);
  CHECK(read(R"({"status":"input-required"})")->state == a2a_state::input_required);
  CHECK(read(R"({"lastUpdatedAfter":1500})")->since == from_micros(1'500'000));
  const auto bare = read(R"({"status":null,"pageSize":null,"pageToken":null,"contextId":""})");
  REQUIRE(bare);
  CHECK_FALSE(bare->state);
  CHECK_FALSE(bare->nothing);
  CHECK(bare->page_size == 50);
  CHECK_FALSE(read(R"({"status":"TASK_STATE_UNSPECIFIED"})")->nothing);
  for (auto none : {R"({"status":"rejected"})", R"({"status":"TASK_STATE_AUTH_REQUIRED"})",
                    R"({"contextId":"x"})"})
    CHECK(read(none)->nothing);
  for (auto wrong : {R"({"status":"TASK_STATE_"})", R"({"status":[]})", R"({"pageSize":0})",
                     R"({"pageSize":101})", R"({"pageSize":1.5})", R"({"historyLength":-1})",
                     R"({"statusTimestampAfter":"now"})", R"({"lastUpdatedAfter":1e300})",
                     R"({"includeArtifacts":1})", R"({"pageToken":"x"})", R"({"pageToken":7})"})
    CHECK(code_of(wrong) == -32602);
}

TEST_CASE("a page's token is the place where it ended", "[a2a]") {
  const a2a_place last{from_micros(1'234'567), "t:r"};
  const auto read = read_page_token(page_token(last));
  REQUIRE(read);
  CHECK(read->at == last.at);
  CHECK(read->task_id == "t:r");
  for (auto wrong : {"", "!", "MTIz", "eCB0OnI", "OTk5OTk5OTk5OTk5OTk5OTk5OTkgdDpy"})
    CHECK_FALSE(read_page_token(wrong));
}

TEST_CASE_METHOD(listing_fixture, "what changed last is listed first, of all contexts", "[a2a]") {
  CHECK(listed().empty());
  thread("t1");
  thread("t2");
  thread("t3", "idle", "bob");
  run("t1", "r1", 10);
  run("t2", "r2", 20);
  run("t1", "r3", 30, "running");
  run("t2", "r4", 40, "success", {}, "another");
  run("t3", "r5", 50);
  CHECK(listed() == names{"t1:r3", "t2:r2", "t1:r1"});
  CHECK(listed({.state = a2a_state::working}) == names{"t1:r3"});
  CHECK(listed({.since = from_micros(20)}) == names{"t1:r3", "t2:r2"});

  auto slow = scan();
  CHECK(listed(slow, {.time = std::chrono::microseconds{0}, .bytes = 1})
        == names{"t1:r3", "t2:r2", "t1:r1"});
}

TEST_CASE_METHOD(listing_fixture, "pages follow each other without hole or repetition", "[a2a]") {
  for (int n = 0; n < 9; ++n) {
    const auto id = "t" + std::to_string(n);
    thread(id);
    run(id, "r" + std::to_string(n), n / 3); // threes of one time
  }
  names all;
  a2a_listing what{.page_size = 2};
  for (bool more = true; more;) {
    auto by = scan(what);
    const auto part = listed(by);
    CHECK(by.total() == 9);
    all.insert(all.end(), part.begin(), part.end());
    more = by.more();
    CHECK(more == (all.size() < 9));
    what.after = a2a_place{from_micros((8 - static_cast<int64_t>(all.size()) + 1) / 3), all.back()};
  }
  CHECK(all
        == names{"t8:r8", "t7:r7", "t6:r6", "t5:r5", "t4:r4", "t3:r3", "t2:r2", "t1:r1", "t0:r0"});
}

TEST_CASE_METHOD(listing_fixture, "a task has its newest run's state and time", "[a2a]") {
  thread("t");
  run("t", "r1", 10);
  run("t", "r2", 20, "pending", {{"task_id", "t:r1"}});
  run("t", "r3", 30, "success", {{"task_id", "u:r1"}}); // a client's own metadata
  run("t", "r4", 40, "success", {{"task_id", 7}});
  auto by = scan();
  for (;;)
    if (by.go_on(*db).value())
      break;
  const auto found = by.page();
  REQUIRE(found.size() == 2);
  CHECK(found[0].place.task_id == "t:r4");
  CHECK(found[1].place.task_id == "t:r1");
  CHECK(found[1].run_id == "r2");
  CHECK(found[1].state == a2a_state::submitted);
}

TEST_CASE_METHOD(listing_fixture, "only the run that made the state may wait", "[a2a]") {
  for (const std::string status : {"interrupted", "busy", "idle"}) {
    const auto id = "t-" + status;
    thread(id, status);
    run(id, "r1-" + status, 10);
    run(id, "r2-" + status, 20);
    REQUIRE(put(make_checkpoint(id, "c1", {}, "r1-" + status)));
    REQUIRE(put(make_checkpoint(id, "c2", "c1", "r2-" + status)));
  }
  // While another run is under way its state has to be read.
  CHECK(listed({.state = a2a_state::input_required})
        == names{"t-interrupted:r2-interrupted?", "t-busy:r2-busy?"});
  CHECK(listed({.state = a2a_state::completed}).size() == 5);
}

TEST_CASE_METHOD(listing_fixture, "a listing has its bounds", "[a2a]") {
  for (int n = 0; n < 20; ++n) {
    const auto id = "t" + std::to_string(n);
    thread(id);
    run(id, "r" + std::to_string(n), n);
  }
  auto by = scan({}, {.rows = 10});
  result<bool> done = false;
  while (done && !*done)
    done = by.go_on(*db);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::invalid_argument);
}
