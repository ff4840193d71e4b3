// Anthropic's Messages API.
#pragma once

#include "agents/models/wire.hpp"

namespace behalf {

/// POST /v1/messages: the service's base_url is https://api.anthropic.com, without a path. What it
/// answered goes back as it came, thinking and signatures too, and what was sent before is never
/// worded anew: caches and preserved thinking hold for an unchanged beginning only.
///
/// Parameters join the request as they are. Three have a meaning here: `max_tokens` (16384 when
/// not given), `betas` (a list, sent as the anthropic-beta header) and `thinking` (with it no tool
/// is forced: the API refuses both at once).
const model_wire& anthropic_wire();

} // namespace behalf
