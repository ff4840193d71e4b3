// Percent escapes, base64 and hexadecimal: for ordinary text, and for buffers that are wiped, of
// whose bytes no copy is left behind.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

enum class letter_case : uint8_t { lower, upper };

/// `Text`: std::string or wiped_string. Everything but the unreserved characters of RFC 3986 2.3
/// becomes %XX.
template <class Text>
void append_percent(Text& out, std::string_view bytes, letter_case digits = letter_case::upper);
std::string percent_encode(std::string_view text);

/// Decodes %XX, and '+' to a space where asked (queries and forms). Error: bad_request for an
/// escape that is cut short or not hexadecimal, for NUL, and for what is not UTF-8 when decoded.
result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// The same of anything: what is no escape stays, and any byte may come out. For asking what others
/// could make of a text.
std::string loose_percent_decode(std::string_view text);

/// Is every % the beginning of an escape?
bool whole_escapes(std::string_view text);

/// Base64 with padding (RFC 4648 4).
template <class Text>
void append_base64(Text& out, std::string_view bytes);
std::string base64(std::string_view bytes);
result<std::string> base64_decode(std::string_view text);

/// Base64url without padding (RFC 4648 5). Decoding refuses padding and stray bits.
template <class Text>
void append_base64url(Text& out, std::string_view bytes);
std::string base64url(std::string_view bytes);
result<std::string> base64url_decode(std::string_view text);

/// For keys in files: appends what base64 of either alphabet, or hexadecimal digits, say. False,
/// with part of it appended, when the text is none.
template <class Text>
bool append_from_base64(Text& out, std::string_view text);
template <class Text>
bool append_from_hex(Text& out, std::string_view text);

template <class Text>
void append_hex(Text& out, std::string_view bytes, letter_case digits = letter_case::lower);

} // namespace behalf
