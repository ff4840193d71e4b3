#include "secrets/encode.hpp"

namespace behalf {
namespace {

constexpr char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char* digits_of(letter_case c) {
  return c == letter_case::upper ? "0123456789ABCDEF" : "0123456789abcdef";
}

// Room for `size` more bytes at the end of `out`: writing there is many times faster than appending
// byte by byte.
char* extend(wiped_string& out, std::size_t size) {
  auto before = out.size();
  out.resize(before + size);
  return out.data() + before;
}

void encode64(wiped_string& out, std::string_view bytes, const char* alphabet, bool pad) {
  auto digits = (bytes.size() * 8 + 5) / 6;
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

bool unreserved(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
         || c == '.' || c == '_' || c == '~';
}

void put_escape(wiped_string& out, std::string_view prefix, unsigned char c, const char* digits) {
  out.append(prefix);
  auto* to = extend(out, 2);
  to[0] = digits[c >> 4];
  to[1] = digits[c & 15];
}

// Appends `text`, each run of bytes that need nothing as a whole.
template <class Plain, class Escape>
void append_runs(wiped_string& out, std::string_view text, Plain plain, Escape escape) {
  out.reserve(out.size() + text.size());
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && plain(text[run]))
      ++run;
    out.append(text.substr(0, run));
    if (run < text.size())
      escape(text[run++]);
    text.remove_prefix(run);
  }
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
  const auto* alphabet = digits_of(digits);
  auto* to = extend(out, 2 * bytes.size());
  for (unsigned char c : bytes) {
    *to++ = alphabet[c >> 4];
    *to++ = alphabet[c & 15];
  }
}

void append_percent(wiped_string& out, std::string_view bytes, letter_case digits) {
  append_runs(
    out, bytes, [](char c) { return unreserved(static_cast<unsigned char>(c)); },
    [&](char c) { put_escape(out, "%", static_cast<unsigned char>(c), digits_of(digits)); });
}

void append_json_text(wiped_string& out, std::string_view text, json_spelling as) {
  auto letter = [as](char c) { return c == '/' && as.slash ? '/' : short_escape(c); };
  auto coded = [as](char c) {
    return static_cast<unsigned char>(c) < 0x20 || (as.html && (c == '<' || c == '>' || c == '&'));
  };
  append_runs(
    out, text, [&](char c) { return letter(c) == 0 && !coded(c); },
    [&](char c) {
      if (letter(c) == 0)
        return put_escape(out, "\\u00", static_cast<unsigned char>(c),
                          digits_of(letter_case::lower));
      out.push_back('\\');
      out.push_back(letter(c));
    });
}

void append_json_string(wiped_string& out, std::string_view text) {
  out.push_back('"');
  append_json_text(out, text);
  out.push_back('"');
}

} // namespace behalf
