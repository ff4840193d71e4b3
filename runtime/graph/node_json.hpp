// What a node asks, is answered and ends with, as JSON: docs/reference/node-protocol.md. With it a
// node may live in another process.
#pragma once

#include "behalf/node.hpp"

namespace behalf {

json::object to_json(const turn& did);
json::object to_json(const effect_reply& reply);

/// The inverse. What cannot be read is an error of the node: invalid_argument, naming the member.
turn turn_from(const json::value& v);
effect_reply reply_from(const json::value& v);

} // namespace behalf
