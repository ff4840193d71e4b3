// Chat Completions: OpenAI's older API, which most model servers speak.
#pragma once

#include "agents/models/wire.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace behalf {

const model_wire& openai_chat_wire();

/// How the server of that name ("vllm", "deepseek", …) differs from OpenAI's. nullopt: not known.
std::optional<chat_differences> differences_of(std::string_view server);

/// The names differences_of knows, in alphabetical order: for messages and schemas.
std::vector<std::string_view> known_chat_servers();

} // namespace behalf
