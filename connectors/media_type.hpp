// What a reply's body is: its media type, and whether its bytes are text.
#pragma once

#include <string>
#include <string_view>

namespace behalf {

/// "Application/JSON; charset=utf-8" gives "application/json".
std::string media_type(std::string_view content_type);

/// application/json, or any type with the suffix +json (RFC 6839 3.1).
bool is_json_type(std::string_view content_type);

} // namespace behalf
