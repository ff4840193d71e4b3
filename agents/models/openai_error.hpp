// The errors of OpenAI's APIs, and of the servers that speak like them.
#pragma once

#include "agents/models/wire.hpp"

namespace behalf {

/// A reply whose status is not 200: {"error": {message, type, param, code}}, and the other forms
/// compatible servers have for it ({"error": text}, the members without "error", [{"error": …}]).
model_failure openai_failure(int status, const header_list& headers, std::string_view body);

/// Why an answer ended in the middle: `said` is what stands at "error" of an event. A code that is
/// a number counts as the status.
error openai_stream_error(const json::value& said);

} // namespace behalf
