// How many durable changes per second the SQLite storage takes, one fsync per group.
// Usage: storage_commit [folder on the disk to measure] [seconds per row]
#include "runtime/base/id.hpp"
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sys/resource.h>
#include <vector>

namespace {

using namespace behalf;
using clock_type = std::chrono::steady_clock;

void check(const result<void>& r) {
  if (r)
    return;
  std::fprintf(stderr, "%s\n", r.error().message.c_str());
  std::exit(1);
}

record new_thread(int64_t user) {
  record r;
  r.type = kind::thread;
  r.tenant = "default";
  r.id = uuid7();
  r.status = "idle";
  r.metadata = {{"owner", "user-" + std::to_string(user % 1000)}};
  r.doc = {{"values", nullptr}, {"config", json::object{}}};
  r.created_at = r.updated_at = r.state_updated_at = now();
  return r;
}

record new_run(const record& thread) {
  record r;
  r.type = kind::run;
  r.tenant = thread.tenant;
  r.parent = thread.id;
  r.id = uuid7();
  r.status = "pending";
  r.metadata = thread.metadata;
  r.doc = {{"kwargs", {{"input", {{"messages", {{{"role", "user"}, {"content", "hello"}}}}}}}},
           {"multitask_strategy", "enqueue"}};
  r.created_at = r.updated_at = now();
  return r;
}

record new_checkpoint(const record& run, std::string previous) {
  record r;
  r.type = kind::checkpoint;
  r.tenant = run.tenant;
  r.parent = run.parent;
  r.id = uuid6();
  r.run_id = run.id;
  r.full = previous.empty();
  r.parent_checkpoint = std::move(previous);
  r.metadata = {{"source", "loop"}, {"step", 1}};
  r.doc = {{"append", {{"messages", {{{"type", "ai"}, {"content", "hello user"}}}}}}};
  r.created_at = r.updated_at = now();
  return r;
}

// Processor time of this process in microseconds: what a unit costs whatever else runs.
double processor_micros() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  auto micros = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return micros(used.ru_utime) + micros(used.ru_stime);
}

// Groups of `size` units until the time is over. Prints units/s and how long a group took.
void measure(const char* name, storage_engine& db, std::size_t size, double seconds,
             const std::function<write_batch(int64_t)>& unit) {
  std::vector<double> took;
  int64_t units = 0;
  auto cpu = processor_micros();
  auto begin = clock_type::now();
  std::chrono::duration<double> spent{0};
  while (spent.count() < seconds) {
    auto from = clock_type::now();
    check(db.begin());
    for (std::size_t i = 0; i < size; ++i)
      check(db.apply(unit(units++)));
    check(db.flush());
    auto to = clock_type::now();
    took.push_back(std::chrono::duration<double, std::milli>(to - from).count());
    spent = to - begin;
  }
  std::sort(took.begin(), took.end());
  auto count = static_cast<double>(units);
  std::printf("%-26s %6zu %12.0f %10.2f %10.2f %10.2f %12.1f\n", name, size, count / spent.count(),
              took[took.size() / 2], took[took.size() * 99 / 100], took.back(),
              (processor_micros() - cpu) / count);
}

write_batch put_new(record r) {
  write_batch c;
  c.puts.push_back({std::move(r), 0});
  return c;
}

} // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  double seconds = argc > 2 ? std::atof(argv[2]) : 2;
  auto file = folder / ("storage_commit-" + uuid4() + ".db");
  auto opened = open_storage({.url = storage_url(file.string())});
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  auto& db = **opened;
  std::printf("%-26s %6s %12s %10s %10s %10s %12s\n", "unit", "group", "units/s", "p50 ms",
              "p99 ms", "max ms", "cpu us/unit");
  for (std::size_t size : {1, 8, 64})
    measure("thread create", db, size, seconds, [](int64_t n) { return put_new(new_thread(n)); });

  auto thread = new_thread(0);
  check(db.begin());
  check(db.apply(put_new(thread)));
  check(db.flush());
  for (std::size_t size : {1, 8, 64})
    measure("run create + thread put", db, size, seconds, [&](int64_t) {
      thread.status = "busy";
      thread.updated_at = now();
      auto c = put_new(new_run(thread));
      c.puts.push_back({thread, {}});
      return c;
    });
  auto run = new_run(thread);
  std::string previous;
  for (std::size_t size : {1, 8, 64})
    measure("checkpoint", db, size, seconds, [&](int64_t n) {
      auto r = new_checkpoint(run, n % 32 == 0 ? "" : previous);
      previous = r.id;
      return put_new(std::move(r));
    });
  opened->reset();
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + suffix);
}
