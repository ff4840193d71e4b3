// What a tool answered, as a message a model can read.
#pragma once

#include "behalf/json.hpp"
#include "behalf/outbound.hpp"

#include <cstddef>
#include <string_view>

namespace behalf {

/// To the model, of a call that may have been made.
inline constexpr std::string_view unknown_outcome =
  "Error: the run was stopped while this call was open. Whether it was made is unknown, and it was "
  "not made again. Find out before you call the tool once more.";

struct result_bounds {
  std::size_t text_bytes = 64 << 10; // of all texts; what is longer is cut, and says so
  std::size_t media_bytes = 4 << 20; // of all images, sounds and files as base64, of which there
                                     // are 20 at most; others are left out, and the text says so
};

/// The tool message of a result of MCP's tools/call. The content is a string when there is only
/// text, else v1 blocks: text, image, audio, file. Links become text; nothing fetches them.
/// `artifact` is {"structured_content": …} when the service gave any that fits `text_bytes`, else
/// null; without a text of its own it is the text, too. `name` is the one the model was told.
json::object tool_message_of(const service_reply& reply, std::string_view call_id,
                             std::string_view name, const result_bounds& bounds = {});

/// The tool message of a call that did not happen, or failed: status "error".
json::object tool_error(std::string_view call_id, std::string_view name, std::string_view sentence);

} // namespace behalf
