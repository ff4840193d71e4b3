// What is no fault of a configuration, but probably not meant.
#pragma once

#include "config/config.hpp"

#include <string>
#include <vector>

namespace behalf {

/// Names in braces in agents' prompts that nearly are those of the user; key files that other users
/// of this machine may read. `base`: the folder of the configuration file.
std::vector<config_problem> warnings(const config& c, const config_places& places,
                                     const std::string& base);

} // namespace behalf
