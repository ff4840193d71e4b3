#include "runtime/base/fair_queue.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace behalf {
namespace {

using queue = fair_queue<std::string>;

std::string drain(queue& q) {
  std::string all;
  while (auto item = q.pop())
    all += *item;
  return all;
}

} // namespace

TEST_CASE("what one user has waiting comes out in its order", "[fair]") {
  queue q;
  for (auto item : {"1", "2", "3"})
    q.push("acme", "alice", 1, item);
  CHECK(q.size_of("acme", "alice") == 3);
  CHECK(drain(q) == "123");
  CHECK_FALSE(q.pop());
}

TEST_CASE("users of a tenant take turns, however much one has waiting", "[fair]") {
  queue q;
  for (int i = 0; i < 100; ++i)
    q.push("acme", "alice", 1, "a");
  q.pop();
  q.push("acme", "bob", 1, "b");
  q.push("acme", "bob", 1, "b");
  CHECK(drain(q).substr(0, 6) == "babaaa");
}

TEST_CASE("tenants take turns, however many users one has", "[fair]") {
  queue q;
  for (int i = 0; i < 100; ++i)
    q.push("acme", "user " + std::to_string(i), 1, "a");
  for (int i = 0; i < 3; ++i)
    q.push("globex", "bob", 1, "g");
  CHECK(drain(q).substr(0, 8) == "agagagaa");
}

TEST_CASE("a user of two tenants is two users", "[fair]") {
  queue q;
  q.push("acme", "bob", 1, "a");
  q.push("globex", "bob", 1, "g");
  CHECK(q.size_of("acme", "bob") == 1);
  CHECK(q.users() == 2);
}

TEST_CASE("a turn is worth the same to who asks for much and who asks for little", "[fair]") {
  fair_queue<int> q{10};
  for (int i = 0; i < 1000; ++i) {
    q.push("acme", "big", 10, 10);
    q.push("acme", "small", 1, 1);
    q.push("acme", "small", 1, 1);
    q.push("acme", "huge", 35, 35); // dearer than a turn: it waits until it can pay
  }
  std::map<int, int> spent;
  for (int i = 0; i < 600; ++i) {
    auto item = *q.pop();
    spent[item] += item;
  }
  for (auto who : {1, 10, 35})
    CHECK(std::abs(spent[who] - spent[10]) <= 45);
}

TEST_CASE("who turns out to cost more waits for as many turns as that is worth", "[fair]") {
  fair_queue<std::string> q{10};
  for (int i = 0; i < 20; ++i) {
    q.push("acme", "alice", 5, "a");
    q.push("acme", "bob", 5, "b");
  }
  CHECK(q.pop() == "a");
  q.charge("acme", "alice", 25);
  q.charge("acme", "nobody", 25);
  q.charge("globex", "alice", 25);
  q.charge("acme", "bob", -25);
  std::string next;
  for (int i = 0; i < 10; ++i)
    next += *q.pop();
  CHECK(next.find('a') == 6); // three turns of bob's
}

TEST_CASE("who may not have one now is passed over and keeps their place", "[fair]") {
  queue q;
  q.push("acme", "alice", 1, "a");
  q.push("acme", "bob", 1, "b");
  q.push("globex", "carol", 1, "c");
  auto any_tenant = [](const std::string&) { return true; };
  auto any_user = [](const std::string&, const std::string&) { return true; };
  auto not_alice = [](const std::string&, const std::string& user) { return user != "alice"; };
  auto not_globex = [](const std::string& tenant) { return tenant != "globex"; };
  CHECK(q.pop(not_globex, not_alice) == "b");
  CHECK_FALSE(q.pop(not_globex, not_alice));
  CHECK(q.pop(not_globex, any_user) == "a");
  CHECK_FALSE(q.pop(not_globex, any_user));
  CHECK(q.pop(any_tenant, not_alice) == "c");
}

TEST_CASE("an item is removed by its ticket, once", "[fair]") {
  queue q;
  auto first = q.push("acme", "alice", 1, "1");
  auto second = q.push("acme", "alice", 1, "2");
  q.push("acme", "alice", 1, "3");
  CHECK(q.remove(second) == "2");
  CHECK_FALSE(q.remove(second));
  CHECK(q.size() == 2);
  CHECK(drain(q) == "13");
  CHECK_FALSE(q.remove(first));
}

TEST_CASE("who has nothing waiting leaves nothing behind", "[fair]") {
  fair_queue<std::unique_ptr<int>> q{3}; // movable is enough
  std::minstd_rand dice{1};
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 10'000; ++i) {
    auto tenant = std::to_string(dice() % 30), user = std::to_string(dice() % 30);
    tickets.push_back(
      q.push(tenant, user, static_cast<int64_t>(dice() % 7), std::make_unique<int>(i)));
    if (dice() % 3 == 0)
      q.pop();
    else if (dice() % 3 == 0)
      q.remove(tickets[dice() % tickets.size()]);
  }
  while (q.pop())
    ;
  CHECK(q.empty());
  CHECK(q.tenants() == 0);
  CHECK(q.users() == 0);
}

} // namespace behalf
