// The graph of a server without a configuration: says hello to whoever asks.
#pragma once

#include "runtime/graph/graph.hpp"

namespace behalf {

/// Channels `messages` and `who`; one node answers an AI message `hello <identity>` and sets `who`.
result<std::shared_ptr<const graph>> hello_graph();

} // namespace behalf
