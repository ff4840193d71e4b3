// Which declaration an agent's runs are of, and the files it stands in.
#pragma once

#include "config/config.hpp"

#include <map>
#include <string>
#include <vector>

namespace behalf {

/// SHA-256 of what agents are made of beside their own words, by key: of each model ("models.main")
/// all but its key, of each service ("services.shop") its OpenAPI document.
using part_versions = std::map<std::string, std::string>;
part_versions versions_of_parts(const config_places& places);

/// Sets `version` of each agent: the first 12 digits of a SHA-256 of all that `agents` says of it
/// and of those it gives work to, texts in files included, and of the models and services they use.
/// `parts`: of the configuration that the server runs by.
void set_agent_versions(config& all, const config_places& places, const part_versions& parts);

/// The files that `agents` name, as they are opened.
std::vector<std::string> files_of_agents(const config_places& places);

} // namespace behalf
