// Names in short lists.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <string_view>

namespace behalf {

/// True when `name` is one of `names`: of a container of texts, or of {"a", "b"}.
template <class Names = std::initializer_list<std::string_view>>
bool among(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

} // namespace behalf
