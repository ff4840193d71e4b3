// ASCII text as protocols and configuration need it: other letters stay as they are, whatever the
// process's locale.
#pragma once

#include <string>
#include <string_view>

namespace behalf {

/// `text` with A to Z made small.
std::string ascii_lower(std::string_view text);

/// True when the two differ in nothing but the case of A to Z: names of HTTP fields, schemes.
bool same_ignoring_case(std::string_view a, std::string_view b);

/// 0 to 15 for a hexadecimal digit of either case, -1 for any other character.
int hex_value(char c);

} // namespace behalf
