#include "actors/endpoints/body.hpp"

#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf {
namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

// A value in an error message: enough to recognise it, never a whole document.
std::string shown(const json::value& v) {
  auto text = dump(v);
  return text.size() <= 80 ? text : std::string(kind_name(v));
}

} // namespace

body_reader::body_reader(const json::value& body) : body_(body.if_object()) {
  if (!body_)
    refuse(fail(errc::invalid_argument, shown(body) + " is not of type \"object\""));
}

void body_reader::refuse(error e) {
  if (!fault_)
    fault_ = std::move(e);
}

void body_reader::require(std::string_view key) {
  if (!any(key))
    refuse(fail(errc::invalid_argument, quoted(key) + " is a required property"));
}

void body_reader::wrong_type(std::string_view key, const json::value& v, std::string_view wanted) {
  refuse(fail(errc::invalid_argument, shown(v) + " is not of type " + quoted(wanted)
                                        + "\n\nOn instance[" + quoted(key) + "]"));
}

const json::value* body_reader::any(std::string_view key) const {
  return body_ ? member(*body_, key) : nullptr;
}

const json::value* body_reader::find(std::string_view key, bool nullable) {
  const auto* v = any(key);
  return v && v->is_null() && nullable ? nullptr : v;
}

std::optional<std::string> body_reader::text(std::string_view key, bool nullable) {
  const auto* v = find(key, nullable);
  if (!v)
    return std::nullopt;
  if (const auto* s = v->if_string())
    return std::string(s->data(), s->size());
  wrong_type(key, *v, "string");
  return std::nullopt;
}

std::optional<std::string> body_reader::one_of(std::string_view key,
                                               const std::vector<std::string_view>& all) {
  auto found = text(key);
  if (!found || std::find(all.begin(), all.end(), *found) != all.end())
    return found;
  std::string choices;
  for (auto one : all)
    choices += (choices.empty() ? "" : ", ") + quoted(one);
  refuse(fail(errc::invalid_argument, quoted(*found) + " is not one of [" + choices
                                        + "]\n\nOn instance[" + quoted(key) + "]"));
  return std::nullopt;
}

std::optional<std::string> body_reader::uuid(std::string_view key, std::string_view what,
                                             bool nullable) {
  auto found = text(key, nullable);
  if (!found)
    return std::nullopt;
  auto id = parse_uuid(*found, what);
  if (id)
    return *id;
  refuse(id.error());
  return std::nullopt;
}

std::optional<int64_t> body_reader::integer(std::string_view key, int64_t low, int64_t high) {
  const auto* v = find(key, false);
  if (!v)
    return std::nullopt;
  if (!v->is_int64()) {
    wrong_type(key, *v, "integer");
    return std::nullopt;
  }
  auto n = v->get_int64();
  if (n >= low && n <= high)
    return n;
  refuse(fail(errc::invalid_argument, std::to_string(n) + " is not between " + std::to_string(low)
                                        + " and " + std::to_string(high) + "\n\nOn instance["
                                        + quoted(key) + "]"));
  return std::nullopt;
}

std::optional<double> body_reader::number(std::string_view key) {
  const auto* v = find(key, false);
  if (!v)
    return std::nullopt;
  if (v->is_number())
    return v->to_number<double>();
  wrong_type(key, *v, "number");
  return std::nullopt;
}

std::optional<bool> body_reader::flag(std::string_view key) {
  const auto* v = find(key, false);
  if (!v)
    return std::nullopt;
  if (v->is_bool())
    return v->get_bool();
  wrong_type(key, *v, "boolean");
  return std::nullopt;
}

std::optional<json::object> body_reader::object(std::string_view key, bool nullable) {
  const auto* v = find(key, nullable);
  if (!v)
    return std::nullopt;
  if (v->is_object())
    return v->get_object();
  wrong_type(key, *v, "object");
  return std::nullopt;
}

std::optional<json::array> body_reader::list(std::string_view key) {
  const auto* v = find(key, false);
  if (!v)
    return std::nullopt;
  if (v->is_array())
    return v->get_array();
  wrong_type(key, *v, "array");
  return std::nullopt;
}

std::optional<std::vector<std::string>> body_reader::texts(std::string_view key) {
  auto all = list(key);
  if (!all)
    return std::nullopt;
  std::vector<std::string> found;
  for (const auto& one : *all) {
    if (!one.is_string()) {
      wrong_type(key, one, "string");
      return std::nullopt;
    }
    found.emplace_back(one.get_string());
  }
  return found;
}

} // namespace behalf
