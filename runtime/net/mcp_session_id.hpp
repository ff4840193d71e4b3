// The ids of sessions in the Model Context Protocol, as a server sends them and a client repeats
// them.
#pragma once

#include <algorithm>
#include <string_view>

namespace behalf {

/// Whether a text may be one that is kept: visible ASCII, as the protocol says, and no longer than
/// ids are.
inline bool is_mcp_session_id(std::string_view id) {
  return !id.empty() && id.size() <= 1024
         && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

} // namespace behalf
