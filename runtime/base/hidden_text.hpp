// What of a text people do not see, but terminals obey and models read.
#pragma once

#include <string_view>

namespace behalf {

/// The character of one well-formed UTF-8 sequence (utf8_length says how long it is).
char32_t code_point(std::string_view sequence);

/// Controls but tab and line feed, marks that turn the direction of text, what has no width, and
/// the tags of plane 14.
bool is_hidden(char32_t c);

} // namespace behalf
