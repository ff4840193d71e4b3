// JSON that holds secrets: everything parsed lies in guarded memory and is wiped with it.
#pragma once

#include "runtime/base/json.hpp"

#include <string_view>

namespace behalf {

/// Parses into guarded memory; the value, and any part moved out of it, is wiped when it ends.
/// Do not copy from it: a copy is ordinary. Error: invalid_argument, without the text.
result<json::value> parse_secret_json(std::string_view text);

} // namespace behalf
