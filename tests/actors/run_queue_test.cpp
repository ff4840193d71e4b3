#include "actors/runs/run_queue.hpp"
#include "tests/support/catch.hpp"

#include <deque>
#include <map>
#include <random>

namespace behalf {
namespace {

const time_point noon = from_micros(1'800'000'000'000'000);
const principal_key alice{"acme", "idp", "alice"}, bob{"acme", "idp", "bob"},
  eve{"globex", "idp", "eve"};
using ids = runs::run_queue::run_ids;

runs::queue_options sizes(std::size_t slots, std::size_t capacity = 100) {
  runs::queue_options o;
  o.slots = slots;
  o.capacity = capacity;
  return o;
}

ids add(runs::run_queue& q, const std::string& thread, const std::string& run,
        const principal_key& who = alice) {
  return q.add({run, thread, who, {}}, noon);
}
ids add_later(runs::run_queue& q, const std::string& thread, const std::string& run,
              time_point due) {
  return q.add({run, thread, alice, due}, noon);
}
ids add_suspect(runs::run_queue& q, const std::string& thread, const std::string& run) {
  return q.add({run, thread, alice, {}, true}, noon);
}

// So many runs of one user, each on a thread of its own; how many started.
std::size_t flood(runs::run_queue& q, const principal_key& who, int count, const std::string& tag) {
  std::size_t started = 0;
  for (int i = 0; i < count; ++i) {
    auto name = tag + std::to_string(i);
    started += add(q, name, name, who).size();
  }
  return started;
}

} // namespace

TEST_CASE("runs of one thread execute one after another", "[runs]") {
  runs::run_queue q{sizes(8)};
  CHECK(add(q, "t", "a") == ids{"a"});
  CHECK(add(q, "t", "b").empty());
  CHECK(q.inflight("acme", "t") == ids{"a", "b"});
  CHECK(q.end("a") == ids{"b"});
  CHECK(q.end("b").empty());
  CHECK(q.remembered() + q.all() == 0);
}

TEST_CASE("suspects that wait for another one are counted", "[runs]") {
  runs::run_queue q{sizes(8)};
  add_suspect(q, "t", "a");
  CHECK(q.waiting_suspects() == 0);
  add_suspect(q, "u", "b");
  add_suspect(q, "v", "c");
  CHECK(q.waiting_suspects() == 2);
  CHECK(q.cleared("a") == ids{"b"});
  CHECK(q.waiting_suspects() == 1);
  q.end("b");
  CHECK(q.waiting_suspects() == 0);
}

TEST_CASE("a user's threads are those with runs of theirs", "[runs]") {
  runs::run_queue q{sizes(8)};
  add(q, "t", "a");
  add(q, "t", "b");
  add(q, "u", "c");
  add(q, "v", "d", bob);
  CHECK(q.threads_of(alice) == ids{"t", "u"});
  CHECK(q.threads_of(eve).empty());
  q.end("c");
  CHECK(q.threads_of(alice) == ids{"t"});
}

TEST_CASE("two tenants' threads of one id have nothing to do with each other", "[runs]") {
  runs::run_queue q{sizes(8)};
  CHECK(add(q, "t", "a", alice) == ids{"a"});
  CHECK(q.inflight("globex", "t").empty());
  CHECK(add(q, "t", "e", eve) == ids{"e"});
  CHECK(q.inflight("acme", "t") == ids{"a"});
}

TEST_CASE("threads of a user wait for a slot in the order they came", "[runs]") {
  runs::run_queue q{sizes(1)};
  CHECK(add(q, "t1", "a") == ids{"a"});
  CHECK(add(q, "t2", "b").empty());
  CHECK(add(q, "t3", "c").empty());
  CHECK(q.running() == 1);
  CHECK(q.pending() == 2);
  CHECK(q.end("a") == ids{"b"});
  CHECK(q.end("b") == ids{"c"});
}

TEST_CASE("alone, a user has all slots but a small reserve", "[runs]") {
  runs::run_queue q{sizes(64, 1000)};
  CHECK(flood(q, alice, 200, "a") == 56);
  CHECK_FALSE(q.would_start(alice));
  CHECK(q.would_start(bob));
  CHECK(add(q, "t", "b", bob) == ids{"b"}); // who comes next starts at once
  CHECK(add(q, "u", "e", eve) == ids{"e"});
}

TEST_CASE("who comes last waits for one round of turns at most", "[runs]") {
  runs::run_queue q{sizes(64, 10'000)};
  std::deque<std::string> running;
  auto note = [&](const ids& started) {
    running.insert(running.end(), started.begin(), started.end());
  };
  constexpr int others = 7;
  for (int n = 0; n < others * 100; ++n) {
    principal_key who{"acme", "idp", "user" + std::to_string(n % others)};
    note(add(q, std::to_string(n), std::to_string(n), who));
  }
  CHECK(running.size() < 64);
  CHECK(add(q, "e", "e", eve) == ids{"e"}); // another tenant's
  note(add(q, "b", "b", bob));
  int ends = 0;
  for (; !q.is_running("b") && ends < 100; ++ends) {
    auto oldest = running.front();
    running.pop_front();
    note(q.end(oldest));
  }
  CHECK(ends <= others + 2);
}

TEST_CASE("slots that become free go by turns until all have the same", "[runs]") {
  runs::run_queue q{sizes(16, 1000)};
  std::vector<std::string> running;
  std::map<char, int> has;
  auto note = [&](const ids& started) {
    for (const auto& id : started) {
      running.push_back(id);
      ++has[id[0]];
    }
  };
  for (int i = 0; i < 100; ++i)
    note(add(q, "a" + std::to_string(i), "a" + std::to_string(i), alice));
  CHECK(has['a'] == 14);
  for (int i = 0; i < 100; ++i)
    note(add(q, "b" + std::to_string(i), "b" + std::to_string(i), bob));
  for (int i = 0; i < 40; ++i) { // the oldest ends
    auto oldest = running.front();
    running.erase(running.begin());
    --has[oldest[0]];
    note(q.end(oldest));
  }
  CHECK(std::abs(has['a'] - has['b']) <= 1);
}

TEST_CASE("a tenant with many users leaves slots to the others", "[runs]") {
  runs::run_queue q{sizes(64, 1000)};
  for (int i = 0; i < 200; ++i) {
    auto name = "a" + std::to_string(i);
    add(q, name, name, {"acme", "idp", name});
  }
  CHECK(q.running() < 64);
  CHECK(add(q, "t", "e", eve) == ids{"e"});
}

TEST_CASE("a delayed run neither starts early nor holds up a later one", "[runs]") {
  runs::run_queue q{sizes(8)};
  auto later = noon + std::chrono::seconds(5);
  CHECK(add_later(q, "t", "delayed", later).empty());
  CHECK(add(q, "t", "now") == ids{"now"});
  CHECK(q.delayed() == 1);
  CHECK(q.inflight("acme", "t") == ids{"now", "delayed"});
  CHECK(q.wake(noon + std::chrono::seconds(4)).empty());
  CHECK(q.end("now").empty());
  CHECK(q.wake(later) == ids{"delayed"});
  CHECK(q.delayed() == 0);
  CHECK(q.end("delayed").empty());
  CHECK(q.remembered() + q.all() == 0);
}

TEST_CASE("ending a waiting run leaves the executing one alone", "[runs]") {
  runs::run_queue q{sizes(8)};
  add(q, "t", "a");
  add(q, "t", "b");
  CHECK(q.end("b").empty());
  CHECK(q.is_running("a"));
  CHECK_FALSE(q.find("b"));
  CHECK(q.end("unknown").empty());
}

TEST_CASE("a thread in line whose run ended does not take the slot", "[runs]") {
  runs::run_queue q{sizes(1)};
  add(q, "t1", "a");
  add(q, "t2", "b");
  add(q, "t3", "c");
  CHECK(q.end("b").empty());
  CHECK(q.end("a") == ids{"c"});
}

TEST_CASE("a queue that is full refuses, and one user fills it not quite", "[runs]") {
  runs::run_queue q{sizes(1, 8)};
  while (q.check_capacity(alice, false))
    add(q, std::to_string(q.all()), std::to_string(q.all()));
  CHECK(q.all() == 7);
  CHECK(q.check_capacity(alice, false).error().code == errc::too_many);
  REQUIRE(q.check_capacity(bob, false));
  add(q, "b", "b", bob);
  CHECK(q.check_capacity(bob, false).error().code == errc::overloaded);
  CHECK(q.check_capacity(eve, false).error().code == errc::overloaded);
}

TEST_CASE("runs on their way take places until they arrive", "[runs]") {
  auto o = sizes(1, 8);
  o.delayed_per_user = 1;
  runs::run_queue q{o};
  while (q.check_capacity(alice, false))
    q.expect(alice, "t", false);
  CHECK(q.expected() == 7);
  CHECK(q.check_capacity(alice, false).error().code == errc::too_many);
  q.expect(alice, "t", true);
  CHECK(q.check_capacity(alice, true).error().code == errc::too_many);
  q.arrived(alice, "t", true);
  CHECK(q.check_capacity(alice, true));
  for (int i = 0; i < 7; ++i)
    q.arrived(alice, "t", false);
  CHECK(q.check_capacity(alice, false));
  CHECK(q.remembered() == 0);
}

TEST_CASE("a thread holds so many runs", "[runs]") {
  auto o = sizes(1);
  o.per_thread = 3;
  runs::run_queue q{o};
  add(q, "t", "a");
  add_later(q, "t", "b", noon + std::chrono::hours{1});
  CHECK(q.check_thread_capacity("acme", "t"));
  q.expect(alice, "t", false);
  CHECK(q.active_run_count("acme", "t") == 2);
  CHECK(q.check_thread_capacity("acme", "t").error().code == errc::too_many);
  CHECK(q.check_thread_capacity("acme", "u"));
  CHECK(q.check_thread_capacity("globex", "t"));
  q.arrived(alice, "t", false);
  CHECK(q.check_thread_capacity("acme", "t"));
}

TEST_CASE("runs that end anywhere in a long line leave the others in order", "[runs]") {
  runs::run_queue q{sizes(1, 100'000)};
  constexpr int many = 50'000;
  add(q, "t", "first");
  ids left;
  for (int i = 0; i < many; ++i)
    add(q, "t", std::to_string(i));
  for (int i = many - 1; i >= 0; --i) { // from the far end: each where looking for it takes longest
    if (i % 10'000 == 7)
      left.insert(left.begin(), std::to_string(i));
    else
      q.end(std::to_string(i));
  }
  CHECK(q.active_run_count("acme", "t") == left.size() + 1);
  std::string now = "first";
  for (const auto& next : left) {
    CHECK(q.end(now) == ids{next});
    now = next;
  }
  q.end(now);
  CHECK(q.remembered() == 0);
}

TEST_CASE("delayed runs have bounds of their own", "[runs]") {
  auto o = sizes(1, 1);
  o.delayed = 3;
  o.delayed_per_user = 2;
  runs::run_queue q{o};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(q.check_capacity(alice, true));
    add_later(q, "t", std::to_string(i), noon + std::chrono::hours{1});
  }
  CHECK(q.check_capacity(alice, true).error().code == errc::too_many);
  CHECK(q.check_capacity(alice, false)); // they take no place of those that run
  REQUIRE(q.check_capacity(eve, true));
  q.add({"e", "t", eve, noon + std::chrono::hours{1}}, noon);
  CHECK(q.check_capacity(bob, true).error().code == errc::overloaded);
}

TEST_CASE("suspects execute one at a time, others beside them", "[runs]") {
  runs::run_queue q{sizes(8)};
  CHECK(add_suspect(q, "t1", "s1") == ids{"s1"});
  CHECK(add_suspect(q, "t2", "s2").empty());
  CHECK(add_suspect(q, "t3", "s3").empty());
  CHECK(add(q, "t4", "new") == ids{"new"});
  CHECK(add(q, "t2", "behind").empty()); // the thread's order stays
  SECTION("the next one goes when one has ended") {
    CHECK(q.end("new").empty());
    CHECK(q.end("s1") == ids{"s2"});
    CHECK(q.end("s2") == ids{"behind", "s3"});
  }
  SECTION("the next one goes when one is cleared") {
    CHECK(q.cleared("s1") == ids{"s2"});
    CHECK(q.cleared("s1").empty());
    CHECK(q.end("s1").empty());
    CHECK(q.cleared("s2") == ids{"s3"});
  }
  SECTION("the next one goes beside one that takes long") {
    CHECK(q.passed("s2").empty()); // it only waits
    CHECK(q.passed("s1") == ids{"s2"});
    CHECK(q.passed("s1").empty());
    CHECK(q.waiting_suspects() == 1);
    CHECK(q.end("s1").empty()); // s2 has its time
    CHECK(q.passed("s2") == ids{"s3"});
    CHECK(q.end("s3").empty());
    CHECK(q.has_suspects());
    CHECK(q.end("s2") == ids{"behind"});
    CHECK_FALSE(q.has_suspects());
  }
  SECTION("one that ends while it waits is passed over") {
    CHECK(q.end("s2") == ids{"behind"});
    CHECK(q.end("s1") == ids{"s3"});
  }
}

TEST_CASE("what is over leaves nothing behind", "[runs]") {
  auto o = sizes(5, 100'000);
  runs::run_queue q{o};
  std::minstd_rand dice{7};
  std::vector<std::string> open;
  std::map<std::string, int> threads;
  for (int i = 0; i < 20'000; ++i) {
    principal_key who{"t" + std::to_string(dice() % 3), "idp", "u" + std::to_string(dice() % 9)};
    runs::queued_run run{std::to_string(i), std::to_string(dice() % 50), who, {}, dice() % 10 == 0};
    if (dice() % 4 == 0)
      run.due = noon + std::chrono::seconds(dice() % 1000);
    open.push_back(run.run_id);
    q.add(run, noon);
    if (dice() % 5 == 0)
      q.wake(noon + std::chrono::seconds(dice() % 1000));
    if (dice() % 6 == 0)
      q.cleared(open[dice() % open.size()]);
    while (open.size() > 60) {
      std::swap(open[dice() % open.size()], open.back());
      q.end(open.back());
      open.pop_back();
    }
    REQUIRE(q.running() <= 5);
  }
  CHECK(q.running() > 0);
  for (const auto& id : open)
    q.end(id);
  CHECK(q.all() == 0);
  CHECK(q.running() == 0);
  CHECK(q.remembered() == 0);
}

TEST_CASE("a run that is over and holding keeps its slot, not its thread", "[runs]") {
  runs::run_queue q{sizes(1)};
  REQUIRE(add(q, "t1", "r1") == ids{"r1"});
  CHECK(add(q, "t1", "r2").empty());
  CHECK(q.end_holding("r1").empty());
  CHECK(q.inflight("acme", "t1") == ids{"r2"});
  CHECK(q.running() == 1);
  CHECK(q.pending() == 1);
  CHECK(q.returned("r1") == ids{"r2"});
  CHECK(q.returned("r1").empty());
  CHECK(q.end("r2").empty());
  CHECK(q.running() + q.pending() + q.remembered() == 0);
}

TEST_CASE("what holds a slot counts against its user's share", "[runs]") {
  runs::run_queue q{sizes(8)};
  CHECK(flood(q, alice, 7, "a") == 7);
  for (int i = 0; i < 7; ++i)
    q.end_holding("a" + std::to_string(i));
  CHECK(add(q, "t", "next").empty());
  CHECK(add(q, "u", "b", bob) == ids{"b"});
  CHECK(q.returned("a0") == ids{"next"});
}

} // namespace behalf
