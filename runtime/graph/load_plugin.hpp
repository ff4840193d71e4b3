// Shared libraries with graphs and handlers in them.
#pragma once

#include "behalf/plugin.hpp"

#include <string>

namespace behalf {

/// Loads a shared library and lets it fill `into`. It stays loaded until the process ends.
/// Error: invalid_argument naming the file: it cannot be loaded, is no plugin, was built for
/// another version or by another compiler, or registered something refused.
result<void> load_plugin(const std::string& path, plugin_registry& into);

} // namespace behalf
