// A run that had to wait for another one, or for the server to start again.
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

const json::object nothing{{"input", json::object{}}};

bool says_running(const write_batch& what, const std::string& run_id) {
  return std::any_of(what.puts.begin(), what.puts.end(), [&](const write_batch::put& p) {
    return p.row.type == kind::run && p.row.id == run_id && p.row.status == "running";
  });
}

} // namespace

TEST_CASE_METHOD(run_fixture, "a run that waited does nothing before it is stored as running",
                 "[runs]") {
  auto flow = runs::call();
  auto thread = uuid7();
  serve(flow);
  open();
  outside.hold = true;
  auto first = start(thread, flow->name(), nothing), second = start(thread, flow->name(), nothing);
  CHECK(run_status(second) == "pending");
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    disk.hold = disk.hold || says_running(what, second.plan->run_id);
    return std::nullopt;
  };
  let_outside_go();
  CHECK(run_status(first) == "success");
  REQUIRE(disk.hold); // a crash now would find the second one pending, and nothing done
  CHECK(outside.calls.size() == 1);

  disk.refuse = nullptr;
  let_disk_go();
  CHECK(outside.calls.size() == 2);
  CHECK(run_status(second) == "success");
}

} // namespace behalf
