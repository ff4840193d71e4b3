// What a reply's body is: its media type, and whether its bytes are text.
#pragma once

#include <string>
#include <string_view>

namespace behalf {

/// "Application/JSON; charset=utf-8" gives "application/json".
std::string media_type(std::string_view content_type);

/// application/json, or any type with the suffix +json (RFC 6839 3.1).
bool is_json_type(std::string_view content_type);

/// Whether the bytes are well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong.
bool is_utf8(std::string_view bytes);

/// At most `most` bytes from the beginning of UTF-8, cut between two characters.
std::string_view cut_utf8(std::string_view text, std::size_t most);

} // namespace behalf
