#include "runtime/base/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace behalf {
namespace {

// What stands behind the backslash for each byte: 'u' for \u00XX, 0 where none is needed.
constexpr auto escapes = [] {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c)
    table[c] = 'u';
  table['"'] = '"';
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}();

constexpr std::string_view hex_digits = "0123456789abcdef";

// Counts instead of writing, and is full above its limit.
struct text_counter {
  std::size_t size = 0, limit = 0;

  void append(std::string_view text) { size += text.size(); }
  void push_back(char) { ++size; }
  bool full() const { return size > limit; }
};

template <class Text>
bool full(const Text& out) {
  if constexpr (std::same_as<Text, text_counter>)
    return out.full();
  return false;
}

template <class Text>
void write(Text& out, std::string_view text) {
  if constexpr (std::same_as<Text, text_counter>)
    text = text.substr(0, out.limit + 1); // of a longer one the rest decides nothing
  out.push_back('"');
  while (!text.empty() && !full(out)) {
    std::size_t run = 0;
    while (run < text.size() && escapes[static_cast<unsigned char>(text[run])] == 0)
      ++run;
    out.append(text.substr(0, run));
    if (run < text.size()) {
      const auto byte = static_cast<unsigned char>(text[run++]);
      out.push_back('\\');
      out.push_back(escapes[byte]);
      if (escapes[byte] == 'u') {
        out.append("00");
        out.push_back(hex_digits[byte >> 4]);
        out.push_back(hex_digits[byte & 15]);
      }
    }
    text.remove_prefix(run);
  }
  out.push_back('"');
}

template <class Text, class Number>
void write_number(Text& out, Number n, auto... form) {
  std::array<char, 32> room;
  const auto end = std::to_chars(room.data(), room.data() + room.size(), n, form...).ptr;
  out.append(std::string_view{room.data(), static_cast<std::size_t>(end - room.data())});
}

// With a point or an exponent always, so that it reads back as a double.
template <class Text>
void write(Text& out, double d) {
  const auto size = std::abs(d);
  if (!std::isfinite(d))
    return static_cast<void>(out.append("null"));
  if (size != 0 && (size < 1e-4 || size >= 1e16))
    return write_number(out, d, std::chars_format::scientific);
  write_number(out, d, std::chars_format::fixed);
  if (d == std::trunc(d))
    out.append(".0");
}

template <class Text>
void write(Text& out, const json::object& o);

template <class Text>
void write(Text& out, const json::value& v) {
  switch (v.kind()) {
  case json::kind::null:
    out.append("null");
    return;
  case json::kind::bool_:
    out.append(v.get_bool() ? "true" : "false");
    return;
  case json::kind::int64:
    return write_number(out, v.get_int64());
  case json::kind::uint64:
    return write_number(out, v.get_uint64());
  case json::kind::double_:
    return write(out, v.get_double());
  case json::kind::string:
    return write(out, std::string_view{v.get_string().data(), v.get_string().size()});
  case json::kind::array: {
    bool first = true;
    out.push_back('[');
    for (const auto& one : v.get_array()) {
      if (full(out))
        return;
      if (!std::exchange(first, false))
        out.push_back(',');
      write(out, one);
    }
    out.push_back(']');
    return;
  }
  case json::kind::object:
    return write(out, v.get_object());
  }
}

template <class Text>
void write(Text& out, const json::object& o) {
  bool first = true;
  out.push_back('{');
  for (const auto& [key, one] : o) {
    if (full(out))
      return;
    if (!std::exchange(first, false))
      out.push_back(',');
    write(out, std::string_view{key.data(), key.size()});
    out.push_back(':');
    write(out, one);
  }
  out.push_back('}');
}

template <class Json>
std::size_t count(const Json& of, std::size_t limit) {
  text_counter counted{0, limit};
  write(counted, of);
  return counted.size;
}

} // namespace

template <class Text>
void append_json(Text& out, const json::value& v) {
  write(out, v);
}

template <class Text>
void append_json(Text& out, const json::object& o) {
  write(out, o);
}

template <class Text>
void append_json_text(Text& out, std::string_view text) {
  write(out, text);
}

template void append_json(std::string&, const json::value&);
template void append_json(std::string&, const json::object&);
template void append_json_text(std::string&, std::string_view);
template void append_json(wiped_string&, const json::value&);
template void append_json(wiped_string&, const json::object&);
template void append_json_text(wiped_string&, std::string_view);

std::string dump(const json::value& v) {
  std::string text;
  write(text, v);
  return text;
}

std::string dump(const json::object& o) {
  std::string text;
  write(text, o);
  return text;
}

std::size_t text_bytes(const json::value& v, std::size_t limit) {
  return count(v, limit);
}

std::size_t text_bytes(const json::object& o, std::size_t limit) {
  return count(o, limit);
}

std::string excerpt(const json::value& v) {
  constexpr std::size_t longest = 80;
  return text_bytes(v, longest) <= longest ? dump(v) : std::string(kind_name(v));
}

} // namespace behalf
