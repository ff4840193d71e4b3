// Semantic search over many items: how long the nearest ten take through the storage and its index,
// and how many of the true nearest ten they are. Items lie in clusters, as texts on a few subjects
// do. Prints one line per figure.
//
//     cmake --build build/release --target bench_vector_search
//     build/release/bench/vector_search [items] [numbers of a vector]
#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/similar_scan.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <time.h>
#include <unistd.h>

using namespace behalf;
using ms = std::chrono::duration<double, std::milli>;

namespace {

std::mt19937 any{7};

std::vector<float> unit(std::vector<float> v) {
  double sum = 0;
  for (auto x : v)
    sum += x * x;
  for (auto& x : v)
    x = static_cast<float>(x / std::sqrt(sum));
  return v;
}

std::vector<float> direction(std::size_t dims) {
  std::normal_distribution<float> of;
  std::vector<float> v(dims);
  for (auto& x : v)
    x = of(any);
  return unit(std::move(v));
}

// Near to one of the subjects.
std::vector<float> about(const std::vector<float>& subject) {
  auto v = direction(subject.size());
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = subject[i] + 0.8f * v[i];
  return unit(std::move(v));
}

// Of this thread: what else runs on the machine does not count.
double busy_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

result<std::vector<int64_t>> search(storage_reader& db, std::shared_ptr<vector_indexes> in,
                                    const std::vector<float>& to, const std::string& prefix) {
  query q{.type = kind::item, .tenant = "t", .namespace_prefix = prefix};
  similar_scan scan{std::move(q), to, std::move(in)};
  std::vector<int64_t> found;
  for (;;) {
    auto part = scan.go_on(db);
    if (!part)
      return part.error();
    for (const auto& one : part->items)
      found.push_back(std::stoll(one.row.id));
    if (part->done)
      return found;
  }
}

struct figures {
  double p50, p99, busy_p50, busy_p99, recall;
};

figures measure(storage_reader& db, std::shared_ptr<vector_indexes> in,
                const std::vector<std::vector<float>>& all,
                const std::vector<std::vector<float>>& subjects, std::size_t of_user,
                const std::string& prefix, int rounds) {
  std::vector<double> times, busy;
  std::size_t hits = 0;
  for (int i = 0; i < rounds; ++i) {
    auto to = about(subjects[any() % subjects.size()]);
    auto begun = std::chrono::steady_clock::now();
    auto busy_before = busy_ms();
    auto found = search(db, in, to, prefix).value();
    times.push_back(ms(std::chrono::steady_clock::now() - begun).count());
    busy.push_back(busy_ms() - busy_before);
    std::vector<std::pair<float, int64_t>> scored;
    for (std::size_t n = 0; n < all.size(); n += of_user) {
      float sum = 0;
      for (std::size_t d = 0; d < to.size(); ++d)
        sum += all[n][d] * to[d];
      scored.emplace_back(-sum, static_cast<int64_t>(n));
    }
    std::partial_sort(scored.begin(), scored.begin() + 10, scored.end());
    for (int n = 0; n < 10; ++n)
      hits += static_cast<std::size_t>(std::count(found.begin(), found.end(), scored[n].second));
  }
  std::sort(times.begin(), times.end());
  std::sort(busy.begin(), busy.end());
  const auto half = times.size() / 2, most = times.size() * 99 / 100;
  return {times[half], times[most], busy[half], busy[most],
          static_cast<double>(hits) / (rounds * 10.0)};
}

void print(const char* name, const figures& f) {
  std::printf("%-44s p50 %7.2f p99 %7.2f ms, busy p50 %7.2f p99 %7.2f ms, recall@10 %.3f\n", name,
              f.p50, f.p99, f.busy_p50, f.busy_p99, f.recall);
}

} // namespace

int main(int argc, char** argv) {
  const std::size_t items = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const std::size_t dims = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 384;
  std::string folder = std::filesystem::temp_directory_path() / "behalf-bench-XXXXXX";
  if (!::mkdtemp(folder.data()))
    return 1;
  auto db = open_sqlite({.path = folder + "/b.db"}).value();
  std::vector<std::vector<float>> subjects, all;
  for (int i = 0; i < 1000; ++i)
    subjects.push_back(direction(dims));
  const auto alice = encode_namespace({"alice", "notes"}).value();
  const auto others = encode_namespace({"others", "notes"}).value();
  for (std::size_t i = 0; i < items;) { // every hundredth is alice's
    if (!db->begin())
      return 1;
    write_batch batch;
    for (; batch.puts.size() < 500 && i < items; ++i) {
      record r;
      r.type = kind::item;
      r.tenant = "t";
      r.parent = i % 100 == 0 ? alice : others;
      r.id = std::to_string(i);
      r.doc = {{"text", "a note of some words, number " + r.id}};
      all.push_back(about(subjects[any() % subjects.size()]));
      batch.vectors.push_back({r.key(), 1, {all.back()}});
      batch.puts.push_back({std::move(r), {}, true});
    }
    if (!db->apply(batch) || !db->flush())
      return 1;
  }
  auto reader = db->open_reader().value();
  auto in = std::make_shared<vector_indexes>(dims, std::size_t{8} << 30);
  auto without = std::make_shared<vector_indexes>(dims, 0);
  auto begun = std::chrono::steady_clock::now();
  search(*reader, in, all.front(), "").value();
  std::printf("%zu items, vectors of %zu numbers\n", items, dims);
  std::printf("%-44s %7.0f ms\n", "first search after a start: read all rows",
              ms(std::chrono::steady_clock::now() - begun).count());
  print("one by one, while the graph is built", measure(*reader, in, all, subjects, 1, "", 50));
  begun = std::chrono::steady_clock::now();
  auto index = in->of("t");
  while (index->build())
    ;
  std::printf("%-44s %7.0f ms\n", "the graph built, on one thread",
              ms(std::chrono::steady_clock::now() - begun).count());
  print("all items", measure(*reader, in, all, subjects, 1, "", 300));
  print("a user with a hundredth of them", measure(*reader, in, all, subjects, 100, alice, 300));
  print("that user, without memory for vectors",
        measure(*reader, without, all, subjects, 100, alice, 50));
  std::printf("%-44s %7.0f MiB\n", "memory", static_cast<double>(in->bytes()) / (1 << 20));
  std::printf("%-44s %7.0f MiB\n", "on disk",
              static_cast<double>(std::filesystem::file_size(folder + "/b.db")) / (1 << 20));
  reader.reset();
  db.reset();
  std::filesystem::remove_all(folder);
}
