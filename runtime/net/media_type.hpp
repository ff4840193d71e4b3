// What a body is, by its Content-Type.
#pragma once

#include <string>
#include <string_view>

namespace behalf {

/// "Application/JSON; charset=utf-8" gives "application/json".
std::string media_type(std::string_view content_type);

/// application/json, or any type with the suffix +json (RFC 6839 3.1). What is no media type at all
/// ("text/plain +json") is none: a web page may send such without asking.
bool is_json_type(std::string_view content_type);

} // namespace behalf
