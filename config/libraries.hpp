// The libraries that `graphs` and `plugins` name: what is served of them, and who judges requests.
// And the graphs that `agents` declare, beside those of libraries.
#pragma once

#include "actors/catalog.hpp"
#include "behalf/plugin.hpp"
#include "config/config.hpp"

#include <functional>
#include <string>
#include <vector>

namespace behalf {

struct loaded_libraries {
  plugin_registry handlers; // of `plugins` alone
  std::vector<served_graph> graphs;
  std::vector<agent_options> agents; // with the functions, agents and team that they name
};

/// The file to load for one that the configuration names: a copy, say.
using library_file = std::function<result<std::string>(const std::string& named)>;

/// Every file that `plugins` and `graphs` name, once however often and in whatever spellings it is
/// named: the spelling that `load_libraries` asks for comes first and is the one kept.
std::vector<std::string> library_files(const config& c);

/// Error: invalid_argument, beginning with the key: a library cannot be loaded, has no such graph,
/// two graphs have one name, an agent cannot be made, or a library of `graphs` brings handlers
/// without being in `plugins`. Handlers decide who may do what: they are never taken along by
/// chance, and never left out without a word.
result<loaded_libraries> load_libraries(const config& c, const library_file& file_of = {});

} // namespace behalf
