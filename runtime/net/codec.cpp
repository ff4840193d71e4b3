#include "runtime/net/codec.hpp"

#include "behalf/wiped.hpp"
#include "runtime/base/text.hpp"

#include <array>

namespace behalf {
namespace {

constexpr char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char* digits_of(letter_case c) {
  return c == letter_case::upper ? "0123456789ABCDEF" : "0123456789abcdef";
}

// Room for `size` more bytes at the end of `out`: writing there is many times faster than appending
// byte by byte.
template <class Text>
char* extend(Text& out, std::size_t size) {
  const auto before = out.size();
  out.resize(before + size);
  return out.data() + before;
}

template <class Text>
void encode64(Text& out, std::string_view bytes, const char* alphabet, bool pad) {
  const auto digits = (bytes.size() * 8 + 5) / 6;
  auto* to = extend(out, pad ? (bytes.size() + 2) / 3 * 4 : digits);
  auto* end = out.data() + out.size();
  uint32_t buffer = 0;
  int bits = 0;
  for (unsigned char c : bytes) {
    buffer = (buffer << 8) | c;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      *to++ = alphabet[(buffer >> bits) & 63];
    }
  }
  if (bits > 0)
    *to++ = alphabet[(buffer << (6 - bits)) & 63];
  while (to < end)
    *to++ = '=';
}

// The value of every character, or 64: tokens are decoded on the way in, so a search will not do.
using decode_table = std::array<unsigned char, 256>;
constexpr void add_alphabet(decode_table& table, const char* alphabet) {
  for (unsigned char i = 0; i < 64; ++i)
    table[static_cast<unsigned char>(alphabet[i])] = i;
}
constexpr decode_table make_table(const char* alphabet, const char* other = nullptr) {
  decode_table table{};
  table.fill(64);
  add_alphabet(table, alphabet);
  if (other)
    add_alphabet(table, other);
  return table;
}
constexpr auto url_table = make_table(url_safe);
constexpr auto standard_table = make_table(standard);
constexpr auto either_table = make_table(standard, url_safe);

enum class ending : uint8_t { whole, no_base64, stray_bits };

template <class Text>
ending decode64(Text& out, std::string_view text, const decode_table& table) {
  out.reserve(out.size() + text.size() * 3 / 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (unsigned char c : text) {
    const auto value = table[c];
    if (value == 64)
      return ending::no_base64;
    buffer = (buffer << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>((buffer >> bits) & 255));
    }
  }
  return bits == 6 || (buffer & ((1u << bits) - 1)) != 0 ? ending::stray_bits : ending::whole;
}

result<std::string> decode(std::string_view text, const decode_table& table) {
  std::string bytes;
  switch (decode64(bytes, text, table)) {
  case ending::whole:
    return bytes;
  case ending::no_base64:
    return fail(errc::invalid_argument, "not base64");
  case ending::stray_bits:
    break;
  }
  return fail(errc::invalid_argument, "not base64: stray bits at the end");
}

bool unreserved(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// The byte an escape at `at` says, or -1.
int escape_at(std::string_view text, std::size_t at) {
  if (text[at] != '%' || at + 2 >= text.size())
    return -1;
  const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

} // namespace

template <class Text>
void append_percent(Text& out, std::string_view bytes, letter_case digits) {
  const auto* alphabet = digits_of(digits);
  out.reserve(out.size() + bytes.size());
  while (!bytes.empty()) {
    std::size_t run = 0;
    while (run < bytes.size() && unreserved(bytes[run]))
      ++run;
    out.append(bytes.substr(0, run));
    if (run < bytes.size()) {
      const auto byte = static_cast<unsigned char>(bytes[run++]);
      auto* to = extend(out, 3);
      to[0] = '%';
      to[1] = alphabet[byte >> 4];
      to[2] = alphabet[byte & 15];
    }
    bytes.remove_prefix(run);
  }
}

std::string percent_encode(std::string_view text) {
  std::string out;
  append_percent(out, text);
  return out;
}

result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int byte = escape_at(text, i);
      if (byte < 0)
        return fail(errc::bad_request, "Invalid percent-encoding in the request target");
      out += static_cast<char>(byte);
      i += 2;
    }
  }
  if (out.find('\0') != out.npos)
    return fail(errc::bad_request, "The request target contains a NUL byte");
  if (!is_utf8(out))
    return fail(errc::bad_request, "The request target is not UTF-8 text");
  return out;
}

std::string loose_percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = escape_at(text, i);
    out += byte < 0 ? text[i] : static_cast<char>(byte);
    i += byte < 0 ? 0 : 2;
  }
  return out;
}

bool whole_escapes(std::string_view text) {
  for (auto at = text.find('%'); at != text.npos; at = text.find('%', at + 1))
    if (escape_at(text, at) < 0)
      return false;
  return true;
}

template <class Text>
void append_base64(Text& out, std::string_view bytes) {
  encode64(out, bytes, standard, true);
}

std::string base64(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

result<std::string> base64_decode(std::string_view text) {
  while (!text.empty() && text.back() == '=')
    text.remove_suffix(1);
  return decode(text, standard_table);
}

template <class Text>
void append_base64url(Text& out, std::string_view bytes) {
  encode64(out, bytes, url_safe, false);
}

std::string base64url(std::string_view bytes) {
  std::string text;
  append_base64url(text, bytes);
  return text;
}

result<std::string> base64url_decode(std::string_view text) {
  return decode(text, url_table);
}

template <class Text>
bool append_from_base64(Text& out, std::string_view text) {
  return decode64(out, text, either_table) == ending::whole;
}

template <class Text>
bool append_from_hex(Text& out, std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0)
      return false;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return text.size() % 2 == 0;
}

template <class Text>
void append_hex(Text& out, std::string_view bytes, letter_case digits) {
  const auto* alphabet = digits_of(digits);
  auto* to = extend(out, 2 * bytes.size());
  for (unsigned char c : bytes) {
    *to++ = alphabet[c >> 4];
    *to++ = alphabet[c & 15];
  }
}

template void append_percent(wiped_string&, std::string_view, letter_case);
template void append_percent(std::string&, std::string_view, letter_case);
template void append_base64(wiped_string&, std::string_view);
template void append_base64(std::string&, std::string_view);
template void append_base64url(wiped_string&, std::string_view);
template void append_base64url(std::string&, std::string_view);
template bool append_from_base64(wiped_string&, std::string_view);
template bool append_from_hex(wiped_string&, std::string_view);
template bool append_from_hex(std::string&, std::string_view);
template void append_hex(wiped_string&, std::string_view, letter_case);

} // namespace behalf
