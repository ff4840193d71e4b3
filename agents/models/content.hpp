// The blocks of messages, whatever form clients and providers gave them.
#pragma once

#include "behalf/json.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// A message's content as v1 blocks, each {"type": …} of
///   text {text, annotations?}, reasoning {reasoning, extras?}, refusal {refusal},
///   image | audio | video | file {url | base64 | file_id, mime_type?, extras?},
///   tool_call {id, name, args, extras?}, non_standard {value}.
/// Takes a plain string; v1 blocks; OpenAI's image_url, input_audio and file; Anthropic's image and
/// document with `source`; JavaScript's {type, mimeType, data}; {source_type, mime_type, data|url}.
/// What has no known form becomes non_standard; text, reasoning and refusals of nothing but spaces
/// are left out. A file's name is `extras.filename`. Of a data: URL there is the base64.
/// The calls of an ai message are those of tool_calls and invalid_tool_calls (these with args {}),
/// each where the content has it, or else at the end; one without an id, or with the id of an
/// earlier one, is left out. n log n in the calls, linear in the rest.
json::array content_blocks(const json::object& message);

/// The bytes of a block that has them as base64: data:<mime_type, or else `otherwise`>;base64,….
std::string data_url(const json::object& block, std::string_view otherwise);

/// Whether the provider of that name made this ai message: only then are `extras` sent back.
bool made_by(const json::object& message, std::string_view provider);

} // namespace behalf
