// Chat messages as nodes write and read them.
#pragma once

#include "behalf/json.hpp"
#include "behalf/outbound.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// {"type": "human", "content": text}. These get an id and their other fields when a `messages`
/// channel takes them.
json::value human(std::string_view text);
json::value ai(std::string_view text);
/// With calls for tools: ai("", list(tool_call("call-1", "search", {{"query", text}}))).
json::value ai(std::string_view text, json::array tool_calls);
/// Made of blocks: human(list(text_block("What is this?"), image_data(base64, "image/png"))).
json::value human(json::array blocks);
json::value ai(json::array blocks, json::array tool_calls = {});
json::value system_message(std::string_view text);
/// What a tool gave for the call of that id: text, or any JSON.
json::value tool_message(json_arg content, std::string_view tool_call_id);
/// The message with this id: that of its parts, as `context::write_message` gave it.
json::value with_id(json::value message, std::string_view id);
/// Deletes the message of that id from a `messages` channel.
json::value remove_message(std::string_view id);

/// {"name", "args", "id", "type": "tool_call"}, as `tool_calls` of an ai message has them.
json::value tool_call(std::string_view id, std::string_view name, object_arg args = {});

/// Blocks of a message's content, as LangChain's standard ones. Bytes are base64.
json::value text_block(std::string_view text);
json::value image_url(std::string_view url);
json::value image_data(std::string_view base64, std::string_view mime_type);
json::value file_url(std::string_view url, std::string_view mime_type);
json::value file_data(std::string_view base64, std::string_view mime_type);
/// A tool's call and result as Anthropic's models have them among the blocks.
json::value tool_use_block(std::string_view id, std::string_view name, object_arg input = {});
json::value tool_result_block(std::string_view tool_use_id, json_arg content);

/// A message's text: its content, or the joined text blocks of a content list. "" for no message.
std::string text_of(const json::value& message);
std::string text_of(const json::value* message); // "" for null: text_of(state.last("messages"))
/// The tool calls of an ai message; none of any other.
const json::array& tool_calls_of(const json::value& message);
const json::array& tool_calls_of(const json::value&& message) = delete;

/// What an MCP tool answered (service_client::call_tool): its structured content, else the JSON of
/// its first text part, else that text; null when there is neither.
json::value tool_result(const service_reply& reply);

} // namespace behalf
