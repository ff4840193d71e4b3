// What authorization handlers may leave behind, and what becomes of it.
#include "actors/admission/granted.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const json::value wrong_values[]{
  nullptr, true, 7, 1.5, "words", json::array{}, json::array{1}, json::object{{"a", 1}}};

// The kinds of value that pass a reading, as the first letters of their names.
template <class Read>
std::string passing(Read read) {
  std::string kinds;
  for (const auto& v : wrong_values) {
    json::object value{{"field", v}};
    admission::granted_reader in{value};
    read(in);
    if (!in.fault())
      kinds += kind_name(v).front();
    else
      CHECK(in.fault()->code == errc::internal);
  }
  json::object nothing;
  admission::granted_reader in{nothing};
  read(in);
  CHECK(in.fault()); // a field that is gone is no default
  return kinds;
}

} // namespace

TEST_CASE("a handler's value passes as what it is, or not at all", "[admission]") {
  CHECK(passing([](admission::granted_reader& in) { in.text("field"); }) == "s");
  CHECK(passing([](admission::granted_reader& in) { in.one_of("field", {"words", "b"}); }) == "s");
  CHECK(passing([](admission::granted_reader& in) { in.one_of("field", {"a", "b"}); }).empty());
  CHECK(passing([](admission::granted_reader& in) { in.integer("field", 0, 10); }) == "n");
  CHECK(passing([](admission::granted_reader& in) { in.integer("field", 8, 10); }).empty());
  CHECK(passing([](admission::granted_reader& in) { in.number("field", 0, 10); }) == "nn");
  CHECK(passing([](admission::granted_reader& in) { in.number("field", 1, 2); }) == "n");
  CHECK(passing([](admission::granted_reader& in) { in.flag("field"); }) == "b");
  CHECK(passing([](admission::granted_reader& in) { in.object("field"); }) == "o");
  CHECK(passing([](admission::granted_reader& in) { in.texts("field"); }) == "l"); // the empty list
}

TEST_CASE("what passes is what was left", "[admission]") {
  json::object value{{"n", 3}, {"names", json::array{"a", "b"}}, {"none", nullptr}};
  admission::granted_reader in{value};
  CHECK(in.integer("n", 0, 9) == 3);
  CHECK(in.number("n", 0, 9) == 3.0);
  CHECK(in.texts("names") == std::vector<std::string>{"a", "b"});
  CHECK(in.has("n"));
  CHECK_FALSE(in.has("none"));
  CHECK_FALSE(in.fault());
}
