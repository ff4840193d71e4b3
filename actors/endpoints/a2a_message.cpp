#include "actors/endpoints/a2a_message.hpp"

#include "actors/endpoints/body.hpp"
#include "actors/endpoints/json_rpc.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace behalf::endpoints {
namespace {

error wrong(std::string message) {
  return fail(errc::invalid_argument, std::move(message));
}

// As blocks of a message's content call it.
std::string_view block_type(std::string_view media_type) {
  const auto top = media_type.substr(0, media_type.find('/'));
  for (std::string_view known : {"image", "audio", "video"})
    if (same_ignoring_case(top, known))
      return known;
  return "file";
}

/// How a version of the protocol names what a file is made of.
struct file_words {
  std::string_view bytes, url, media_type, name;
};
constexpr file_words words_03{"bytes", "uri", "mimeType", "name"};
constexpr file_words words_10{"raw", "url", "mediaType", "filename"};

result<a2a_part> read_file(const json::object& from, const file_words& words,
                           const shape_limits& bounds) {
  body_reader in{from, bounds};
  const auto* bytes = in.any(words.bytes);
  const auto* url = in.any(words.url);
  const auto media_type = in.text(words.media_type, true).value_or("");
  const auto name = in.text(words.name, true).value_or("");
  if (in.fault())
    return *in.fault();
  if (!bytes == !url)
    return wrong("a file must have either '" + std::string(words.bytes) + "' or '"
                 + std::string(words.url) + "'");
  const auto* content = bytes ? bytes : url;
  if (!content->is_string())
    return wrong("the content of a file must be a text: base64, or a URL");
  if (bytes && !base64_decode(bytes->get_string()))
    return wrong("the bytes of a file must be base64");
  json::object block{{"type", block_type(media_type)}, {bytes ? "base64" : "url", *content}};
  if (!media_type.empty())
    block["mime_type"] = media_type;
  if (!name.empty())
    block["extras"] = json::object{{"filename", name}};
  return a2a_part{a2a_part::type::file, std::move(block), media_type};
}

result<a2a_part> read_part(const json::value& given, const shape_limits& bounds) {
  const auto* part = given.if_object();
  if (!part)
    return wrong("a part of a message must be an object");
  constexpr std::array<std::string_view, 5> contents{"text", "data", "file", "raw", "url"};
  std::string_view is;
  for (const auto key : contents) {
    if (!part->contains(key))
      continue;
    if (!is.empty())
      return wrong("a part must have one of text, data and a file, and no more");
    is = key;
  }
  if (is.empty())
    return a2a_fault(a2a_error::content_type,
                     "Unsupported part type: a part must have text, data or a file");
  if (is == "text") {
    const auto& text = part->at("text");
    if (!text.is_string())
      return wrong("the text of a part must be a string");
    return a2a_part{a2a_part::type::text, text};
  }
  if (is == "data")
    return a2a_part{a2a_part::type::data, part->at("data")};
  if (is != "file")
    return read_file(*part, words_10, bounds);
  const auto* file = part->at("file").if_object();
  if (!file)
    return wrong("the file of a part must be an object");
  return read_file(*file, words_03, bounds);
}

json::object text_block(json::value& text) {
  return {{"type", "text"}, {"text", std::move(text)}};
}

std::string joined_texts(const std::vector<a2a_part>& parts) {
  std::string all;
  for (const auto& part : parts)
    if (part.is == a2a_part::type::text) {
      if (!all.empty())
        all += '\n';
      all += part.value.get_string();
    }
  return all;
}

// One text, as most graphs expect it; a list of blocks where there are files.
json::value content_of(a2a_message& message) {
  if (!message.has(a2a_part::type::file))
    return json::value(joined_texts(message.parts));
  json::array blocks;
  for (auto& part : message.parts)
    if (part.is == a2a_part::type::text)
      blocks.push_back(text_block(part.value));
    else if (part.is == a2a_part::type::file)
      blocks.push_back(std::move(part.value));
  return blocks;
}

} // namespace

error a2a_fault(std::string_view kind, std::string message) {
  return {errc::invalid_argument, std::move(message), {}, std::string(kind)};
}

int a2a_code(const error& why) {
  constexpr std::pair<std::string_view, int> codes[] = {
    {a2a_error::invalid_request, rpc::invalid_request},
    {a2a_error::method_not_found, rpc::method_not_found},
    {a2a_error::task_not_found, -32001},
    {a2a_error::not_cancelable, -32002},
    {a2a_error::no_push_notifications, -32003},
    {a2a_error::unsupported_operation, -32004},
    {a2a_error::content_type, -32005},
    {a2a_error::version, -32009},
  };
  for (const auto& [kind, code] : codes)
    if (why.kind == kind)
      return code;
  return rpc::invalid_params;
}

bool a2a_message::has(a2a_part::type what) const {
  return std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.is == what; });
}

result<a2a_message> read_a2a_message(const json::object& params, const shape_limits& bounds) {
  const auto* given = member(params, "message");
  if (!given || !given->is_object())
    return wrong("params.message must be a message");
  body_reader in{*given, bounds};
  a2a_message message;
  in.require("messageId");
  message.id = in.text("messageId").value_or("");
  in.require("role");
  const auto role = in.one_of("role", {"user", "agent", "ROLE_USER", "ROLE_AGENT"}).value_or("");
  message.of_user = role == "user" || role == "ROLE_USER";
  message.context_id = in.text("contextId", true).value_or("");
  message.task_id = in.text("taskId", true).value_or("");
  message.metadata = in.metadata().value_or(json::object{});
  message.command = in.object("command", &shape_limits::fields, true);
  in.require("parts");
  auto parts = in.list("parts", &shape_limits::names).value_or(json::array{});
  if (in.fault())
    return *in.fault();
  if (message.id.empty())
    return wrong("messageId must not be empty");
  if (parts.empty())
    return wrong("a message must have at least one part");
  for (const auto& one : parts) {
    auto part = read_part(one, bounds);
    if (!part)
      return part.error();
    message.parts.push_back(std::move(*part));
  }
  if (!message.has(a2a_part::type::file))
    message.sent = std::move(parts);
  return message;
}

result<json::object> input_of(a2a_message& message) {
  json::object input;
  for (auto& part : message.parts) {
    if (part.is != a2a_part::type::data)
      continue;
    if (!part.value.is_object())
      return a2a_fault(a2a_error::content_type,
                       "the data of a part must be an object: the input of the graph");
    merge(input, part.value.get_object());
  }
  if (!message.has(a2a_part::type::text) && !message.has(a2a_part::type::file))
    return input;
  json::object said{{"type", message.of_user ? "human" : "ai"},
                    {"content", content_of(message)},
                    {"id", message.id}};
  if (!message.metadata.empty())
    said["additional_kwargs"] =
      json::object{{"a2a", json::object{{"metadata", std::move(message.metadata)}}}};
  auto& all = input["messages"];
  if (!all.is_array())
    all = json::array{};
  all.get_array().push_back(std::move(said));
  return input;
}

result<json::value> answer_of(a2a_message& message) {
  const auto is_data = [](const auto& part) { return part.is == a2a_part::type::data; };
  const auto data = std::find_if(message.parts.begin(), message.parts.end(), is_data);
  if (data == message.parts.end())
    return content_of(message);
  if (message.parts.size() > 1)
    return wrong("an answer is one part of data, or text and files");
  if (auto* object = data->value.if_object())
    if (auto* resume = object->if_contains("resume"))
      return std::move(*resume);
  return std::move(data->value);
}

bool accepts_media_type(const std::vector<std::string>& modes, std::string_view type) {
  type = type.substr(0, type.find(';'));
  return std::any_of(modes.begin(), modes.end(), [&](std::string_view mode) {
    if (mode == "*/*" || same_ignoring_case(mode, type))
      return true;
    if (!mode.ends_with("/*"))
      return false;
    mode.remove_suffix(1);
    return same_ignoring_case(type.substr(0, mode.size()), mode);
  });
}

} // namespace behalf::endpoints
