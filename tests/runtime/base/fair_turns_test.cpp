#include "runtime/base/fair_turns.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace behalf;

namespace {

struct line {
  fair_turns turns;
  std::string begun;

  fair_turns::turn_ptr wait(const std::string& user, int64_t cost = 1) {
    return turns.wait("acme", user, cost, [this, user] { begun += user; });
  }
};

} // namespace

TEST_CASE("so many turns are taken at once, and the next when one ends", "[fair]") {
  line l{fair_turns{2}, {}};
  auto a = l.wait("a"), b = l.wait("b"), c = l.wait("c"), d = l.wait("d");
  CHECK(l.begun == "ab");
  b.reset();
  CHECK(l.begun == "abc");
  a.reset();
  c.reset();
  CHECK(l.begun == "abcd");
}

TEST_CASE("who has many turns to wait for does not hold up who has one", "[fair]") {
  line l;
  std::vector<fair_turns::turn_ptr> alices;
  for (int i = 0; i < 100; ++i)
    alices.push_back(l.wait("a", 1 << 20));
  auto bob = l.wait("b", 1);
  alices.front().reset();
  alices[1].reset();
  CHECK(l.begun.find('b') <= 2);
}

TEST_CASE("who leaves the line gives up the place", "[fair]") {
  line l;
  auto a = l.wait("a"), b = l.wait("b"), c = l.wait("c");
  b.reset();
  a.reset();
  CHECK(l.begun == "ac");
  c.reset();
  auto d = l.wait("d");
  CHECK(l.begun == "acd");
}

TEST_CASE("a turn outlives the turns", "[fair]") {
  auto l = std::make_unique<line>();
  auto a = l->wait("a");
  l.reset();
  a.reset();
}

TEST_CASE("turns are given up on many threads, and none is lost", "[fair]") {
  fair_turns turns{2};
  std::atomic<int> begun = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i)
        turns.wait("acme", std::to_string(t), 1, [&] { ++begun; }).reset();
    });
  for (auto& t : threads)
    t.join();
  CHECK(begun > 0);
  const auto before = begun.load();
  auto last = turns.wait("acme", "x", 1, [&] { ++begun; });
  CHECK(begun == before + 1);
}
