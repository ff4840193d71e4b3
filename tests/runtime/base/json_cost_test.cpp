#include "runtime/base/json_cost.hpp"
#include "tests/support/catch.hpp"

#include <boost/json/memory_resource.hpp>

#include <cstdlib>
#include <new>

using namespace behalf;

namespace {

constexpr std::size_t no_bound = 1'000'000'000;

// Counts what a document and its parser really ask for.
class counting final : public json::memory_resource {
public:
  std::size_t now = 0, most = 0;

private:
  void* do_allocate(std::size_t size, std::size_t) override {
    now += size;
    most = std::max(most, now);
    return ::operator new(size);
  }
  void do_deallocate(void* at, std::size_t size, std::size_t) override {
    now -= size;
    ::operator delete(at);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

std::string repeated(std::string_view unit, std::size_t times, std::string_view ends) {
  std::string text{ends[0]};
  for (std::size_t i = 0; i < times; ++i)
    text.append(i ? "," : "").append(unit);
  return text += ends[1];
}

} // namespace

TEST_CASE("the cost of parsing is not underestimated, nor wildly over", "[json][budget]") {
  std::string keys{"{"};
  for (int i = 0; i < 20'000; ++i)
    keys += (i ? ",\"key" : "\"key") + std::to_string(i) + "\":null";
  const std::string texts[] = {repeated("1", 100'000, "[]"),
                               repeated("[]", 100'000, "[]"),
                               repeated("[1]", 100'000, "[]"),
                               repeated("{}", 100'000, "[]"),
                               repeated(R"({"a":1})", 50'000, "[]"),
                               repeated(R"("12345678901234567890")", 50'000, "[]"),
                               keys + "}",
                               '"' + std::string(1'000'000, ',') + '"'};
  for (const auto& text : texts) {
    counting memory;
    std::size_t held = 0;
    {
      const auto parsed = json::parse(text, &memory);
      held = memory.now;
      CAPTURE(text.substr(0, 20), held, memory.most);
      CHECK(parse_cost(text, no_bound) >= memory.most);
      CHECK(parse_cost(text, no_bound) <= 8 * memory.most + 1000);
      CHECK(held_bytes(parsed) >= held * 9 / 10);
      CHECK(held_bytes(parsed) <= 4 * held + 1000);
    }
  }
}

TEST_CASE("a text that never ends is counted too", "[json][budget]") {
  CHECK(parse_cost(R"(["abc\)", no_bound) > 0);
  CHECK(parse_cost("\"", no_bound) > 0);
  CHECK(parse_cost("", no_bound) > 0);
}

TEST_CASE("what is refused anyway costs no more than up to there", "[json][budget]") {
  const auto text = repeated("1", 1'000'000, "[]");
  CHECK(parse_cost(text, 1000) < text.size() + 200'000);
}
