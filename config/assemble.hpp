// From a configuration to the parts of a server: references resolved, plugins loaded, stores
// opened.
#pragma once

#include "actors/system.hpp"
#include "config/config.hpp"
#include "config/libraries.hpp"

#include <string>

namespace behalf {

/// Relative paths in the configuration count from the working directory; references to files from
/// `base`, the folder of the configuration file. Error: invalid_argument (or what opening a store
/// says), naming the key.
result<system_setup> assemble(config given, const std::string& base,
                              const library_file& file_of = {});

/// What a running server takes over of a configuration that was read again. Secrets that came from
/// the environment are gone from there: they stay as they were in `running`.
/// Error: invalid_argument, naming the key.
result<live_setup> assemble_live(config given, const std::string& base,
                                 const admission::identity_setup& running);

/// Whether the settings of Vaults are sound, without resolving a reference or asking one.
/// Error: invalid_argument, naming the key.
result<void> check_stores(const config& c);

/// One secret store alone, for `behalf secret`; `name` is empty for the standard one. It is there.
result<std::unique_ptr<secret_source>> open_secrets(const config& given, const std::string& base,
                                                    const std::string& name);

/// The same of what seals records, for `behalf storage`.
result<storage_encryption> open_encryption(const config& given, const std::string& base);

} // namespace behalf
