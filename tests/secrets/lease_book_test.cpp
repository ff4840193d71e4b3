#include "secrets/lease_book.hpp"
#include "tests/secrets/people.hpp"
#include "tests/support/catch.hpp"

#include <functional>
#include <set>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

const std::string host = "https://api.example.com:443";

lease for_alice(std::string run = "run-1", std::string service = "github") {
  return {
    alice, std::move(run), std::move(service), {host, "https://up.example.com:443"}, t0 + 60s};
}

lease_claim by_alice() {
  return {alice, "run-1", "github", host};
}

} // namespace

TEST_CASE("a handle opens its lease for its user, run, service and hosts", "[secrets][lease]") {
  lease_book book;
  auto handle = book.open(for_alice(), t0).value();
  auto found = book.find(handle, by_alice(), t0).value();
  CHECK(found->who == alice);
  CHECK(found->service == "github");
  auto claim = by_alice();
  claim.host = "https://up.example.com:443";
  CHECK(book.find(handle, claim, t0 + 59s));
}

TEST_CASE("a handle may outlive its run, alone and until that is taken back", "[secrets][lease]") {
  lease_book book;
  auto stays = book.open(for_alice(), t0).value();
  auto goes = book.open(for_alice("run-1", "mail"), t0).value();
  auto other = book.open(for_alice("run-2"), t0).value();
  CHECK(book.close_run("run-1", {stays, {"unknown"}, other}) == 1);
  CHECK(book.find(stays, by_alice(), t0));
  CHECK_FALSE(book.find(goes, by_alice(), t0));
  CHECK(book.size() == 2);
  CHECK(book.close_run("run-1") == 1);
  CHECK(book.find(stays, by_alice(), t0).error().kind == "handle_unknown");
  CHECK(book.size() == 1);
}

TEST_CASE("a claim with one wrong word is refused, and says which", "[secrets][lease]") {
  lease_book book;
  auto handle = book.open(for_alice(), t0).value();
  struct misuse {
    std::string kind;
    std::function<void(lease_claim&, sealed_handle&, time_point&)> change;
  };
  const misuse table[] = {
    {"handle_unknown", [](auto&, auto& h, auto&) { h.id = "bh-handle-0000"; }},
    {"handle_unknown", [](auto&, auto& h, auto&) { h.id.clear(); }},
    {"handle_unknown", [](auto&, auto& h, auto&) { h.id.back() ^= 1; }},
    {"handle_unknown", [](auto&, auto& h, auto&) { h.id.pop_back(); }},
    {"handle_principal", [](auto& c, auto&, auto&) { c.who = bob; }},
    {"handle_principal", [](auto& c, auto&, auto&) { c.who.tenant = "other"; }},
    {"handle_principal", [](auto& c, auto&, auto&) { c.who.issuer += '/'; }},
    {"handle_run", [](auto& c, auto&, auto&) { c.run_id = "run-2"; }},
    {"handle_run", [](auto& c, auto&, auto&) { c.run_id.clear(); }},
    {"handle_service", [](auto& c, auto&, auto&) { c.service = "jira"; }},
    {"host_denied", [](auto& c, auto&, auto&) { c.host = "https://evil.example.com:443"; }},
    {"host_denied", [](auto& c, auto&, auto&) { c.host = "http://api.example.com:443"; }},
    {"host_denied", [](auto& c, auto&, auto&) { c.host = "https://api.example.com:444"; }},
    {"host_denied", [](auto& c, auto&, auto&) { c.host += ".evil.example.com"; }},
    {"host_denied", [](auto& c, auto&, auto&) { c.host.clear(); }},
    {"handle_expired", [](auto&, auto&, auto& now) { now = t0 + 60s; }},
  };
  for (const auto& m : table) {
    auto claim = by_alice();
    auto used = handle;
    auto now = t0;
    m.change(claim, used, now);
    auto found = book.find(used, claim, now);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == errc::denied);
    CHECK(found.error().kind == m.kind);
    CHECK(found.error().message.find(handle.id) == std::string::npos);
  }
  CHECK(book.find(handle, by_alice(), t0));
}

TEST_CASE("handles of a run open nothing after its end; those of others do", "[secrets][lease]") {
  lease_book book;
  auto first = book.open(for_alice(), t0).value();
  auto second = book.open(for_alice("run-1", "jira"), t0).value();
  auto other = book.open(for_alice("run-2"), t0).value();
  CHECK(book.close_run("run-1") == 2);
  CHECK(book.close_run("run-1") == 0);
  CHECK(book.find(first, by_alice(), t0).error().kind == "handle_unknown");
  CHECK(book.find(second, {alice, "run-1", "jira", host}, t0).error().kind == "handle_unknown");
  CHECK(book.find(other, {alice, "run-2", "github", host}, t0));
  CHECK(book.size() == 1);
}

TEST_CASE("the book is bounded, and room comes back when leases expire", "[secrets][lease]") {
  lease_book book{{.capacity = 3, .per_run = 2}};
  CHECK(book.open(for_alice("run-1"), t0));
  CHECK(book.open(for_alice("run-1"), t0));
  auto third = book.open(for_alice("run-1"), t0);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == errc::overloaded);
  CHECK(book.open(for_alice("run-2"), t0));
  auto fourth = book.open(for_alice("run-3"), t0);
  REQUIRE_FALSE(fourth);
  CHECK(fourth.error().code == errc::overloaded);
  auto later = for_alice("run-3");
  later.expires_at = t0 + 300s;
  CHECK(book.open(later, t0 + 61s));
  CHECK(book.size() == 1);
}

TEST_CASE("a lease without user, run, service, host or time is not opened", "[secrets][lease]") {
  lease_book book;
  const std::function<void(lease&)> faults[] = {
    [](lease& l) { l.who.subject.clear(); }, [](lease& l) { l.run_id.clear(); },
    [](lease& l) { l.service.clear(); },     [](lease& l) { l.hosts.clear(); },
    [](lease& l) { l.expires_at = t0; },
  };
  for (const auto& fault : faults) {
    auto l = for_alice();
    fault(l);
    auto opened = book.open(l, t0);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::invalid_argument);
  }
  CHECK(book.size() == 0);
}

TEST_CASE("handles are long, different and without meaning", "[secrets][lease]") {
  lease_book book;
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    auto h = book.open(for_alice("run-" + std::to_string(i)), t0).value();
    CHECK(h.id.size() == std::string_view{"bh-handle-"}.size() + 48);
    CHECK(h.id.find("alice") == std::string::npos);
    seen.insert(h.id);
  }
  CHECK(seen.size() == 1'000);
}
