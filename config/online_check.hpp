// `behalf validate --online`: whether the models and services of a configuration answer as it
// expects, and what users will be asked to approve.
#pragma once

#include "config/commands.hpp"
#include "config/config.hpp"

#include <string>
#include <vector>

namespace behalf {

/// Asks every provider and every MCP service, all at once and for half a minute at most, and prints
/// what came of it. Keys are never printed. Services that take a user's token are asked with those
/// of `given.as`, from the embedded secret store; without a name they are not. `agents`: those of
/// the configuration, with what libraries have of theirs; one that is missing is shown as it is
/// declared. Whether all was well.
bool check_online(const config& c, const std::vector<agent_options>& agents,
                  const std::string& base, const validate_command& given);

} // namespace behalf
