// How long searches, counts, deletes and the sweep take among many threads of many owners. In the
// end all threads have expired: the sweep removes them, a batch a turn.
// Usage: storage_search [folder] [threads, default a million]
#include "bench/must.hpp"
#include "runtime/base/id.hpp"
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <vector>

namespace {

using namespace behalf;

constexpr int64_t owners = 1000;
constexpr int64_t topics = 50;
constexpr int64_t group = 1000;
const time_point expire_at = now() + std::chrono::hours{24};

record nth_thread(int64_t n) {
  record r;
  r.type = kind::thread;
  r.tenant = "default";
  r.id = uuid7();
  r.status = n % 10'000 == 0 ? "busy" : "idle";
  r.metadata = {{"owner", "user-" + std::to_string(n % owners)},
                {"graph_id", "inbox"},
                {"topic", n / owners % topics}};
  r.doc = {{"values", {{"who", n}}}, {"config", json::object{}}};
  r.created_at = r.updated_at = r.state_updated_at = from_micros(n);
  r.expires = expiry{expire_at, std::chrono::hours{1}};
  return r;
}

void fill(storage_engine& db, int64_t threads) {
  for (int64_t n = 0; n < threads;) {
    must(db.begin());
    for (auto end = std::min(n + group, threads); n < end; ++n)
      must(db.apply({.puts = {{nth_thread(n), 0}}}));
    must(db.flush());
  }
}

template <class Work>
void measure(const char* name, Work work) {
  constexpr int rounds = 1000;
  constexpr std::chrono::seconds longest{2};
  const auto begun = std::chrono::steady_clock::now();
  std::vector<double> took;
  for (int i = 0; i < rounds; ++i) {
    auto from = std::chrono::steady_clock::now();
    work();
    auto time = std::chrono::steady_clock::now() - from;
    took.push_back(std::chrono::duration<double, std::milli>(time).count());
    if (from - begun > longest)
      break;
  }
  std::sort(took.begin(), took.end());
  std::printf("%-52s %10.3f %10.3f %10.3f\n", name, took[took.size() / 2],
              took[took.size() * 99 / 100], took.back());
}

double ms(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

// Others have their turn between two slices.
void in_slices(const char* name, record_scan& scan, storage_reader& reader) {
  std::chrono::steady_clock::duration longest{}, whole{};
  for (bool done = false; !done;) {
    auto from = std::chrono::steady_clock::now();
    done = must(reader.go_on(scan, {})).done;
    auto took = std::chrono::steady_clock::now() - from;
    longest = std::max(longest, took);
    whole += took;
  }
  std::printf("%s, in slices: %.3f ms in all, the longest %.3f ms\n", name, ms(whole), ms(longest));
}

void remove_some(storage_engine& db, storage_reader& reader, query of) {
  of.limit = 1000;
  auto some = must(reader.search(of)).rows;
  measure("delete of a thread, made durable", [&] {
    write_batch what;
    what.erases.push_back({some.back().key()});
    some.pop_back();
    must(db.begin());
    must(db.apply(what));
    must(db.flush());
  });
}

// As the server does: a batch, then whoever else wants to write.
void sweep_all(storage_engine& db) {
  constexpr int64_t batch = 100;
  std::vector<double> took;
  for (int64_t gone = batch; gone >= batch;) {
    auto from = std::chrono::steady_clock::now();
    must(db.begin());
    gone = must(db.sweep(batch));
    must(db.flush());
    took.push_back(ms(std::chrono::steady_clock::now() - from));
  }
  auto whole = std::accumulate(took.begin(), took.end(), 0.0);
  std::sort(took.begin(), took.end());
  std::printf("sweep of all: %.1f s in %zu turns, p50 %.3f ms, p99 %.3f ms, the longest %.3f ms\n",
              whole / 1000, took.size(), took[took.size() / 2], took[took.size() * 99 / 100],
              took.back());
}

} // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  auto threads = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  auto file = folder / ("storage_search-" + uuid4() + ".db");
  {
    bool expired = false;
    auto time = [&expired] { return expired ? expire_at : now(); };
    auto db = must(open_storage({.url = storage_url(file.string()), .clock = time}));
    fill(*db, threads);
    auto reader = must(db->open_reader());
    auto mine = must(filter::parse(json::object{{"owner", "user-7"}}));
    auto either = must(filter::parse(
      json::object{{"$or", {json::object{{"owner", "user-7"}}, json::object{{"public", true}}}}}));
    auto search = [&](query q) {
      return [&reader, q = std::move(q)] { (void)must(reader->search(q)); };
    };
    query base{.tenant = "default"}, of_one{base}, of_either{base}, by_creation{base}, busy{base},
      deep{base}, newest{base}, of_graph{base};
    of_one.auth_filter = by_creation.auth_filter = busy.auth_filter = deep.auth_filter =
      of_graph.auth_filter = mine;
    of_either.auth_filter = either;
    by_creation.sort = sort_key::created_at;
    busy.status = {"busy"};
    deep.offset = threads / owners / 2;
    of_graph.metadata = {{"graph_id", "inbox"}};
    query of_topic{of_one}, of_none{of_one};
    of_topic.metadata = {{"topic", 7}};
    of_none.metadata = {{"topic", topics}};
    std::printf("%lld threads of %lld owners\n%-52s %10s %10s %10s\n", threads,
                static_cast<long long>(owners), "search", "p50 ms", "p99 ms", "max ms");
    measure("newest 10 of the tenant", search(newest));
    measure("newest 10 of one owner", search(of_one));
    measure("newest 10 of one owner and graph", search(of_graph));
    measure("newest 10 of one owner and topic", search(of_topic));
    measure("none of one owner and a topic nobody has", search(of_none));
    measure("newest 10 of one owner, half way down", search(deep));
    measure("newest 10 of one owner, by creation", search(by_creation));
    measure("busy ones of one owner", search(busy));
    measure("newest 10, one owner's or public", search(of_either));
    measure("count of one owner", [&] { (void)must(reader->count(of_one)); });
    measure("count of the tenant", [&] { (void)must(reader->count(base)); });
    query nested{base};
    nested.metadata = {{"no", {{"such", "thing"}}}};
    nested.auth_filter = mine;
    measure("what no index knows, of one owner", search(nested));
    query of_values{base}, of_values_mine{base};
    of_values.values = of_values_mine.values = {{"who", 7}};
    of_values_mine.auth_filter = mine;
    measure("by values, of the tenant: all are read", search(of_values));
    measure("by values, of one owner", search(of_values_mine));
    record_scan all{base, record_scan::wants::count}, values{of_values, record_scan::wants::rows};
    in_slices("count of the tenant", all, *reader);
    in_slices("by values, of the tenant", values, *reader);
    remove_some(*db, *reader, base);
    expired = true;
    sweep_all(*db);
  }
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + suffix);
}
