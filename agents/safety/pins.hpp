// The definitions of tools as a conversation saw them first, by hash: a service that changes what a
// tool is gets no calls by the word that was given on what it was.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "behalf/channel.hpp"
#include "behalf/state.hpp"

#include <string_view>
#include <vector>

namespace behalf {

/// {"service/tool": hash}; what is written is added, or in place of what was there.
inline constexpr std::string_view pins_channel = "pins";
channel keeps_pins();

/// As the channel has them.
const json::object& pins_of(const state_view& state);

/// Of those that an agent inside a call has left, what it did not get when it began.
json::object changed_pins(const json::object& given, const json::value& left);

/// The pins of the services' tools that have none yet; this server's own get none.
json::object new_pins(const state_view& state, const std::vector<agent_tool>& tools);

/// The tool's definition is another than it was.
bool is_changed(const state_view& state, std::string_view service, std::string_view tool,
                std::string_view hash);

/// Of this tool, as it is now.
void add_pin(json::object& to, std::string_view service, std::string_view tool,
             std::string_view hash);

} // namespace behalf
