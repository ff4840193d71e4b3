// What JSON costs in memory, so that it can be counted: a small text can be a large document.
#pragma once

#include "runtime/base/json.hpp"

#include <cstddef>
#include <string_view>

namespace behalf {

/// Bytes of a stored record or of an answer: what is longer holds memory for so long, until it is
/// parsed or the client has read it, that it is counted.
inline constexpr std::size_t longest_uncounted = 256 * 1024;

/// At most about this many bytes are in use while the text is parsed, itself not included, by a
/// reader that gives up after so many values.
std::size_t parse_cost(std::string_view text, std::size_t max_values);

/// Bytes the document holds.
std::size_t held_bytes(const json::value& v);
std::size_t held_bytes(const json::object& v);

} // namespace behalf
