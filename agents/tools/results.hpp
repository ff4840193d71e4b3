// What a tool answered, as a message a model can read.
#pragma once

#include "agents/tools/toolbox.hpp"
#include "behalf/json.hpp"
#include "behalf/outbound.hpp"

#include <cstddef>
#include <optional>
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
  std::size_t kept_text = 4 << 20;   // of what is left out: so much is there to be kept
  std::size_t kept_files = 8 << 20;  // of 20 at most, as base64
};

/// The outcome of a call that was answered with a result of MCP's tools/call. The message's content
/// is a string when there is only text, else v1 blocks: text, image, audio, file. Links become
/// text; nothing fetches them. `artifact` is {"structured_content": …} when the service gave any
/// that fits `text_bytes`, else null; without a text of its own it is the text, too.
tool_outcome outcome_of(const service_reply& reply, const requested_call& call,
                        const result_bounds& bounds = {});

/// A block for models: {"type": "image" | "audio" | "file", "base64", "mime_type"}, of a kind that
/// they can read by its first bytes; else nothing.
std::optional<json::object> media_block(std::string_view base64);

/// The tool message of a call that did not happen, or failed: status "error".
json::object tool_error(std::string_view call_id, std::string_view name, std::string_view sentence);

} // namespace behalf
