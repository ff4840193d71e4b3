#include "agents/models/content.hpp"

#include "runtime/base/among.hpp"

#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

namespace behalf {
namespace {

// The first of these members that is text and not empty.
std::string_view first_text(const json::object& o, std::initializer_list<std::string_view> keys) {
  for (auto key : keys)
    if (auto text = string_or(o, key); !text.empty())
      return text;
  return {};
}

void set_text(json::object& o, std::string_view key, std::string_view text) {
  if (!text.empty())
    o[key] = text;
}

void set_extras(json::object& block, const json::object& from) {
  if (const auto& extras = object_or_empty(from, "extras"); !extras.empty())
    block["extras"] = extras;
}

// A data: URL is the bytes it holds, any other says where they are.
void set_url(json::object& b, std::string_view url) {
  constexpr std::string_view scheme = "data:", coding = ";base64,";
  const auto head = url.substr(0, url.find(','));
  const auto at = url.substr(0, head.size() + 1).find(coding);
  if (!url.starts_with(scheme) || at == url.npos) {
    set_text(b, "url", url);
    return;
  }
  const auto type = url.substr(scheme.size(), at - scheme.size());
  set_text(b, "base64", url.substr(at + coding.size()));
  set_text(b, "mime_type", type.substr(0, type.find(';')));
}

// {type, url | base64 | file_id, mime_type, extras}, under these names or those of others.
json::object media(std::string_view type, const json::object& from) {
  json::object b{{"type", type}};
  set_text(b, "mime_type", first_text(from, {"mime_type", "mimeType", "media_type"}));
  if (auto url = string_or(from, "url"); !url.empty())
    set_url(b, url);
  else if (auto data = first_text(from, {"base64", "data", "file_data"}); data.starts_with("data:"))
    set_url(b, data);
  else if (!data.empty())
    b["base64"] = data;
  else
    set_text(b, "file_id", first_text(from, {"file_id", "fileId", "id"}));
  return b;
}

bool has_bytes(const json::object& b) {
  return b.contains("url") || b.contains("base64") || b.contains("file_id");
}

void set_filename(json::object& b, std::string_view name) {
  if (name.empty())
    return;
  auto& extras = b["extras"];
  if (!extras.is_object())
    extras = json::object{};
  extras.get_object()["filename"] = name;
}

json::object text_block(std::string_view type, std::string_view key, const json::object& from) {
  json::object b{{"type", type}, {key, string_or(from, key)}};
  if (const auto* notes = member(from, "annotations");
      notes && notes->is_array() && !notes->get_array().empty())
    b["annotations"] = *notes;
  set_extras(b, from);
  return b;
}

// {"type": "image_url", "image_url": {"url"} | "…"}
json::object image_url(const json::object& from) {
  json::object b{{"type", "image"}};
  set_url(b, string_or(from, "image_url", string_or(object_or_empty(from, "image_url"), "url")));
  return b;
}

// {"type": "input_audio", "input_audio": {"data", "format": "mp3" | "wav"}}
json::object input_audio(const json::object& from) {
  const auto& sound = object_or_empty(from, "input_audio");
  const auto format = string_or(sound, "format");
  auto b = media("audio", sound);
  set_text(b, "mime_type",
           format.empty() ? "" : "audio/" + std::string(format == "mp3" ? "mpeg" : format));
  return b;
}

// An image, audio, video or file in any of its forms.
json::object media_block(std::string_view type, const json::object& from) {
  const auto* source = member(from, "source");
  const bool own_file = type == "file" && member(from, "file");
  const auto& inner = source     ? object_or_empty(from, "source")
                      : own_file ? object_or_empty(from, "file")
                                 : from;
  // Text that was uploaded as a file.
  if (string_or(source ? inner : from, source ? "type" : "source_type") == "text")
    return {{"type", "text"}, {"text", first_text(inner, {"text", "data"})}};
  auto b = media(type == "document" ? "file" : type, inner);
  set_extras(b, from);
  const auto& about = object_or_empty(from, "metadata");
  set_filename(b, first_text(from, {"filename", "title"}));
  set_filename(b, first_text(inner, {"filename"}));
  set_filename(b, first_text(about, {"filename", "name"}));
  return b;
}

// Anthropic refuses text of nothing but spaces, which its models write between other blocks.
bool says_nothing(const json::object& b) {
  const auto type = string_or(b, "type");
  return among({"text", "reasoning", "refusal"}, type) && b.size() == 2
         && string_or(b, type).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// A block in v1 form, or an empty object when it has none.
json::object known_block(const json::object& from) {
  const auto type = string_or(from, "type");
  if (among({"text", "reasoning", "refusal"}, type) && member(from, type))
    return text_block(type, type, from);
  if (type == "text-plain" && member(from, "text"))
    return text_block("text", "text", from);
  json::object b;
  if (type == "image_url")
    b = image_url(from);
  else if (type == "input_audio")
    b = input_audio(from);
  else if (among({"image", "audio", "video", "file", "document", "text-plain"}, type))
    b = media_block(type == "text-plain" ? "file" : type, from);
  if (type == "non_standard" && member(from, "value"))
    return {{"type", type}, {"value", from.at("value")}};
  return has_bytes(b) || string_or(b, "type") == "text" ? b : json::object{};
}

bool is_call(std::string_view type) {
  return among({"tool_call", "tool_use", "invalid_tool_call"}, type);
}

// An ai message's calls by their ids. The message's lists say what they are: people edit these.
// Arguments that could not be read are none. Without an id of its own a call cannot be answered,
// so it is left out.
class calls_of_message {
public:
  explicit calls_of_message(const json::object& message) {
    if (string_or(message, "type") != "ai")
      return;
    for (auto key : {"tool_calls", "invalid_tool_calls"})
      if (const auto* calls = member(message, key); calls && calls->is_array())
        for (const auto& one : calls->get_array())
          if (one.is_object())
            note(one.get_object());
  }

  /// The call that stands in the content here, with the block's extras.
  void take(const json::object& block, json::array& to) {
    note(block);
    auto at = calls_.find(string_or(block, "id"));
    if (at == calls_.end() || !at->second)
      return;
    give(*std::exchange(at->second, nullptr), object_or_empty(block, "extras"), to);
  }

  void take_rest(json::array& to) {
    for (auto id : order_)
      if (auto* call = std::exchange(calls_[id], nullptr))
        give(*call, object_or_empty(*call, "extras"), to);
  }

private:
  void note(const json::object& call) {
    auto id = string_or(call, "id");
    if (!id.empty() && calls_.emplace(id, &call).second)
      order_.push_back(id);
  }

  static void give(const json::object& call, const json::object& extras, json::array& to) {
    const auto& input = object_or_empty(call, "input");
    json::object b{{"type", "tool_call"},
                   {"id", string_or(call, "id")},
                   {"name", first_text(call, {"name"})},
                   {"args", input.empty() ? object_or_empty(call, "args") : input}};
    if (string_or(b, "name").empty())
      b["name"] = "unknown_tool"; // no provider takes an empty one
    if (!extras.empty())
      b["extras"] = extras;
    to.push_back(std::move(b));
  }

  std::map<std::string_view, const json::object*> calls_; // null: already given
  std::vector<std::string_view> order_;
};

void add_block(const json::value& part, bool has_calls, calls_of_message& calls, json::array& to) {
  if (const auto* o = part.if_object(); o && has_calls && is_call(string_or(*o, "type"))) {
    calls.take(*o, to);
    return;
  }
  json::object b;
  if (const auto* text = part.if_string())
    b = {{"type", "text"}, {"text", *text}};
  else if (part.is_object())
    b = known_block(part.get_object());
  if (b.empty())
    b = {{"type", "non_standard"}, {"value", part}};
  if (!says_nothing(b))
    to.push_back(std::move(b));
}

} // namespace

json::array content_blocks(const json::object& message) {
  const bool has_calls = string_or(message, "type") == "ai";
  calls_of_message calls{message};
  json::array all;
  const auto* content = member(message, "content");
  if (const auto* parts = content ? content->if_array() : nullptr)
    for (const auto& part : *parts)
      add_block(part, has_calls, calls, all);
  else if (content && !content->is_null())
    add_block(*content, has_calls, calls, all);
  calls.take_rest(all);
  return all;
}

std::string data_url(const json::object& block, std::string_view otherwise) {
  std::string url{"data:"};
  url += string_or(block, "mime_type", otherwise);
  url += ";base64,";
  url += string_or(block, "base64");
  return url;
}

bool made_by(const json::object& message, std::string_view provider) {
  return !provider.empty() && string_or(message, "type") == "ai"
         && string_or(object_or_empty(message, "response_metadata"), "model_provider") == provider;
}

} // namespace behalf
