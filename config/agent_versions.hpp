// Which declaration an agent's runs are of, and the files it stands in.
#pragma once

#include "config/config.hpp"

#include <string>
#include <vector>

namespace behalf {

/// Sets `version` of each agent: the first 12 digits of a SHA-256 of all that `agents` says of it,
/// texts in files included.
void set_agent_versions(loaded_config& all);

/// The files that `agents` name, as they are opened.
std::vector<std::string> files_of_agents(const config_places& places);

} // namespace behalf
