// Text as protocols and configuration need it: ASCII letters have a case, others stay as they are,
// whatever the process's locale; and what is UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace behalf {

/// `text` with A to Z made small.
std::string ascii_lower(std::string_view text);

/// True when the two differ in nothing but the case of A to Z: names of HTTP fields, schemes.
bool same_ignoring_case(std::string_view a, std::string_view b);

/// Length of the well-formed UTF-8 sequence at the front (RFC 3629: no surrogates, nothing
/// overlong), 0 when there is none.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

/// At most `most` bytes from the beginning of UTF-8, cut between two characters.
std::string_view cut_utf8(std::string_view text, std::size_t most);

/// ASCII alone, whatever the locale.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter_or_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// True for a text that is not empty and holds ASCII letters, digits and characters of `also` only.
bool made_of(std::string_view text, std::string_view also);

/// 0 to 15 for a hexadecimal digit of either case, -1 for any other character.
int hex_value(char c);

} // namespace behalf
