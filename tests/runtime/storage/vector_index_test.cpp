// Near vectors among many: the graph finds nearly what a scan finds, within a prefix too.
#include "runtime/storage/vector_index.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

using namespace behalf;

namespace {

constexpr std::size_t dims = 8, many = 11'000;

std::vector<float> some_direction(std::mt19937& any) {
  std::normal_distribution<float> of;
  std::vector<float> v(dims);
  float sum = 0;
  for (auto& x : v) {
    x = of(any);
    sum += x * x;
  }
  for (auto& x : v)
    x /= std::sqrt(sum);
  return v;
}

// Rows in memory: every tenth belongs to alice.
struct many_rows : vector_rows {
  std::vector<stored_vector> all;
  gone_vectors removed;
  bool forgot = false;

  many_rows() {
    std::mt19937 any{1};
    for (std::size_t i = 0; i < many; ++i)
      all.push_back({static_cast<int64_t>(i + 1), static_cast<int64_t>(i + 1),
                     i % 10 == 0 ? "alice\x1f" : "bob\x1f" + std::to_string(i % 7) + "\x1f", "k",
                     some_direction(any)});
  }
  void remove(int64_t id) {
    std::erase_if(all, [id](const auto& v) { return v.id == id; });
    removed.ids.push_back(id);
    ++removed.last;
  }

  result<std::vector<unembedded_item>> to_embed(const embedding_turn&, int64_t,
                                                std::size_t) override {
    return std::vector<unembedded_item>{};
  }
  result<int64_t> count_to_embed() override { return 0; }
  result<std::vector<stored_vector>> of_tenant(const std::string&, int64_t after,
                                               int64_t limit) override {
    std::vector<stored_vector> some;
    for (const auto& v : all)
      if (v.id > after && static_cast<int64_t>(some.size()) < limit)
        some.push_back(v);
    return some;
  }
  result<std::vector<stored_vector>> below(const std::string&, const std::string&,
                                           const stored_vector*, int64_t) override {
    return std::vector<stored_vector>{};
  }
  result<std::optional<gone_vectors>> gone(const std::string&, int64_t after) override {
    if (std::exchange(forgot, false))
      return std::optional<gone_vectors>{};
    gone_vectors since{{removed.ids.begin() + after, removed.ids.end()}, removed.last};
    return std::optional{since};
  }
  result<int64_t> last_gone() override { return removed.last; }
  result<std::optional<item_of_vector>> item_of(int64_t, bool, fair_budget::share*) override {
    return std::optional<item_of_vector>{};
  }

  std::set<int64_t> nearest(const std::vector<float>& to, const std::string& prefix,
                            std::size_t count) const {
    std::vector<std::pair<float, int64_t>> scored;
    for (const auto& v : all)
      if (v.ns.starts_with(prefix)) {
        float sum = 0;
        for (std::size_t i = 0; i < dims; ++i)
          sum += v.of[i] * to[i];
        scored.emplace_back(-sum, v.id);
      }
    std::sort(scored.begin(), scored.end());
    std::set<int64_t> ids;
    for (std::size_t i = 0; i < std::min(count, scored.size()); ++i)
      ids.insert(scored[i].second);
    return ids;
  }
};

void catch_up(vector_index& index, many_rows& rows) {
  for (;;) {
    auto done = index.catch_up(rows, "acme", std::chrono::seconds{1}, std::size_t{1} << 30);
    REQUIRE(done);
    if (*done)
      return;
  }
}

// The share of the true nearest that it finds.
double recall(const vector_index& index, const many_rows& rows, const std::string& prefix) {
  std::mt19937 any{2};
  std::size_t hits = 0;
  constexpr int rounds = 20;
  for (int i = 0; i < rounds; ++i) {
    auto to = some_direction(any);
    auto truth = rows.nearest(to, prefix, 10);
    auto found = index.nearest(to, prefix, 10);
    REQUIRE(found.size() == truth.size());
    for (const auto& one : found)
      hits += truth.count(one.id);
    CHECK(std::is_sorted(found.begin(), found.end(),
                         [](const auto& a, const auto& b) { return a.score > b.score; }));
  }
  return static_cast<double>(hits) / (rounds * 10);
}

} // namespace

TEST_CASE("near vectors are found among many, with the graph and while it is built", "[similar]") {
  many_rows rows;
  vector_index index{dims};
  catch_up(index, rows);
  CHECK(index.size() == many);
  CHECK(recall(index, rows, "") == 1); // no graph yet: all are looked at
  CHECK(index.wants_building());
  for (std::size_t i = 0; i < many - 300; ++i)
    REQUIRE(index.build());
  CHECK(recall(index, rows, "") >= 0.95);
  while (index.build())
    ;
  CHECK_FALSE(index.wants_building());
  CHECK(recall(index, rows, "") >= 0.95);
  CHECK(recall(index, rows, "bob\x1f") >= 0.95);
  CHECK(recall(index, rows, "alice\x1f") == 1);
  CHECK(index.nearest(rows.all[0].of, "carol\x1f", 10).empty());

  for (int64_t id = 1; id <= 3000; ++id)
    rows.remove(id);
  catch_up(index, rows);
  CHECK(index.size() == many - 3000);
  CHECK(recall(index, rows, "") >= 0.95);
  rows.forgot = true; // more has gone than the rows know of: it is read again
  catch_up(index, rows);
  CHECK(recall(index, rows, "") == 1);
}

TEST_CASE("an index mostly of vectors that are gone is made anew", "[similar]") {
  many_rows rows;
  vector_index index{dims};
  catch_up(index, rows);
  const auto before = index.bytes();
  for (int64_t id = 1; id <= static_cast<int64_t>(many) - 1000; ++id)
    rows.remove(id);
  catch_up(index, rows);
  CHECK(index.size() == 1000);
  CHECK(index.bytes() < before / 10);
  CHECK(recall(index, rows, "") == 1);
}

TEST_CASE("what does not fit into memory is refused, and makes others leave", "[similar]") {
  many_rows rows;
  const auto whole = many * vector_index::bytes_of_one(dims);
  vector_index index{dims};
  auto refused = index.catch_up(rows, "acme", std::chrono::seconds{10}, whole / 2);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::overloaded);

  vector_indexes all{dims, 2 * whole};
  catch_up(*all.of("a"), rows);
  catch_up(*all.of("b"), rows);
  CHECK(all.room_for("b") == whole); // a may stay
  CHECK(all.room_for("c") == whole); // of both, b was used last
  CHECK(all.of("b")->size() == many);
  CHECK(all.of("a")->size() == 0);
  all.too_large("a");
  CHECK_FALSE(all.of("a"));
  CHECK(all.bytes() == whole);
}
