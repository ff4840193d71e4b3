// How Chat Completions is asked.
#pragma once

#include "agents/models/model_options.hpp"
#include "behalf/chat_model.hpp"
#include "behalf/outbound.hpp"

namespace behalf {

/// The messages in chat's roles and blocks, the tools, and what `model.differs` makes of them.
/// Error: invalid_argument for what chat has no word for.
result<http_operation> openai_chat_request(const model_options& model, const chat_request& what);

} // namespace behalf
