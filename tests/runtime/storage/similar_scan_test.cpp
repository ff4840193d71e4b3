// Which items a semantic search finds: of whom, how near, in whatever slices, from memory or rows.
#include "runtime/storage/similar_scan.hpp"
#include "runtime/storage/storage.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <cmath>

using namespace behalf;

namespace {

// A direction in the plane, in degrees.
std::vector<float> at(double degrees) {
  const auto r = degrees * 3.14159265358979 / 180;
  return {static_cast<float>(std::cos(r)), static_cast<float>(std::sin(r))};
}

template <class Factory>
struct similar_fixture : storage_fixture<Factory> {
  std::shared_ptr<vector_indexes> in_memory = std::make_shared<vector_indexes>(2, 1 << 20);
  std::shared_ptr<vector_indexes> without_room = std::make_shared<vector_indexes>(2, 0);

  void keep(const names& labels, const std::string& key, std::vector<double> degrees,
            json::object value = {}) {
    auto item = make_item(labels, key, std::move(value));
    REQUIRE(this->write({.puts = {{item, {}, true}}}));
    embed(item.key(), degrees);
  }
  void embed(const record_key& key, const std::vector<double>& degrees) {
    write_batch batch;
    batch.vectors.push_back({key, this->db->get(key).value()->revision, {}});
    for (auto d : degrees)
      batch.vectors.back().vectors.push_back(at(d));
    REQUIRE(this->write(batch));
  }

  static query asks(const names& prefix = {}) {
    return {
      .type = kind::item, .tenant = "acme", .namespace_prefix = encode_namespace(prefix).value()};
  }
  /// The keys found near to 0 degrees; the same from memory, from rows and in many slices.
  names near(const query& q) {
    auto found = search(q, in_memory, {});
    constexpr slice_limits tiny{std::chrono::microseconds{0}, 1};
    CHECK(search(q, without_room, {}) == found);
    CHECK(search(q, in_memory, tiny) == found);
    CHECK(search(q, without_room, tiny) == found);
    return found;
  }
  names search(const query& q, std::shared_ptr<vector_indexes> in, const slice_limits& limits) {
    similar_scan scan{q, at(0), std::move(in)};
    names keys;
    float last = 2;
    for (;;) {
      auto part = scan.go_on(*this->db, limits);
      if (!part)
        FAIL(part.error().message);
      for (const auto& one : part->items) {
        CHECK(one.score <= last);
        last = one.score;
        keys.push_back(one.row.id);
      }
      if (part->done)
        return keys;
    }
  }
  std::vector<unembedded_item> waiting() {
    return this->db->vectors().to_embed({}, 100, 1 << 20).value();
  }
};

} // namespace

TEMPLATE_LIST_TEST_CASE("items are found by nearness, each once", "[similar]", storages) {
  similar_fixture<TestType> f;
  CHECK(f.near(f.asks()).empty());
  f.keep({"a"}, "far", {170});
  f.keep({"a"}, "near", {10});
  f.keep({"a", "b"}, "twice", {90, 20});
  f.keep({"ab"}, "other", {5});
  CHECK(f.near(f.asks()) == names{"other", "near", "twice", "far"});
  CHECK(f.near(f.asks({"a"})) == names{"near", "twice", "far"});
  CHECK(f.near(f.asks({"a", "b"})) == names{"twice"});
  CHECK(f.near(f.asks({"c"})).empty());
  auto page = f.asks();
  page.limit = 2;
  page.offset = 1;
  CHECK(f.near(page) == names{"near", "twice"});
  page.offset = 4;
  CHECK(f.near(page).empty());
  page.offset = 1'000'000;
  similar_scan beyond{page, at(0), f.in_memory};
  CHECK(beyond.go_on(*f.db).error().code == errc::invalid_argument);
}

TEMPLATE_LIST_TEST_CASE("filters hold, and the page is full all the same", "[similar]", storages) {
  similar_fixture<TestType> f;
  for (int i = 0; i < 100; ++i)
    f.keep({"n"}, std::to_string(i), {i * 1.0},
           {{"owner", i % 50 == 49 ? "alice" : "bob"}, {"n", i}});
  auto q = f.asks();
  q.auth_filter = make_filter({{"owner", "alice"}});
  CHECK(f.near(q) == names{"49", "99"});
  q.value = value_filter::parse({{"n", {{"$gt", 50}}}}).value();
  CHECK(f.near(q) == names{"99"});
  q.auth_filter = {};
  q.limit = 3;
  CHECK(f.near(q) == names{"51", "52", "53"});
  q.tenant = "umbrella";
  CHECK(f.near(q).empty());
}

TEMPLATE_LIST_TEST_CASE("what is changed, removed or expired is found as it is now", "[similar]",
                        storages) {
  similar_fixture<TestType> f;
  f.keep({"n"}, "moves", {1});
  f.keep({"n"}, "goes", {2});
  f.keep({"n"}, "stays", {3});
  auto ends = make_item({"n"}, "ends");
  ends.expires = expiry{f.factory.clock + std::chrono::minutes{1}, std::chrono::minutes{1}};
  REQUIRE(f.write({.puts = {{ends, {}, true}}}));
  f.embed(ends.key(), {0});
  CHECK(f.near(f.asks()) == names{"ends", "moves", "goes", "stays"});
  f.keep({"n"}, "moves", {50});
  REQUIRE(f.write({.erases = {{make_item({"n"}, "goes").key()}}}));
  f.factory.clock += std::chrono::minutes{1};
  CHECK(f.near(f.asks()) == names{"stays", "moves"});
  f.keep({"n"}, "goes", {60}); // another of that name
  CHECK(f.near(f.asks()) == names{"stays", "moves", "goes"});
  f.keep({"n"}, "stays", {}); // nothing of it is to be found by
  CHECK(f.near(f.asks()) == names{"moves", "goes"});
}

TEMPLATE_LIST_TEST_CASE("an item waits to be embedded until its present value is", "[similar]",
                        storages) {
  similar_fixture<TestType> f;
  auto item = make_item({"n"}, "k", {{"v", 1}});
  REQUIRE(f.write({.puts = {{item, {}, true}}}));
  auto first = f.waiting();
  REQUIRE(first.size() == 1);
  CHECK(first[0].row.doc == json::object{{"v", 1}});
  item.doc = {{"v", 2}};
  REQUIRE(f.write({.puts = {{item, {}, true}}}));
  REQUIRE(f.write({.vectors = {{item.key(), first[0].row.revision, {at(0)}}}}));
  CHECK(f.near(f.asks()).empty()); // of the value before
  REQUIRE(f.waiting().size() == 1);
  f.embed(item.key(), {0});
  CHECK(f.waiting().empty());
  CHECK(f.near(f.asks()) == names{"k"});
  f.factory.clock += std::chrono::minutes{1};
  REQUIRE(f.write({.erases = {{item.key()}}}));
  CHECK(f.waiting().empty());
}

TEMPLATE_LIST_TEST_CASE("vectors of another model are made anew, all of them", "[similar]",
                        storages) {
  similar_fixture<TestType> f;
  REQUIRE(f.put(make_item({"n"}, "from before")));
  CHECK(f.waiting().empty());
  REQUIRE(f.write({.embedded_by = "one"}));
  CHECK(f.waiting().size() == 1);
  f.keep({"n"}, "k", {0});
  REQUIRE(f.write({.embedded_by = "one"}));
  CHECK(f.near(f.asks()) == names{"k"});
  REQUIRE(f.write({.embedded_by = "two"}));
  CHECK(f.near(f.asks()).empty());
  CHECK(f.waiting().size() == 2);
}

TEMPLATE_LIST_TEST_CASE("a search by nearness beyond its bounds is refused", "[similar]",
                        storages) {
  similar_fixture<TestType> f;
  for (int i = 0; i < 20; ++i)
    f.keep({"n"}, std::to_string(i), {i * 1.0});
  auto q = f.asks();
  q.auth_filter = make_filter({{"owner", "nobody"}});
  similar_scan scan{q, at(0), f.in_memory, {.rows = 10}};
  auto part = scan.go_on(*f.db);
  while (part && !part->done)
    part = scan.go_on(*f.db);
  REQUIRE_FALSE(part);
  CHECK(part.error().code == errc::invalid_argument);
  CHECK(part.error().message.find("narrow it") != std::string::npos);
}
