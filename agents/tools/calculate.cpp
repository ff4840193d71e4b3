#include "agents/tools/calculate.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

namespace behalf {
namespace {

constexpr std::size_t longest = 1'000;
constexpr int deepest = 64;

struct function_of_one {
  std::string_view name;
  double (*of)(double);
};
constexpr std::array<function_of_one, 11> functions{{
  {"abs", [](double x) { return std::fabs(x); }},
  {"ceil", [](double x) { return std::ceil(x); }},
  {"cos", [](double x) { return std::cos(x); }},
  {"exp", [](double x) { return std::exp(x); }},
  {"floor", [](double x) { return std::floor(x); }},
  {"ln", [](double x) { return std::log(x); }},
  {"log10", [](double x) { return std::log10(x); }},
  {"round", [](double x) { return std::round(x); }},
  {"sin", [](double x) { return std::sin(x); }},
  {"sqrt", [](double x) { return std::sqrt(x); }},
  {"tan", [](double x) { return std::tan(x); }},
}};

// Descends from sums to products to powers to single values. After the first fault all that is
// read is nothing.
class expression_reader {
public:
  explicit expression_reader(std::string_view text) : rest_(text) {}

  result<double> read() {
    const auto value = sum();
    if (wrong_.empty() && !spaces().empty())
      wrong("'" + std::string(cut_utf8(rest_, 20)) + "' is not expected there");
    if (!wrong_.empty())
      return fail(errc::invalid_argument, wrong_);
    return value;
  }

private:
  double sum() {
    if (++depth_ > deepest)
      return wrong("it is nested too deeply");
    auto value = product();
    while (going_on())
      if (take('+'))
        value += product();
      else if (take('-'))
        value -= product();
      else
        break;
    --depth_;
    return value;
  }

  double product() {
    auto value = negated();
    while (going_on())
      if (take('*'))
        value *= negated();
      else if (take('/'))
        value /= not_zero(negated());
      else if (take('%'))
        value = std::fmod(value, not_zero(negated()));
      else
        break;
    return value;
  }

  // -2^2 is -4, as in mathematics.
  double negated() {
    bool minus = false;
    while (going_on())
      if (take('-'))
        minus = !minus;
      else if (!take('+'))
        break;
    const auto value = power();
    return minus ? -value : value;
  }

  double power() {
    const auto base = single();
    if (!going_on() || !take('^'))
      return base;
    if (++depth_ > deepest)
      return wrong("it is nested too deeply");
    const auto exponent = negated(); // from the right: 2^3^2 is 2^9
    --depth_;
    return std::pow(base, exponent);
  }

  double single() {
    if (take('('))
      return in_parentheses();
    if (!rest_.empty() && (is_digit(rest_[0]) || rest_[0] == '.'))
      return number();
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_letter_or_digit);
    const auto name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    if (name == "pi")
      return std::numbers::pi;
    if (name == "e")
      return std::numbers::e;
    return call(name);
  }

  double in_parentheses() {
    const auto value = sum();
    return take(')') ? value : wrong("a ')' is missing");
  }

  double call(std::string_view name) {
    if (name.empty())
      return wrong(rest_.empty()
                     ? "it ends too early"
                     : "a number is expected at '" + std::string(cut_utf8(rest_, 20)) + "'");
    auto known = std::find_if(functions.begin(), functions.end(),
                              [&](const auto& one) { return one.name == name; });
    const bool of_many = name == "min" || name == "max";
    if ((known == functions.end() && !of_many) || !take('('))
      return wrong("there is no '" + std::string(name) + "'");
    if (!of_many)
      return known->of(in_parentheses());
    auto value = sum();
    while (going_on() && take(',')) {
      const auto next = sum();
      value = name == "min" ? std::fmin(value, next) : std::fmax(value, next);
    }
    return take(')') ? value : wrong("a ')' is missing");
  }

  double number() {
    double value = 0;
    const auto [end, ec] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (ec != std::errc{})
      return wrong("'" + std::string(cut_utf8(rest_, 20)) + "' begins with no number");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  double not_zero(double by) { return by == 0 ? wrong("it divides by zero") : by; }

  std::string_view spaces() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    return rest_;
  }

  bool take(char c) {
    if (!spaces().starts_with(c))
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool going_on() { return wrong_.empty() && !spaces().empty(); }

  double wrong(std::string why) {
    if (wrong_.empty())
      wrong_ = std::move(why);
    return 1;
  }

  std::string_view rest_;
  std::string wrong_;
  int depth_ = 0;
};

} // namespace

result<std::string> calculate(std::string_view expression) {
  if (expression.size() > longest)
    return fail(errc::invalid_argument, "it is longer than 1,000 bytes");
  auto value = expression_reader{expression}.read();
  if (!value)
    return value.error();
  if (!std::isfinite(*value))
    return fail(errc::invalid_argument, "the result is no number, or too large for one");
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), *value).ptr;
  return std::string(text.data(), end);
}

} // namespace behalf
