// Answers of Chat Completions, as OpenAI and the servers compatible with it stream them.
#pragma once

#include "agents/models/wire.hpp"

#include <cstddef>
#include <memory>

namespace behalf {

/// `most_bytes` bounds what it keeps of an answer beside the answer itself.
std::unique_ptr<answer_reader> openai_chat_reader(std::size_t most_bytes);

} // namespace behalf
