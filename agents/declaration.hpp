// What is wrong with an agent's declaration, whoever wrote it.
#pragma once

#include "behalf/agent.hpp"

#include <string_view>

namespace behalf {

/// 1 to 64 letters, digits, '-' or '_'. Error: invalid_argument with a sentence.
result<void> check_agent_name(std::string_view name);

/// What a configuration's reader says with the place in the file, for agents that are written in
/// C++: above all what else would be without effect, and nobody would notice. Error:
/// invalid_argument with a sentence.
result<void> check_declaration(const agent_options& agent);

} // namespace behalf
