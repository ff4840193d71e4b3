#include "agents/models/openai_input.hpp"

#include "agents/models/content.hpp"

#include <optional>

namespace behalf {
namespace {

void keep(json::object& to, std::string_view key, const json::object& from) {
  if (const auto* there = member(from, key))
    to[key] = *there;
}

json::object image_part(const json::object& block) {
  json::object part{{"type", "input_image"}};
  if (block.contains("file_id"))
    keep(part, "file_id", block);
  else if (block.contains("url"))
    part["image_url"] = block.at("url");
  else
    part["image_url"] = data_url(block, "image/png");
  keep(part, "detail", object_or_empty(block, "extras"));
  return part;
}

// The API tells the type of a file's bytes by its name.
json::object file_part(const json::object& block) {
  json::object part{{"type", "input_file"}};
  if (block.contains("file_id")) {
    keep(part, "file_id", block);
  } else if (block.contains("url")) {
    part["file_url"] = block.at("url");
  } else {
    const auto& extras = object_or_empty(block, "extras");
    const bool pdf = string_or(block, "mime_type", "application/pdf") == "application/pdf";
    part["filename"] = string_or(extras, "filename", pdf ? "file.pdf" : "file");
    part["file_data"] = data_url(block, "application/pdf");
  }
  return part;
}

// Null: the API has no word for it.
std::optional<json::object> input_part(const json::object& block) {
  const auto type = string_or(block, "type");
  if (type == "text")
    return json::object{{"type", "input_text"}, {"text", string_or(block, "text")}};
  if (type == "image")
    return image_part(block);
  if (type == "file")
    return file_part(block);
  return {};
}

result<json::value> said_by(std::string_view role, const json::object& message) {
  json::array parts;
  for (const auto& block : content_blocks(message)) {
    auto part = input_part(block.as_object());
    if (!part)
      return fail(errc::invalid_argument, "OpenAI's models take no "
                                            + std::string(string_or(block.as_object(), "type"))
                                            + " block in a message");
    parts.push_back(std::move(*part));
  }
  return json::value{{"type", "message"}, {"role", role}, {"content", std::move(parts)}};
}

bool is_media(const json::object& block) {
  const auto type = string_or(block, "type");
  return type == "audio" || type == "video";
}

// A tool's result is text where all of it is; what the API has no word for goes as its JSON.
json::value tool_output(const json::object& message) {
  json::array parts;
  std::string text;
  bool plain = true;
  for (const auto& block : content_blocks(message)) {
    auto part = input_part(block.as_object());
    if (!part)
      part = json::object{{"type", "input_text"},
                          {"text", is_media(block.as_object())
                                     ? "[left out: this model takes no such file]"
                                     : dump(block)}};
    plain = plain && string_or(*part, "type") == "input_text";
    text += string_or(*part, "text");
    parts.push_back(std::move(*part));
  }
  json::value output{{"type", "function_call_output"},
                     {"call_id", string_or(message, "tool_call_id")}};
  auto& place = output.get_object()["output"];
  if (plain)
    place = text;
  else
    place = std::move(parts);
  return output;
}

// The items of one answer. Blocks of one item carry its id, and stand side by side.
class answer_items {
public:
  explicit answer_items(bool own) : own_(own) {}

  void take(const json::object& block) {
    const auto type = string_or(block, "type");
    if (type == "text" || type == "refusal")
      say(block, type);
    else if (type == "tool_call")
      call(block);
    else if (!own_)
      return; // reasoning and the work of another provider's servers
    else if (type == "reasoning")
      reason(block);
    else if (type == "image")
      picture(block);
    else if (type == "non_standard")
      whole(object_or_empty(block, "value"));
  }

  // Reasoning that led to nothing is refused when it comes back: nothing follows it.
  json::array finish() && {
    while (!items_.empty() && string_or(items_.back().as_object(), "type") == "reasoning")
      items_.pop_back();
    return std::move(items_);
  }

private:
  const json::object& extras(const json::object& block) const {
    static const json::object none;
    return own_ ? object_or_empty(block, "extras") : none;
  }

  // The last item, when it is of that type and id.
  json::object* same(std::string_view type, std::string_view id) {
    if (items_.empty())
      return nullptr;
    auto& last = items_.back().get_object();
    return string_or(last, "type") == type && string_or(last, "id") == id ? &last : nullptr;
  }

  static json::value annotation(const json::object& citation) {
    const auto& from = object_or_empty(citation, "extras");
    if (from.contains("type"))
      return from;
    json::object back{{"type", "url_citation"}};
    for (const auto* key : {"url", "title", "start_index", "end_index"})
      keep(back, key, citation);
    return back;
  }

  void say(const json::object& block, std::string_view type) {
    const auto& more = extras(block);
    const auto id = string_or(more, "id");
    auto* item = same("message", id);
    if (!item) {
      item =
        &items_.emplace_back(json::object{{"type", "message"}, {"role", "assistant"}}).get_object();
      keep(*item, "phase", more);
      if (id.empty()) {
        (*item)["content"] = "";
      } else {
        (*item)["id"] = id;
        (*item)["status"] = "completed";
        (*item)["content"] = json::array{};
      }
    }
    // Without an id it is no item of the API's own, and then plain text.
    if (id.empty()) {
      item->at("content").as_string().append(string_or(block, type));
      return;
    }
    auto& parts = item->at("content").as_array();
    if (type == "refusal") {
      parts.push_back({{"type", "refusal"}, {"refusal", string_or(block, "refusal")}});
      return;
    }
    json::array annotations;
    if (const auto* all = member(block, "annotations"); own_ && all && all->is_array())
      for (const auto& one : all->get_array())
        if (one.is_object() && string_or(one.get_object(), "type") == "citation")
          annotations.push_back(annotation(one.get_object()));
    parts.push_back({{"type", "output_text"},
                     {"text", string_or(block, "text")},
                     {"annotations", std::move(annotations)}});
  }

  void call(const json::object& block) {
    json::object item{{"type", "function_call"}};
    const auto& more = extras(block);
    keep(item, "id", more);
    item["call_id"] = string_or(block, "id");
    item["name"] = string_or(block, "name");
    item["arguments"] = dump(object_or_empty(block, "args"));
    for (const auto* key : {"namespace", "caller", "async"})
      keep(item, key, more);
    items_.push_back(std::move(item));
  }

  void reason(const json::object& block) {
    const auto& more = extras(block);
    const auto id = string_or(more, "id");
    if (id.empty())
      return; // not of this API
    auto* item = same("reasoning", id);
    if (!item)
      item = &items_
                .emplace_back(
                  json::object{{"type", "reasoning"}, {"id", id}, {"summary", json::array{}}})
                .get_object();
    keep(*item, "encrypted_content", more);
    const auto text = string_or(block, "reasoning");
    if (text.empty())
      return;
    const auto kind = string_or(more, "kind", "summary_text");
    auto& parts = (*item)[kind == "summary_text" ? "summary" : "content"];
    if (!parts.is_array())
      parts = json::array{};
    parts.get_array().push_back({{"type", kind}, {"text", text}});
  }

  void picture(const json::object& block) {
    const auto& more = extras(block);
    if (string_or(more, "type") != "image_generation_call")
      return;
    auto item = more;
    item["result"] = string_or(block, "base64");
    items_.push_back(std::move(item));
  }

  // The work of the provider's own tools. What speaks with a role, or points to what is stored
  // elsewhere, is none of that, whoever put it there.
  void whole(const json::object& item) {
    const auto type = string_or(item, "type");
    if (!type.empty() && type != "message" && type != "item_reference" && !item.contains("role"))
      items_.push_back(item);
  }

  json::array items_;
  bool own_;
};

json::array answered(const json::object& message) {
  answer_items items{made_by(message, "openai")};
  for (const auto& block : content_blocks(message))
    items.take(block.as_object());
  return std::move(items).finish();
}

} // namespace

result<json::array> openai_input(const json::array& messages) {
  json::array input;
  for (const auto& one : messages) {
    if (!one.is_object())
      return fail(errc::invalid_argument, "a message is no object");
    const auto& message = one.get_object();
    const auto type = string_or(message, "type");
    if (type == "ai") {
      for (auto& item : answered(message))
        input.push_back(std::move(item));
    } else if (type == "tool") {
      input.push_back(tool_output(message));
    } else if (type == "human" || type == "system" || type == "developer") {
      auto item = said_by(type == "human" ? "user" : type, message);
      if (!item)
        return item.error();
      input.push_back(std::move(*item));
    } else {
      return fail(errc::invalid_argument,
                  "OpenAI's models take no message of type '" + std::string(type) + "'");
    }
  }
  return input;
}

} // namespace behalf
