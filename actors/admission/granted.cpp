#include "actors/admission/granted.hpp"

#include "runtime/base/log.hpp"

#include <algorithm>

namespace behalf::admission {
namespace {

const json::object nothing;

} // namespace

// The client is told of an internal error; the log says what is wrong.
void granted_reader::refuse(std::string_view key, std::string_view wanted) {
  if (fault_)
    return;
  const auto* left = member(value_, key);
  log::error("authorization_value_refused",
             {{"field", key}, {"wanted", wanted}, {"left", left ? kind_name(*left) : "nothing"}});
  fault_ = fail(errc::internal, "an authorization handler left '" + std::string(key)
                                  + "' as something other than " + std::string(wanted));
}

bool granted_reader::has(std::string_view key) const {
  const auto* v = member(value_, key);
  return v && !v->is_null();
}

const json::value* granted_reader::find(std::string_view key) {
  static const json::value null;
  const auto* v = member(value_, key);
  return v ? v : &null;
}

std::string granted_reader::text(std::string_view key) {
  if (const auto* s = find(key)->if_string())
    return {s->data(), s->size()};
  refuse(key, "a text");
  return {};
}

std::string granted_reader::one_of(std::string_view key,
                                   std::initializer_list<std::string_view> all) {
  auto word = text(key);
  if (std::find(all.begin(), all.end(), word) == all.end())
    refuse(key, "one of the words it may be");
  return word;
}

int64_t granted_reader::integer(std::string_view key, int64_t low, int64_t high) {
  const auto* n = find(key)->if_int64();
  if (n && *n >= low && *n <= high)
    return *n;
  refuse(key, "a whole number in its bounds");
  return low;
}

double granted_reader::number(std::string_view key, double low, double high) {
  const auto* v = find(key);
  if (auto n = v->is_number() ? v->to_number<double>() : low - 1; n >= low && n <= high)
    return n;
  refuse(key, "a number in its bounds");
  return low;
}

bool granted_reader::flag(std::string_view key) {
  if (const auto* b = find(key)->if_bool())
    return *b;
  refuse(key, "true or false");
  return false;
}

const json::object& granted_reader::object(std::string_view key) {
  if (const auto* o = find(key)->if_object())
    return *o;
  refuse(key, "an object");
  return nothing;
}

std::vector<std::string> granted_reader::texts(std::string_view key) {
  std::vector<std::string> all;
  const auto* list = find(key)->if_array();
  for (std::size_t i = 0; list && i < list->size(); ++i)
    if (const auto* s = (*list)[i].if_string())
      all.emplace_back(s->data(), s->size());
  if (!list || all.size() != list->size())
    refuse(key, "a list of texts");
  return all;
}

} // namespace behalf::admission
