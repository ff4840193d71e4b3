#include "actors/runs/event_memory.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

std::shared_ptr<runs::event_memory> memory(std::size_t bytes = 1 << 20,
                                           std::size_t of_one_run = 1 << 20) {
  return std::make_shared<runs::event_memory>(bytes, of_one_run);
}

} // namespace

TEST_CASE("a viewer reads on from the event it saw last", "[events]") {
  auto log = memory()->open("r", "alice");
  log->append("values", "1");
  log->append("values", "2");
  log->append("values", "3");
  auto first = log->read(0, 2);
  REQUIRE(first.events.size() == 2);
  CHECK(*first.events[1].data == "2");
  CHECK_FALSE(first.last);
  log->close();
  auto rest = log->read(first.last_seq, 10);
  REQUIRE(rest.events.size() == 1);
  CHECK(rest.events[0].seq == 3);
  CHECK(rest.last);
  CHECK(log->read(3, 10).last);
}

TEST_CASE("a viewer from now on sees nothing old", "[events]") {
  auto log = memory()->open("r", "alice");
  log->append("values", "1");
  constexpr auto from_now = std::numeric_limits<int64_t>::max();
  auto batch = log->read(from_now, 10);
  CHECK(batch.events.empty());
  CHECK(batch.last_seq == 1);
  CHECK(log->read(batch.last_seq, 10).says_nothing());
  log->append("values", "2");
  CHECK(log->read(batch.last_seq, 10).events.size() == 1);
}

TEST_CASE("what nobody needs any more is not kept, and nobody is told that it is missing",
          "[events]") {
  auto all = memory();
  auto log = all->open("r", "alice");
  for (int i = 1; i <= 300; ++i)
    log->append("messages", "[{\"content\":\"" + std::to_string(i) + "\"}" + std::string(200, ' ')
                              + ",{\"node\":\"model\"}]");
  const auto before = all->bytes();
  log->forget(200);
  CHECK(all->bytes() < before);
  const auto later = log->read(0, 300);
  CHECK_FALSE(later.lost);
  CHECK(later.last_seq == 300);
  REQUIRE_FALSE(later.events.empty());
  CHECK(later.events.front().seq > 1);
  CHECK(later.events.front().seq <= 201);
  CHECK(log->read(200, 300).events.front().seq == 201);
  log->forget(300);
  CHECK(all->bytes() == 0);
  CHECK(log->read(0, 300).says_nothing());
  log->append("messages", "[]");
  CHECK(log->read(0, 300).events.front().seq == 301);
  log->close();
  CHECK(log->read(301, 300).last);
}

TEST_CASE("a viewer too slow for the log's bound is told so", "[events]") {
  auto log = memory(1 << 20, 250)->open("r", "alice");
  for (int i = 0; i < 10; ++i)
    log->append("values", "0123456789");
  CHECK(log->read(0, 10).lost);
  CHECK_FALSE(log->read(9, 10).lost);
  CHECK(log->read(9, 10).events.size() == 1);
}

TEST_CASE("one batch is as long as a write should be", "[events]") {
  auto log = memory(16 << 20, 16 << 20)->open("r", "alice");
  for (int i = 0; i < 20; ++i)
    log->append("values", std::string(100'000, 'x'));
  auto batch = log->read(0, 256);
  CHECK(batch.events.size() == 3);
  CHECK(log->read(batch.last_seq, 256).events.front().seq == 4);
}

TEST_CASE("who has most of the memory gives way, oldest runs first", "[events]") {
  auto shared = memory(1'000'000);
  std::vector<std::unique_ptr<runs::event_log>> of_alice;
  for (int run = 0; run < 100; ++run) {
    auto& log = of_alice.emplace_back(shared->open("r", "alice"));
    log->append("values", std::string(9'000, 'a'));
    log->close();
  }
  CHECK(shared->bytes() > 900'000); // alone she may fill it
  auto of_bob = shared->open("r", "bob");
  for (int i = 0; i < 40; ++i)
    of_bob->append("values", std::string(10'000, 'b'));
  CHECK(shared->bytes() <= 1'000'000);
  CHECK_FALSE(of_bob->read(0, 1).lost);
  CHECK(of_alice.front()->read(0, 1).lost); // and is told
  CHECK_FALSE(of_alice.back()->read(0, 1).lost);
}

TEST_CASE("a run that goes on keeps its newest event, however little memory there is", "[events]") {
  auto shared = memory(1'000);
  auto mine = shared->open("a", "alice"), other = shared->open("b", "alice");
  for (int i = 0; i < 3; ++i) {
    mine->append("values", std::string(2'000, 'm'));
    other->append("values", std::string(2'000, 'o'));
  }
  CHECK_FALSE(mine->read(2, 1).lost);
  CHECK_FALSE(other->read(2, 1).lost);
  CHECK(mine->read(0, 1).lost);
}

TEST_CASE("what the parts of a message have in common is kept once", "[events]") {
  auto shared = memory();
  auto log = shared->open("r", "alice");
  std::vector<std::string> told;
  const auto tell = [&](std::string part, const std::string& about, const char* name = "messages") {
    log->append(name, told.emplace_back("[{\"content\":\"" + part + "\"}," + about + "]"));
  };
  for (int i = 0; i < 50; ++i) // the first two have more in common than the rest
    tell(i < 2 ? "same" : "token " + std::to_string(i), std::string(500, 'a'));
  for (int i = 0; i < 300; ++i)
    tell(std::to_string(i), std::string(500, 'b'));
  for (int i = 0; i < 6; ++i)
    tell("\\\"", std::string(500, 'b'), i % 3 == 0 ? "messages/partial" : "messages");
  tell(std::string(300, 'c'), std::string(500, 'b'));
  tell("last", "");
  CHECK(shared->bytes() < 16'000);
  const auto all = log->read(0, 500);
  REQUIRE(all.events.size() == told.size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    CHECK(*all.events[i].data == told[i]);
    CHECK(all.events[i].seq == static_cast<int64_t>(i) + 1);
    const auto part = log->read(static_cast<int64_t>(i), 2); // wherever a reader begins
    REQUIRE(!part.events.empty());
    CHECK(part.events.size() == std::min<std::size_t>(2, told.size() - i));
    CHECK(*part.events[0].data == told[i]);
    CHECK(part.events[0].name == all.events[i].name);
  }
  CHECK(all.events[350].name == "messages/partial");
  log.reset();
  CHECK(shared->bytes() == 0);
}

TEST_CASE("a bound drops the oldest parts, not those just told", "[events]") {
  auto log = memory(1 << 20, 4096)->open("r", "alice");
  for (int i = 0; i < 500; ++i)
    log->append("messages", "[{\"content\":\"token " + std::to_string(i) + "\"},\""
                              + std::string(200, 'a') + "\"]");
  CHECK(log->read(0, 10).lost);
  for (int64_t behind = 1; behind < 20; ++behind)
    CHECK_FALSE(log->read(500 - behind, 10).lost);
}

TEST_CASE("events that are kept together keep their times", "[events]") {
  auto log = memory()->open("r", "alice");
  for (int i = 0; i < 20; ++i) {
    const auto data = "[{\"content\":\"" + std::to_string(i) + "\"}," + std::string(500, 'a') + "]";
    log->append("messages", std::make_shared<const std::string>(data), from_micros(1000 * i * i));
  }
  const auto all = log->read(0, 20);
  REQUIRE(all.events.size() == 20);
  for (int i = 0; i < 20; ++i)
    CHECK(to_micros(all.events[static_cast<std::size_t>(i)].at) == 1000 * i * i);
}

TEST_CASE("a log that ends leaves nothing behind", "[events]") {
  auto shared = memory();
  {
    auto log = shared->open("r", "alice");
    log->append("values", "1");
    CHECK(shared->users() == 1);
  }
  CHECK(shared->bytes() == 0);
  CHECK(shared->users() == 0);
}

} // namespace behalf
