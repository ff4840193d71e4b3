// Receipts: given for lines that are on disk, and for no others.
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/storage/records.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/small_disk.hpp"

namespace behalf {
namespace {

// Outlives the actors, which end with the other base.
struct counted {
  metrics meters;
};

struct audit_fixture : counted, actor_fixture {
  scratch_folder folder;
  std::string path = folder / "audit.log";
  audit_actor audit;

  audit_fixture() { open(); }
  void open() {
    audit = own(outside::spawn_audit(sys, audit_log::open(path).value(), &meters, false));
  }
  void close() {
    self->send_exit(audit, caf::exit_reason::kill);
    owned.clear();
    audit = nullptr;
    sched.run();
  }

  static audit_event call(const std::string& run_id) {
    audit_event m;
    m.what.who = {"acme", "https://id.example", "alice"};
    m.what.run_id = run_id;
    m.what.service = "mail";
    m.what.method = "GET";
    m.what.host = "https://mail.example.com:443";
    m.what.path = "/inbox?token=tok-1234";
    m.what.action = "call";
    m.what.outcome = "sent";
    return m;
  }
  int64_t lines() { return verify_audit_log(path).value().lines; }
};

} // namespace

TEST_CASE_METHOD(audit_fixture, "a receipt is the number of a line that is on disk", "[audit]") {
  for (int64_t n = 1; n <= 3; ++n) {
    CHECK(ask<audit_receipt>(audit, call("run-" + std::to_string(n))).value().seq == n);
    CHECK(lines() == n);
  }
  CHECK(read_file(path).find("tok-1234") == std::string::npos);
}

TEST_CASE_METHOD(audit_fixture, "receipts asked for together come together, each its own",
                 "[audit]") {
  for (int i = 0; i < 5; ++i)
    tell(audit, call("before-" + std::to_string(i)));
  auto last = ask_later<audit_receipt>(audit, call("last"));
  REQUIRE(last());
  CHECK(last()->value().seq == 6);
  CHECK(lines() == 6);
}

TEST_CASE_METHOD(audit_fixture, "the chain goes on after a restart", "[audit]") {
  REQUIRE(ask<audit_receipt>(audit, call("run-1")));
  close();
  open();
  CHECK(ask<audit_receipt>(audit, call("run-2")).value().seq == 2);
  CHECK(lines() == 2); // and verifies from the first
}

TEST_CASE_METHOD(audit_fixture, "one log has one writer", "[audit]") {
  CHECK(audit_log::open(path).error().code == errc::conflict);
}

TEST_CASE_METHOD(audit_fixture, "a line that did not reach the disk has no receipt", "[audit]") {
  REQUIRE(ask<audit_receipt>(audit, call("run-1")));
  auto before = read_file(path);
  auto refused = [&] {
    testing::small_disk tight{before.size() + 100}; // room for a part of a line
    return ask<audit_receipt>(audit, call("run-2"));
  }();
  REQUIRE(refused.has_error());
  CHECK(refused.error().kind == storage_full);
  CHECK(refused.error().message.find("no credential leaves") != std::string::npos);
  CHECK(lines() == 1);
  CHECK(meters.gauge("behalf_audit_writable", "").value() == 0);
  CHECK(ask<audit_receipt>(audit, call("run-3")).value().seq == 2); // its number is free again
  CHECK(meters.gauge("behalf_audit_writable", "").value() == 1);
  CHECK(lines() == 2);
}

} // namespace behalf
