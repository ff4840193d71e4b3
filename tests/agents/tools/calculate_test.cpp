#include "agents/tools/calculate.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

std::string value_of(std::string_view expression) {
  auto value = calculate(expression);
  return value ? *value : "! " + value.error().message;
}

} // namespace

TEST_CASE("arithmetic is as in mathematics", "[agents]") {
  CHECK(value_of("1 + 2 * 3") == "7");
  CHECK(value_of("(1 + 2) * 3") == "9");
  CHECK(value_of("10 - 4 - 3") == "3");
  CHECK(value_of("2 ^ 3 ^ 2") == "512");
  CHECK(value_of("-2^2") == "-4");
  CHECK(value_of("2^-1") == "0.5");
  CHECK(value_of("7 % 4") == "3");
  CHECK(value_of("0.1 + 0.2") == "0.30000000000000004");
  CHECK(value_of("1e3 / 4") == "250");
  CHECK(value_of("sqrt(16) + max(1, 5, 3) - min(2, 1)") == "8");
  CHECK(value_of("round(2.5) + floor(-1.5) + abs(-3)") == "4");
  CHECK(value_of("ln(e) + cos(pi)") == "0");
  CHECK(value_of("--3") == "3");
  CHECK(value_of(".5") == "0.5");
}

TEST_CASE("what is no expression is said to be none", "[agents]") {
  CHECK(value_of("") == "! it ends too early");
  CHECK(value_of("1 +") == "! it ends too early");
  CHECK(value_of("(1") == "! a ')' is missing");
  CHECK(value_of("2 pi") == "! 'pi' is not expected there");
  CHECK(value_of("system(1)") == "! there is no 'system'");
  CHECK(value_of("sqrt 4") == "! there is no 'sqrt'");
  CHECK(value_of("1 / (2 - 2)") == "! it divides by zero");
  CHECK(value_of("sqrt(-1)") == "! the result is no number, or too large for one");
  CHECK(value_of("9^9^9") == "! the result is no number, or too large for one");
  CHECK(value_of("1e999").starts_with("! "));
  CHECK(value_of("\xff").starts_with("! a number is expected"));
  CHECK(value_of(std::string(2000, '1')) == "! it is longer than 1,000 bytes");
}

TEST_CASE("nesting is bounded, however it is made", "[agents]") {
  for (const auto* begin : {"(", "-(", "abs(", "2^", "max(1,", "1+("}) {
    std::string text;
    while (text.size() < 900)
      text += begin;
    CHECK(value_of(text) == "! it is nested too deeply");
  }
  CHECK(value_of(std::string(900, '-') + "1") == "1");
  CHECK(value_of(std::string(60, '(') + "1" + std::string(60, ')')) == "1");
}
