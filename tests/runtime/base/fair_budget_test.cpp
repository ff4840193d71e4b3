#include "runtime/base/fair_budget.hpp"
#include "tests/support/catch.hpp"

#include <thread>
#include <vector>

using namespace behalf;
using outcome = fair_budget::outcome;

namespace {

// Takes one at a time until it is refused; what it then holds.
std::size_t take_all(fair_budget::share& mine) {
  while (mine.resize(mine.size() + 1) == outcome::granted) {
  }
  return mine.size();
}

} // namespace

TEST_CASE("one alone may have all but a small reserve", "[budget]") {
  fair_budget budget{1000};
  auto alone = budget.open("acme", "alice");
  CHECK(take_all(*alone) > 800);
  CHECK(alone->size() < 1000);
  CHECK(budget.used() == alone->size());
}

TEST_CASE("who comes late finds room, another user and another tenant", "[budget]") {
  fair_budget budget{100'000};
  auto hog = budget.open("acme", "alice");
  take_all(*hog);
  auto colleague = budget.open("acme", "bob");
  CHECK(colleague->resize(2500) == outcome::granted);
  auto stranger = budget.open("globex", "carol");
  CHECK(stranger->resize(2500) == outcome::granted);
  CHECK(hog->resize(hog->size() + 1) == outcome::share_spent);
}

TEST_CASE("several who take all they can end up with even shares", "[budget]") {
  fair_budget budget{100'000};
  std::vector<fair_budget::share_ptr> users;
  for (const auto* name : {"a", "b", "c", "d"})
    users.push_back(budget.open("acme", name));
  for (int round = 0; round < 200; ++round) { // what is held comes back, as requests end
    for (auto& user : users)
      user->resize(user->size() * 9 / 10);
    for (auto& user : users)
      user->resize(user->size() + 1000);
  }
  for (auto& user : users)
    CHECK(user->size() > 8'000);
}

TEST_CASE("many users of a tenant leave room for another tenant", "[budget]") {
  fair_budget budget{100'000};
  std::vector<fair_budget::share_ptr> crowd;
  for (int i = 0; i < 50; ++i) {
    crowd.push_back(budget.open("acme", "user" + std::to_string(i)));
    take_all(*crowd.back());
  }
  auto other = budget.open("globex", "carol");
  CHECK(other->resize(5'000) == outcome::granted);
}

TEST_CASE("a user's shares count together and come back", "[budget]") {
  fair_budget budget{1000};
  auto first = budget.open("acme", "alice");
  take_all(*first);
  auto second = budget.open("acme", "alice");
  CHECK(second->resize(1) == outcome::share_spent);
  first.reset();
  CHECK(budget.used() == 0);
  CHECK(second->resize(500) == outcome::granted);
  CHECK(second->resize(100) == outcome::granted);
  CHECK(budget.used() == 100);
}

TEST_CASE("large steps leave as much room as small ones", "[budget]") {
  fair_budget budget{100'000};
  auto hog = budget.open("acme", "alice");
  while (hog->resize(hog->size() + 9'000) == outcome::granted) {
  }
  CHECK(hog->size() > 70'000);
  CHECK(budget.open("acme", "bob")->resize(2500) == outcome::granted);
}

TEST_CASE("what cannot be had at all is told from a share that is spent", "[budget]") {
  fair_budget budget{100};
  auto alice = budget.open("acme", "alice");
  CHECK(alice->resize(101) == outcome::all_spent);
  CHECK(alice->size() == 0);
  fair_budget one{1};
  CHECK(one.open("acme", "alice")->resize(1) == outcome::granted);
}

TEST_CASE("a tenant may be counted without users", "[budget]") {
  fair_budget budget{1000, 15};
  auto peer = budget.open("192.0.2.7", {});
  CHECK(take_all(*peer) > 900);
  CHECK(budget.open("192.0.2.8", {})->resize(20) == outcome::granted);
}

TEST_CASE("nobody is remembered who holds nothing", "[budget]") {
  fair_budget budget{1000};
  {
    auto a = budget.open("acme", "alice"), b = budget.open("acme", "bob");
    CHECK(budget.parties() == 3);
  }
  CHECK(budget.parties() == 0);
}

TEST_CASE("a share outlives its budget", "[budget]") {
  fair_budget::share_ptr left;
  {
    fair_budget budget{10};
    left = budget.open("acme", "alice");
  }
  CHECK(left->resize(5) == outcome::granted);
}

TEST_CASE("threads may share a budget", "[budget]") {
  fair_budget budget{1'000'000};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, name = "user" + std::to_string(i % 2)] {
      for (int n = 0; n < 5'000; ++n) {
        auto mine = budget.open("acme", name);
        mine->resize(10);
      }
    });
  for (auto& t : threads)
    t.join();
  CHECK(budget.used() == 0);
  CHECK(budget.parties() == 0);
}
