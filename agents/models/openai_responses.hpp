// OpenAI's Responses API, kept stateless: the provider stores nothing, and what it wants to see
// again of an answer (reasoning, ids) travels in the message's `extras`.
#pragma once

#include "agents/models/wire.hpp"

namespace behalf {

const model_wire& openai_wire();

} // namespace behalf
