// JSON as graphs and the server use it: Boost.JSON, and the few helpers it lacks.
#pragma once

#include "behalf/error.hpp"

#include <boost/json.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace behalf {

namespace json = boost::json;

/// Parses one JSON document. What it answers reads back the same from its own text: refused are
/// numbers beyond a finite double, integers of more than 64 bits, what is not UTF-8, lone
/// surrogates, NaN, trailing text and nesting above 128. Of a key that stands twice the last one
/// counts. Error: invalid_argument with `Invalid JSON in request body`, or what is wrong and where.
result<json::value> parse_json(std::string_view text);

/// Compact text, UTF-8 as is.
std::string dump(const json::value& v);
std::string dump(const json::object& o);

/// The member, or null when `v` is no object or has no such member. This and the others that
/// answer a part of what they are given refuse temporaries, which the part would not outlive.
const json::value* member(const json::value& v, std::string_view key);
const json::value* member(const json::object& o, std::string_view key);
const json::value* member(const json::value&& v, std::string_view key) = delete;
const json::value* member(const json::object&& o, std::string_view key) = delete;

/// The member's text, or `otherwise` when it is absent or no string.
std::string_view string_or(const json::object& o, std::string_view key,
                           std::string_view otherwise = {});
std::string_view string_or(const json::object&& o, std::string_view key,
                           std::string_view otherwise = {}) = delete;
int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise = 0);
bool bool_or(const json::object& o, std::string_view key, bool otherwise = false);

/// The member as an object; an empty one when absent or of another type.
const json::object& object_or_empty(const json::object& o, std::string_view key);
const json::object& object_or_empty(const json::object&& o, std::string_view key) = delete;

/// Merges `over` into `base`, top level only; a null value is stored as null.
void merge(json::object& base, const json::object& over);

struct json_arg;

/// One member of an object that is written in braces: {"limit", 5}.
class json_field {
public:
  json_field(std::string_view key, json_arg value);

private:
  friend struct object_arg;
  std::string key_;
  json::value value_;
};

/// An object as an argument: its members in braces (at most 12), or a json::object.
///
///   co_await mail.call_tool("search", {{"query", text}, {"range", {{"from", 1}, {"to", 9}}}});
///
/// A parameter of this type can be written so inside `co_await` too, where g++ 12 takes nothing
/// that needs an initializer_list, as json::object does. A list inside is `list(1, 2)`.
struct object_arg {
  json::object values;

  object_arg() = default; // {}
  template <class O>
  requires std::same_as<std::remove_cvref_t<O>, json::object> object_arg(O&& all)
    : values(std::forward<O>(all)) {}
  template <class First, class Second, class... More>
  requires(std::convertible_to<
             First, std::string_view> || std::is_arithmetic_v<std::remove_cvref_t<First>>)
    object_arg(First&&, Second&&, More&&...) {
    static_assert(sizeof...(More) > 99,
                  "an object in braces is {{key, value}, {key, value}}; a list is list(1, 2)");
  }
  // One for each length: an initializer_list is what g++ 12 does not take.
  object_arg(json_field a) : values(joined({&a})) {}
  object_arg(json_field a, json_field b) : values(joined({&a, &b})) {}
  object_arg(json_field a, json_field b, json_field c) : values(joined({&a, &b, &c})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d)
    : values(joined({&a, &b, &c, &d})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e)
    : values(joined({&a, &b, &c, &d, &e})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f)
    : values(joined({&a, &b, &c, &d, &e, &f})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g)
    : values(joined({&a, &b, &c, &d, &e, &f, &g})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g, json_field h)
    : values(joined({&a, &b, &c, &d, &e, &f, &g, &h})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g, json_field h, json_field i)
    : values(joined({&a, &b, &c, &d, &e, &f, &g, &h, &i})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g, json_field h, json_field i, json_field j)
    : values(joined({&a, &b, &c, &d, &e, &f, &g, &h, &i, &j})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g, json_field h, json_field i, json_field j, json_field k)
    : values(joined({&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k})) {}
  object_arg(json_field a, json_field b, json_field c, json_field d, json_field e, json_field f,
             json_field g, json_field h, json_field i, json_field j, json_field k, json_field l)
    : values(joined({&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l})) {}

private:
  static json::object joined(std::initializer_list<json_field*> fields) {
    json::object all;
    all.reserve(fields.size());
    for (auto* one : fields)
      all[one->key_] = std::move(one->value_);
    return all;
  }
};

/// Any JSON as an argument: text, a number, a bool, nullptr, a json::value, or an object's members
/// in braces as for object_arg. {} is an empty object.
struct json_arg : object_arg {
  using object_arg::object_arg;
  json_arg(const char* text) : value_(text) {} // apart: quick to compile for each literal
  template <class T>
  requires(!std::is_array_v<std::remove_reference_t<T>>)
    && (!std::derived_from<std::remove_cvref_t<T>, object_arg>)&&(
      !std::same_as<std::remove_cvref_t<T>,
                    json::object>)&&std::constructible_from<json::value, T> json_arg(T&& value)
    : value_(std::in_place, std::forward<T>(value)) {}

  json::value take() && { return value_ ? std::move(*value_) : json::value(std::move(values)); }

private:
  std::optional<json::value> value_;
};

inline json_field::json_field(std::string_view key, json_arg value)
  : key_(key), value_(std::move(value).take()) {}

/// A JSON list of these elements.
template <class... Elements>
json::array list(Elements&&... elements) {
  json::array all;
  (all.push_back(json_arg(std::forward<Elements>(elements)).take()), ...);
  return all;
}

} // namespace behalf
