// JSON as text, written piece by piece: commas, colons, quotes and braces are the writer's.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/base/json.hpp"

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace behalf {

/// Appends compact JSON, UTF-8 as is. `Text` is std::string, or wiped_string: then no copy of the
/// bytes is left elsewhere. Doubles are written as Python writes them: 0.1, 1.0, 1e-07; null for
/// what is not finite.
template <class Text>
void append_json(Text& out, const json::value& v);
template <class Text>
void append_json(Text& out, const json::object& o);
/// The same of a text: a JSON string.
template <class Text>
void append_json_text(Text& out, std::string_view text);

/// One JSON document as it is made. `object` and `array` begin a value, `end` ends the one begun
/// last; `take` ends all that are open. Within an object every value has its `key` first.
template <class Text>
class basic_json_writer {
public:
  basic_json_writer& object() { return open('{', '}'); }
  basic_json_writer& array() { return open('[', ']'); }
  basic_json_writer& end() {
    out_.push_back(open_.back());
    open_.pop_back();
    return *this;
  }

  basic_json_writer& key(std::string_view name) {
    value(name);
    out_.push_back(':');
    return *this;
  }

  template <class T>
  basic_json_writer& value(const T& v) {
    separate();
    if constexpr (std::same_as<T, std::nullptr_t>)
      out_.append("null");
    else if constexpr (std::convertible_to<const T&, std::string_view>)
      append_json_text(out_, v);
    else if constexpr (std::same_as<T, json::value> || std::same_as<T, json::object>)
      append_json(out_, v);
    else
      append_json(out_, json::value_from(v));
    return *this;
  }
  template <class T>
  basic_json_writer& member(std::string_view name, const T& v) {
    return key(name).value(v);
  }

  /// A value, or members of an object, that are JSON text already. An empty text is nothing.
  basic_json_writer& raw(std::string_view text) {
    if (!text.empty())
      separate();
    out_.append(text);
    return *this;
  }
  basic_json_writer& raw_member(std::string_view name, std::string_view text) {
    return key(name).raw(text);
  }

  void reserve(std::size_t size) { out_.reserve(size); }

  Text take() {
    while (!open_.empty())
      end();
    return std::move(out_);
  }

private:
  // A comma, unless this is the first value in its list or object, or a key stands before it: no
  // value ends in one of these three.
  void separate() {
    if (out_.size() == 0)
      return;
    const char last = out_.data()[out_.size() - 1];
    if (last != '{' && last != '[' && last != ':')
      out_.push_back(',');
  }
  basic_json_writer& open(char begin, char end) {
    separate();
    out_.push_back(begin);
    open_.push_back(end);
    return *this;
  }

  Text out_;
  std::string open_; // what ends each value that is begun
};

using json_writer = basic_json_writer<std::string>;
using wiped_json_writer = basic_json_writer<wiped_string>;

} // namespace behalf
