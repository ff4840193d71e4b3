// Google's Gemini API: models/{model}:streamGenerateContent.
#pragma once

#include "agents/models/wire.hpp"

namespace behalf {

/// Of the service https://generativelanguage.googleapis.com. `parameters` may have the common names
/// (max_tokens, top_p, stop, …), those of generationConfig, and `safetySettings`, `cachedContent`
/// and `tools` (of Google's own) beside it.
const model_wire& gemini_wire();

} // namespace behalf
