#include "runtime/base/metrics.hpp"
#include "runtime/base/process_metrics.hpp"
#include "tests/support/catch.hpp"

#include <sys/resource.h>
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
      metrics::labels own{{"thread", std::to_string(t)}};
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
  CHECK(all.counter("own_total", "Calls of one thread", {{"thread", "3"}}).value() == 1000);
  CHECK(all.latency("call_seconds", "Time of a call").count() == 2000);
  CHECK(all.as_json().at("call_seconds").at("sum").as_double() == Approx(4.0));
}

TEST_CASE("a reading refreshes what nobody keeps up to date", "[metrics]") {
  metrics all;
  auto& size = all.gauge("size_bytes", "Size");
  all.before_reading([&size] { size.add(5); });
  CHECK(all.prometheus().find("size_bytes 5") != std::string::npos);
  CHECK(all.as_json().at("size_bytes") == 10.0);
}

TEST_CASE("label values cannot break a line", "[metrics]") {
  metrics all;
  all.counter("calls_total", "Calls", {{"service", "a\"b\nc"}}).add();
  CHECK(all.prometheus().find("calls_total{service=\"a\\\"b\\nc\"} 1") != std::string::npos);
}

TEST_CASE("the process says how much it uses", "[metrics]") {
  metrics all;
  add_process_metrics(all);
  auto read = all.as_json();
  CHECK(read.at("process_resident_memory_bytes").as_double() > 1e6);
  CHECK(read.at("process_threads").as_double() >= 1);
  CHECK(read.at("process_open_fds").as_double() >= 3);
  CHECK(read.at("process_start_time_seconds").as_double() > 1.6e9);
}

TEST_CASE("the process says how much it uses while it can open no file", "[metrics]") {
  metrics all;
  add_process_metrics(all);
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  rlimit none{0, old.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  auto read = all.as_json();
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK(read.at("process_open_fds").as_double() >= 3);
  CHECK(read.at("process_resident_memory_bytes").as_double() > 1e6);
  CHECK(read.at("process_start_time_seconds").as_double() > 1.6e9);
}
