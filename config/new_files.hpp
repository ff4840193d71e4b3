// The files of `behalf new`: templates/, put into the program by cmake/new_files.cmake.
#pragma once

#include <span>
#include <string_view>

namespace behalf {

/// @NAME@, @PREFIX@ and @BEHALF@ in the text are to be filled in.
struct new_file {
  std::string_view name, text;
};

extern const std::span<const new_file> new_graph_files, new_agent_files;

} // namespace behalf
