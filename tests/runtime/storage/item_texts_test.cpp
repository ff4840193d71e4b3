// Which texts of an item are embedded.
#include "runtime/storage/item_texts.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

names texts(const json::object& value, const names& fields, const json::value& index = nullptr) {
  auto item = make_item({"n"}, "k", value);
  item.metadata = index_choice(index);
  return texts_of(item, fields);
}

} // namespace

TEST_CASE("a path finds what stands there", "[similar]") {
  const json::object value{{"a", {{"b", "x"}, {"c", 7}}},
                           {"l", {json::value("p"), json::value({{"t", "q"}}), nullptr}},
                           {"none", nullptr}};
  CHECK(texts(value, {"a.b"}) == names{"x"});
  CHECK(texts(value, {"a.c"}) == names{"7"});
  CHECK(texts(value, {"a"}) == names{R"({"b":"x","c":7})"});
  CHECK(texts(value, {"a.*"}) == names{"x", "7"});
  CHECK(texts(value, {"{a,l}"}).size() == 2);
  CHECK(texts(value, {"a.{b, c}"}) == names{"x", "7"});
  CHECK(texts(value, {"l[0]", "l[-2].t"}) == names{"p", "q"});
  CHECK(texts(value, {"l[*]"}) == names{"p", R"({"t":"q"})"});
  CHECK(texts(value, {"l[*].t"}) == names{"q"});
  CHECK(texts({{"a", 1}}, {"$"}) == names{R"({"a":1})"});
  for (std::string nothing :
       {"none", "z", "a.z", "a.b.c", "l[9]", "l[-9]", "l[x]", "a[0]", "l.t"}) {
    INFO(nothing);
    CHECK(texts(value, {nothing}).empty());
  }
}

TEST_CASE("an item's own choice goes before the configured fields", "[similar]") {
  const json::object value{{"a", "x"}, {"b", "y"}};
  CHECK(texts(value, {"a"}) == names{"x"});
  CHECK(texts(value, {"a"}, false).empty());
  CHECK(texts(value, {"a"}, json::array{"b"}) == names{"y"});
  CHECK(texts(value, {"a"}, json::array{"b", "a"}) == names{"y", "x"});
}

TEST_CASE("texts and their number are bound", "[similar]") {
  json::array many(1000, json::value("t"));
  CHECK(texts({{"l", many}}, {"l[*]", "l"}).size() == most_texts_of_item);
  std::string wide;
  while (wide.size() < 2 * most_text_bytes)
    wide += "\xe2\x82\xac"; // a character of three bytes
  auto cut = texts({{"t", wide}}, {"t"}).at(0);
  CHECK(cut.size() <= most_text_bytes);
  CHECK(cut.size() % 3 == 0);
}

TEST_CASE("a path that cannot be is refused", "[similar]") {
  for (std::string fine : {"$", "a", "a.b", "a[0]", "a[*].b", "a[0][1]", "{a,b}", "*", "$.a"})
    CHECK(check_index_path(fine));
  for (std::string wrong : {"", ".", "a.", "a..b", "a[", "{a", ".a"}) {
    INFO(wrong);
    CHECK(check_index_path(wrong).error().code == errc::invalid_argument);
  }
  std::string deep = "a";
  for (int i = 0; i < 100; ++i)
    deep += ".a";
  CHECK_FALSE(check_index_path(deep));
}
