// Encoders that never leave a copy of their input in ordinary memory.
#pragma once

#include "behalf/wiped.hpp"

#include <cstdint>
#include <string_view>

namespace behalf {

enum class letter_case : uint8_t { lower, upper };

/// RFC 4648 4, with padding.
void append_base64(wiped_string& out, std::string_view bytes);
/// RFC 4648 5, without padding.
void append_base64url(wiped_string& out, std::string_view bytes);
void append_hex(wiped_string& out, std::string_view bytes, letter_case digits = letter_case::lower);
/// Everything but the unreserved characters of RFC 3986 2.3 becomes %XX.
void append_percent(wiped_string& out, std::string_view bytes,
                    letter_case digits = letter_case::upper);

/// How JSON writers spell what they need not escape.
struct json_spelling {
  bool slash = false; // "\/" (PHP)
  bool html = false;  // "\u003c" for <, > and & (Go)
};
/// The inside of a JSON string (RFC 8259 7), without the quotes. Bytes from 0x80 on stay as they
/// are.
void append_json_text(wiped_string& out, std::string_view text, json_spelling as = {});
/// The same with quotes around it.
void append_json_string(wiped_string& out, std::string_view text);

} // namespace behalf
