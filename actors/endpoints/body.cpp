#include "actors/endpoints/body.hpp"

#include "runtime/base/asked_fields.hpp"
#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

std::string in_quotes(std::string_view text) {
  return '"' + std::string(text) + '"';
}

} // namespace

body_reader::body_reader(const json::value& body, const shape_limits& bounds)
  : bounds_(bounds), body_(body.if_object()) {
  if (!body_)
    refuse(fail(errc::invalid_argument, excerpt(body) + " is not of type \"object\""));
}

void body_reader::refuse(error e) {
  if (!fault_)
    fault_ = std::move(e);
}

void body_reader::require(std::string_view key) {
  if (body_ && !body_->contains(key))
    refuse(fail(errc::invalid_argument, in_quotes(key) + " is a required property"));
}

void body_reader::refuse_at(std::string_view key, std::string why) {
  refuse(fail(errc::invalid_argument, std::move(why) + json_place{}.key(key).text()));
}

void body_reader::wrong_type(std::string_view key, const json::value& v, std::string_view wanted) {
  refuse_at(key, excerpt(v) + " is not of type " + in_quotes(wanted));
}

bool body_reader::within(std::string_view key, std::size_t n, shape_bound bound,
                         std::string_view what) {
  if (n <= bounds_.*bound)
    return true;
  refuse_at(key, "there are more than " + std::to_string(bounds_.*bound) + ' ' + std::string(what));
  return false;
}

const json::value* body_reader::any(std::string_view key) const {
  asked_fields::note(key, "any");
  return body_ ? member(*body_, key) : nullptr;
}

const json::value* body_reader::find(std::string_view key, std::string_view type, bool nullable) {
  asked_fields::note(key, type);
  const auto* v = body_ ? member(*body_, key) : nullptr;
  return v && v->is_null() && nullable ? nullptr : v;
}

std::optional<std::string> body_reader::checked_text(std::string_view key, const json::value& v) {
  const auto* s = v.if_string();
  if (!s)
    wrong_type(key, v, "string");
  else if (!within(key, s->size(), &shape_limits::name_bytes, "bytes in this text"))
    return std::nullopt;
  else if (s->find('\0') != s->npos)
    refuse_at(key, "the text holds a NUL");
  else
    return std::string(s->data(), s->size());
  return std::nullopt;
}

std::optional<std::string> body_reader::text(std::string_view key, bool nullable) {
  const auto* v = find(key, "string", nullable);
  return v ? checked_text(key, *v) : std::nullopt;
}

std::optional<std::string> body_reader::one_of(std::string_view key,
                                               const std::vector<std::string_view>& all) {
  auto found = text(key);
  if (!found || std::find(all.begin(), all.end(), *found) != all.end())
    return found;
  std::string choices;
  for (auto one : all)
    choices += (choices.empty() ? "" : ", ") + in_quotes(one);
  refuse_at(key, in_quotes(*found) + " is not one of [" + choices + "]");
  return std::nullopt;
}

std::optional<std::string> body_reader::uuid(std::string_view key, std::string_view what) {
  auto found = text(key);
  if (!found)
    return std::nullopt;
  auto id = parse_uuid(*found, what);
  if (id)
    return *id;
  refuse(id.error());
  return std::nullopt;
}

std::optional<int64_t> body_reader::integer(std::string_view key, int64_t low, int64_t high) {
  const auto* v = find(key, "integer", false);
  if (!v)
    return std::nullopt;
  const auto* n = v->if_int64();
  if (n && *n >= low && *n <= high)
    return *n;
  if (n || v->is_uint64())
    refuse_at(key,
              dump(*v) + " is not between " + std::to_string(low) + " and " + std::to_string(high));
  else
    wrong_type(key, *v, "integer");
  return std::nullopt;
}

std::optional<double> body_reader::number(std::string_view key, double low, double high) {
  const auto* v = find(key, "number", false);
  if (!v)
    return std::nullopt;
  if (!v->is_number()) {
    wrong_type(key, *v, "number");
    return std::nullopt;
  }
  auto n = v->to_number<double>();
  if (n >= low && n <= high)
    return n;
  refuse_at(key, dump(*v) + " is not between " + dump(json::value(low)) + " and "
                   + dump(json::value(high)));
  return std::nullopt;
}

std::optional<bool> body_reader::flag(std::string_view key, bool nullable) {
  const auto* v = find(key, "boolean", nullable);
  if (!v)
    return std::nullopt;
  if (v->is_bool())
    return v->get_bool();
  wrong_type(key, *v, "boolean");
  return std::nullopt;
}

const json::object* body_reader::find_object(std::string_view key, bool nullable) {
  const auto* v = find(key, "object", nullable);
  if (v && !v->is_object())
    wrong_type(key, *v, "object");
  return v ? v->if_object() : nullptr;
}

std::optional<json::object> body_reader::object(std::string_view key, shape_bound members,
                                                bool nullable) {
  const auto* o = find_object(key, nullable);
  if (!o || !within(key, o->size(), members, "members in this object"))
    return std::nullopt;
  return *o;
}

std::optional<json::object> body_reader::merged(std::string_view key, shape_bound bytes,
                                                bool nullable) {
  auto found = object(key, &shape_limits::fields, nullable);
  if (found
      && !within(key, text_bytes(*found, bounds_.*bytes), bytes, "bytes of JSON in this object"))
    return std::nullopt;
  return found;
}

std::optional<json::object> body_reader::conditions(std::string_view key, bool nullable) {
  const auto* o = find_object(key, nullable);
  if (!o)
    return std::nullopt;
  auto limit = bounds_.conditions;
  std::size_t n = 0;
  for (auto at = o->begin(); at != o->end() && n <= limit; ++at)
    n += count_values(at->value(), limit - n);
  if (!within(key, n, &shape_limits::conditions, "values in this filter"))
    return std::nullopt;
  return *o;
}

std::optional<json::array> body_reader::list(std::string_view key, shape_bound elements) {
  const auto* v = find(key, "array", false);
  if (!v)
    return std::nullopt;
  const auto* all = v->if_array();
  if (!all)
    wrong_type(key, *v, "array");
  else if (within(key, all->size(), elements, "elements in this list"))
    return *all;
  return std::nullopt;
}

std::optional<std::vector<std::string>> body_reader::texts(std::string_view key,
                                                           shape_bound elements) {
  auto all = list(key, elements);
  if (!all)
    return std::nullopt;
  std::vector<std::string> found;
  for (const auto& one : *all) {
    auto text = checked_text(key, one);
    if (!text)
      return std::nullopt;
    found.push_back(std::move(*text));
  }
  return found;
}

} // namespace behalf::endpoints
