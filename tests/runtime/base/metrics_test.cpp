#include "runtime/base/metrics.hpp"
#include "tests/support/catch.hpp"

#include <thread>

using namespace behalf;

TEST_CASE("threads that count together miss nothing, and may be read meanwhile", "[metrics]") {
  metrics all;
  std::atomic<bool> over{false};
  std::thread reader{[&] {
    while (!over) {
      all.prometheus();
      all.as_json();
    }
  }};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&all, t] {
      auto own = "thread=\"" + std::to_string(t) + "\"";
      for (int i = 0; i < 500; ++i) {
        all.counter("calls_total", "Calls").add();
        all.counter("own_total", "Calls of one thread", own).add(2);
        all.latency("call_seconds", "Time of a call").observe(0.002);
      }
    });
  for (auto& t : threads)
    t.join();
  over = true;
  reader.join();
  CHECK(all.counter("calls_total", "Calls").value() == 2000);
  CHECK(all.counter("own_total", "Calls of one thread", "thread=\"3\"").value() == 1000);
  CHECK(all.latency("call_seconds", "Time of a call").count() == 2000);
  CHECK(all.latency("call_seconds", "Time of a call").sum() == Approx(4.0));
}
