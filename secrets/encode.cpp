#include "secrets/encode.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char* digits_of(letter_case c) {
  return c == letter_case::upper ? "0123456789ABCDEF" : "0123456789abcdef";
}

void encode64(wiped_string& out, std::string_view bytes, const char* alphabet, bool pad) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  uint32_t buffer = 0;
  int bits = 0;
  std::size_t written = 0;
  auto put = [&](char c) {
    out.push_back(c);
    ++written;
  };
  for (unsigned char c : bytes) {
    buffer = (buffer << 8) | c;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      put(alphabet[(buffer >> bits) & 63]);
    }
  }
  if (bits > 0)
    put(alphabet[(buffer << (6 - bits)) & 63]);
  while (pad && written % 4)
    put('=');
}

bool unreserved(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
         || c == '.' || c == '_' || c == '~';
}

void put_escape(wiped_string& out, std::string_view prefix, unsigned char c, const char* digits) {
  out.append(prefix);
  out.push_back(digits[c >> 4]);
  out.push_back(digits[c & 15]);
}

// The letter behind the backslash of a two-character escape; 0 where there is none.
char short_escape(char c) {
  switch (c) {
  case '"':
  case '\\':
    return c;
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return 0;
  }
}

} // namespace

void append_base64(wiped_string& out, std::string_view bytes) {
  encode64(out, bytes, standard, true);
}

void append_base64url(wiped_string& out, std::string_view bytes) {
  encode64(out, bytes, url_safe, false);
}

void append_hex(wiped_string& out, std::string_view bytes, letter_case digits) {
  for (unsigned char c : bytes)
    put_escape(out, {}, c, digits_of(digits));
}

void append_percent(wiped_string& out, std::string_view bytes, letter_case digits) {
  for (char c : bytes) {
    if (unreserved(static_cast<unsigned char>(c)))
      out.push_back(c);
    else
      put_escape(out, "%", static_cast<unsigned char>(c), digits_of(digits));
  }
}

void append_json_text(wiped_string& out, std::string_view text, json_spelling as) {
  for (char c : text) {
    auto letter = c == '/' && as.slash ? '/' : short_escape(c);
    if (letter != 0) {
      out.push_back('\\');
      out.push_back(letter);
    } else if (static_cast<unsigned char>(c) < 0x20
               || (as.html && (c == '<' || c == '>' || c == '&'))) {
      put_escape(out, "\\u00", static_cast<unsigned char>(c), digits_of(letter_case::lower));
    } else {
      out.push_back(c);
    }
  }
}

void append_json_string(wiped_string& out, std::string_view text) {
  out.push_back('"');
  append_json_text(out, text);
  out.push_back('"');
}

} // namespace behalf
