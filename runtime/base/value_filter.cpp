#include "runtime/base/value_filter.hpp"

#include <algorithm>
#include <compare>
#include <optional>

namespace behalf {
namespace {

constexpr std::string_view operators[]{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};

bool is_operator(std::string_view key) {
  return key.starts_with('$');
}

result<void> check(const json::value& condition) {
  if (!condition.is_object())
    return {};
  for (const auto& [key, operand] : condition.get_object()) {
    std::string_view name{key.data(), key.size()};
    if (is_operator(name)
        && std::find(std::begin(operators), std::end(operators), name) == std::end(operators))
      return fail(errc::bad_request, "Unsupported operator: " + std::string(name));
    if (auto ok = check(operand); !ok && !is_operator(name))
      return ok;
  }
  return {};
}

std::optional<double> as_number(const json::value& v) {
  if (!v.is_number())
    return {};
  return v.to_number<double>();
}

// Integers are compared as integers: a double cannot tell 2^53 from 2^53 + 1.
std::partial_ordering compare(const json::value& a, const json::value& b) {
  if (a.is_int64() && b.is_int64())
    return a.get_int64() <=> b.get_int64();
  if (auto x = as_number(a), y = as_number(b); x && y)
    return *x <=> *y;
  if (a.is_string() && b.is_string())
    return std::string_view(a.get_string().data(), a.get_string().size())
           <=> std::string_view(b.get_string().data(), b.get_string().size());
  return std::partial_ordering::unordered;
}

bool equal(const json::value& a, const json::value& b) {
  return a == b || (a.is_number() && b.is_number() && compare(a, b) == 0);
}

bool apply(std::string_view op, const json::value& have, const json::value& operand) {
  if (op == "$eq")
    return equal(have, operand);
  if (op == "$ne")
    return !equal(have, operand);
  auto order = compare(have, operand);
  if (op == "$gt")
    return order > 0;
  if (op == "$gte")
    return order >= 0;
  if (op == "$lt")
    return order < 0;
  return order <= 0;
}

bool holds(const json::value& have, const json::value& condition) {
  if (!condition.is_object())
    return equal(have, condition);
  const auto& wanted = condition.get_object();
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
    std::string_view name{entry.key().data(), entry.key().size()};
    if (is_operator(name))
      return apply(name, have, entry.value());
    const auto* inner = member(have, name);
    return inner && holds(*inner, entry.value());
  });
}

} // namespace

result<value_filter> value_filter::parse(const json::object& spec) {
  if (auto ok = check(spec); !ok)
    return ok.error();
  value_filter f;
  f.spec_ = spec;
  return f;
}

bool value_filter::matches(const json::object& value) const {
  return std::all_of(spec_.begin(), spec_.end(), [&](const auto& entry) {
    static const json::value absent = nullptr;
    const auto* have = member(value, {entry.key().data(), entry.key().size()});
    return holds(have ? *have : absent, entry.value());
  });
}

} // namespace behalf
