#include "runtime/http/connection_slots.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace behalf;
using inbound::connection_slots;

namespace {

struct guest final : inbound::slot_holder {
  bool busy = false, gone = false;
  int asked = 0;
  bool give_way() override {
    ++asked;
    gone = !busy;
    return gone;
  }
};

struct sitting {
  std::shared_ptr<guest> who = std::make_shared<guest>();
  connection_slots::slot_ptr place;
};

std::optional<sitting> sit(connection_slots& all, const std::string& peer) {
  sitting s;
  s.place = all.take(peer);
  if (!s.place)
    return std::nullopt;
  s.place->held_by(s.who);
  return s;
}

std::vector<sitting> fill(connection_slots& all, const std::string& peer, std::size_t most = 1000) {
  std::vector<sitting> held;
  while (held.size() < most)
    if (auto one = sit(all, peer))
      held.push_back(std::move(*one));
    else
      break;
  return held;
}

std::size_t gone(const std::vector<sitting>& of) {
  return std::count_if(of.begin(), of.end(), [](const sitting& s) { return s.who->gone; });
}

} // namespace

TEST_CASE("who has most gives way, longest wait first, to who has fewer",
          "[http][connection_slots]") {
  connection_slots all{20, 15};
  auto many = fill(all, "a");
  CHECK(many.size() >= 18);
  auto some = fill(all, "b", 4);
  CHECK(some.size() == 4);
  const auto before = gone(many);
  auto newcomer = sit(all, "c");
  REQUIRE(newcomer);
  CHECK(gone(many) == before + 1);
  CHECK(many[before].who->gone);
  CHECK_FALSE(many[before + 1].who->gone);
  CHECK(gone(some) == 0);
}

TEST_CASE("nobody gives way to who would then have as many", "[http][connection_slots]") {
  connection_slots all{10, 15};
  auto a = fill(all, "a", 5), b = fill(all, "b", 5);
  const auto gone_before = gone(a) + gone(b);
  CHECK_FALSE(sit(all, "a"));
  CHECK_FALSE(sit(all, "b"));
  CHECK(gone(a) + gone(b) == gone_before);
  CHECK(sit(all, "c"));
}

TEST_CASE("who is busy keeps the place, and is not asked each time", "[http][connection_slots]") {
  connection_slots all{100, 1000};
  auto a = fill(all, "a", 100);
  REQUIRE(a.size() == 100);
  for (auto& s : a)
    s.who->busy = true;
  CHECK_FALSE(sit(all, "b"));
  std::size_t asked = 0;
  for (const auto& s : a)
    asked += s.who->asked;
  CHECK(asked < 100);
  a.back().who->busy = false;
  std::optional<sitting> b;
  for (int i = 0; i < 4 && !b; ++i)
    b = sit(all, "b");
  REQUIRE(b);
  CHECK(a.back().who->gone);
  CHECK(gone(a) == 1);
}

TEST_CASE("a place given back is free, and one given away is not given back twice",
          "[http][connection_slots]") {
  connection_slots all{4, 1000};
  auto a = fill(all, "a");
  REQUIRE(a.size() == 4);
  auto b = sit(all, "b");
  REQUIRE(b);
  CHECK(gone(a) == 1);
  a.clear();
  auto again = fill(all, "a");
  CHECK(again.size() == 3);
}

TEST_CASE("however many peers crowd in, the next one finds a place", "[http][connection_slots]") {
  connection_slots all{200, 15};
  std::vector<std::vector<sitting>> crowds;
  for (int peer = 0; peer < 40; ++peer)
    crowds.push_back(fill(all, "crowd " + std::to_string(peer), 50));
  CHECK(fill(all, "newcomer", 4).size() == 4);
}
