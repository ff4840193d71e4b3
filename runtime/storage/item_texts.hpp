// The texts of an item that semantic search looks for.
#pragma once

#include "runtime/storage/records.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Of one item, and of one text: the beginning stands for what is longer.
inline constexpr std::size_t most_texts_of_item = 64, most_text_bytes = 32 * 1024;

/// How an item says by which of its fields it is to be found: {"index": false or paths}, kept in
/// its metadata. Without it: as the configuration says.
json::object index_choice(const json::value& index);

/// Error: invalid_argument for a path that is empty, nests too deep, or has a bracket that is not
/// closed.
result<void> check_index_path(std::string_view path);

/// What stands at its fields: those that the item names, else `fields`. A path is `$` (all of it,
/// as JSON), `a.b`, `a[0]`, `a[-1]`, `a[*]` or `a.*` (each for itself), `{a,b}` (both). What is not
/// there, or null, is no text.
std::vector<std::string> texts_of(const record& item, const std::vector<std::string>& fields);

/// The beginning of a text that is too long for an endpoint.
std::string embeddable(std::string_view text);

} // namespace behalf
