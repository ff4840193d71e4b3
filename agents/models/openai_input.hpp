// Messages as OpenAI's Responses API takes them: a list of items.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// The items of `messages`, in order. What this API answered goes back as it came; of what other
/// providers answered, the text and the calls. Error: invalid_argument for a role, or a block of a
/// person's message, that the API has no word for. Linear in the messages' size.
result<json::array> openai_input(const json::array& messages);

} // namespace behalf
