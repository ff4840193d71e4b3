// Chat messages as nodes write and read them.
#pragma once

#include "behalf/json.hpp"

#include <string>
#include <string_view>

namespace behalf {
namespace flow {

/// {type: "ai", content: text, …}, with an id when the state takes it.
json::value ai_message(std::string_view text);
json::value human_message(std::string_view text);
json::value system_message(std::string_view text);
json::value tool_message(std::string_view text, std::string_view tool_call_id);
json::value remove_message(std::string_view id);

/// A message's text: its content, or the joined text blocks of a content list.
std::string message_text(const json::value& message);

} // namespace flow
} // namespace behalf
