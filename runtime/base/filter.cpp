#include "runtime/base/filter.hpp"

#include <algorithm>

namespace behalf {
namespace {

error unknown(std::string_view what) {
  return fail(errc::internal,
              "authorization filter refused: unsupported condition at '" + std::string(what) + "'");
}

result<void> check(const json::value& spec);

result<void> check_list(const json::value& list, std::string_view key) {
  if (!list.is_array() || list.get_array().empty())
    return unknown(key);
  for (const auto& one : list.get_array())
    if (auto ok = check(one); !ok)
      return ok;
  return {};
}

result<void> check_condition(std::string_view key, const json::value& condition) {
  if (!condition.is_object())
    return {};
  const auto& ops = condition.get_object();
  if (ops.size() != 1)
    return unknown(key);
  auto op = ops.begin()->key();
  if (op != "$eq" && op != "$contains")
    return unknown(key);
  return {};
}

result<void> check(const json::value& spec) {
  if (!spec.is_object())
    return unknown("filter");
  for (const auto& [key, condition] : spec.get_object()) {
    std::string_view name{key.data(), key.size()};
    auto ok = name == "$or" || name == "$and" ? check_list(condition, name)
              : name.starts_with('$')         ? result<void>{unknown(name)}
                                              : check_condition(name, condition);
    if (!ok)
      return ok;
  }
  return {};
}

bool contains_all(const json::value& have, const json::value& wanted) {
  if (!have.is_array())
    return false;
  const auto& list = have.get_array();
  auto holds = [&](const json::value& v) {
    return std::find(list.begin(), list.end(), v) != list.end();
  };
  if (!wanted.is_array())
    return holds(wanted);
  return std::all_of(wanted.get_array().begin(), wanted.get_array().end(), holds);
}

bool matches_object(const json::object& spec, const json::object& metadata);

bool matches_one(std::string_view key, const json::value& condition, const json::object& metadata) {
  auto any = [&](const json::value& f) { return matches_object(f.get_object(), metadata); };
  if (key == "$or")
    return std::any_of(condition.get_array().begin(), condition.get_array().end(), any);
  if (key == "$and")
    return std::all_of(condition.get_array().begin(), condition.get_array().end(), any);
  const auto* have = member(metadata, key);
  if (!have)
    return false;
  if (!condition.is_object())
    return *have == condition;
  const auto& [op, operand] = *condition.get_object().begin();
  return op == "$eq" ? *have == operand : contains_all(*have, operand);
}

bool matches_object(const json::object& spec, const json::object& metadata) {
  return std::all_of(spec.begin(), spec.end(), [&](const auto& entry) {
    return matches_one({entry.key().data(), entry.key().size()}, entry.value(), metadata);
  });
}

} // namespace

result<filter> filter::parse(const json::value& spec) {
  if (auto ok = check(spec); !ok)
    return ok.error();
  filter f;
  f.spec_ = spec.get_object();
  return f;
}

bool filter::matches(const json::object& metadata) const {
  return matches_object(spec_, metadata);
}

std::vector<std::pair<std::string, json::value>> filter::equalities() const {
  std::vector<std::pair<std::string, json::value>> found;
  for (const auto& [key, condition] : spec_) {
    const auto* v = &condition;
    if (v->is_object() && !key.starts_with("$"))
      v = v->get_object().if_contains("$eq");
    if (v && !v->is_object() && !v->is_array())
      found.emplace_back(std::string(key), *v);
  }
  return found;
}

} // namespace behalf
