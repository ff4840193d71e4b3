// The top of a stored JSON object as text: its members can be replaced without reading the rest.
#pragma once

#include "behalf/error.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// Name and value of every member, as they are written. Views into what was given.
using json_members = std::vector<std::pair<std::string_view, std::string_view>>;

/// Error: internal when the text is no JSON object. What is inside a value is not looked at.
result<json_members> split_members(std::string_view object);

/// The value of a member as it is written; empty when there is none.
std::string_view find_member(const json_members& in, std::string_view name);

/// The object again, with `changes` (name, JSON text) in the place of what had their names.
std::string join_members(const json_members& kept,
                         std::span<const std::pair<std::string, std::string>> changes);

} // namespace behalf
