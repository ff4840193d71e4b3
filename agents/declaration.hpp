// What is wrong with an agent's declaration, whoever wrote it.
#pragma once

#include "behalf/agent.hpp"

namespace behalf {

/// What a configuration's reader says with the place in the file, for agents that are written in
/// C++: above all what else would be without effect, and nobody would notice. Error:
/// invalid_argument with a sentence.
result<void> check_declaration(const agent_options& agent);

} // namespace behalf
