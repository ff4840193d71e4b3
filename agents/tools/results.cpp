#include "agents/tools/results.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/graph/messages.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/media_type.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t most_blocks = 1'000;
constexpr std::size_t most_media = 20; // providers refuse a question that has too many
constexpr std::size_t most_notes = 50; // of what is left out: they are beside the bound of text
constexpr std::size_t longest_error = 8 << 10;

// What chat models take as such, told by its first bytes: a provider refuses what is called by
// another name, and then the whole conversation, now and ever after.
struct media_kind {
  std::string_view block, mime, begins;
  std::size_t further_at = 0;
  std::string_view further = {};
};
constexpr std::array<media_kind, 10> media_kinds{{
  {"image", "image/png", "\x89PNG\r\n\x1a\n"},
  {"image", "image/jpeg", "\xFF\xD8\xFF"},
  {"image", "image/gif", "GIF8"},
  {"image", "image/webp", "RIFF", 8, "WEBP"},
  {"audio", "audio/wav", "RIFF", 8, "WAVE"},
  {"audio", "audio/mpeg", "ID3"},
  {"audio", "audio/mpeg", "\xFF\xFB"},
  {"audio", "audio/mpeg", "\xFF\xF3"},
  {"audio", "audio/mpeg", "\xFF\xF2"},
  {"file", "application/pdf", "%PDF-"},
}};

const media_kind* kind_of(std::string_view bytes) {
  const auto* found = std::find_if(media_kinds.begin(), media_kinds.end(), [&](const auto& each) {
    return bytes.starts_with(each.begins)
           && (each.further.empty()
               || (bytes.size() > each.further_at
                   && bytes.substr(each.further_at).starts_with(each.further)));
  });
  return found == media_kinds.end() ? nullptr : found;
}

bool is_text(std::string_view mime) {
  return mime.starts_with("text/") || is_json_type(mime) || mime == "application/xml"
         || mime.ends_with("+xml");
}

// Content as it is read, within bounds.
class content_reader {
public:
  explicit content_reader(const result_bounds& bounds)
    : text_left_(bounds.text_bytes), media_left_(bounds.media_bytes) {}

  void add(const json::value& part) {
    static const json::object none;
    const auto& o = part.is_object() ? part.get_object() : none;
    const auto kind = string_or(o, "type");
    if (kind == "text")
      text(string_or(o, "text"));
    else if (kind == "image" || kind == "audio")
      media(string_or(o, "mimeType"), string_or(o, "data"), {});
    else if (kind == "resource_link")
      link(o);
    else if (kind == "resource")
      resource(object_or_empty(o, "resource"));
    else
      note("a part of a kind that is not known");
  }

  void text(std::string_view all) {
    if (all.empty())
      return;
    has_text_ = true;
    const auto fits = cut_utf8(all, text_left_);
    text_left_ -= fits.size();
    bytes_cut_ += all.size() - fits.size();
    if (!fits.empty())
      put_text(fits);
  }

  /// What the model is told of what it does not get.
  void note(const std::string& what) {
    if (notes_ == most_notes)
      return leave_out(1);
    ++notes_;
    put_text("[left out: " + what + "]");
  }
  void leave_out(std::size_t parts) { parts_cut_ += parts; }

  bool has_text() const { return has_text_; }
  bool empty() const { return blocks_.empty() && bytes_cut_ == 0; }

  /// A string when there is only text, else blocks.
  json::value content() && {
    if (parts_cut_ != 0)
      cut(std::to_string(parts_cut_) + " parts more");
    if (bytes_cut_ != 0)
      cut(std::to_string(bytes_cut_) + " bytes more of text");
    if (media_count_ != 0)
      return std::move(blocks_);
    std::string joined;
    for (const auto& each : blocks_) {
      if (!joined.empty())
        joined += '\n';
      joined += string_or(each.get_object(), "text");
    }
    return json::string(joined);
  }

private:
  void cut(const std::string& what) {
    put_text("[left out: " + what + ", the result is too long]");
  }

  void put_text(std::string_view text) { blocks_.push_back(text_block(text)); }

  void link(const json::object& o) {
    auto line = "Link: " + std::string(string_or(o, "uri"));
    for (std::string_view key : {"title", "name", "mimeType", "description"})
      if (const auto said = string_or(o, key); !said.empty())
        line.append("\n").append(key).append(": ").append(said);
    text(line);
  }

  void resource(const json::object& o) {
    if (const auto* whole = member(o, "text"); whole && whole->is_string())
      return text(string_or(o, "text"));
    media(string_or(o, "mimeType"), string_or(o, "blob"), string_or(o, "uri"));
  }

  void media(std::string_view given_type, std::string_view data, std::string_view uri) {
    const auto mime = media_type(given_type);
    const auto shown = mime.empty() || mime.size() > 100 ? std::string("unknown type") : mime;
    auto what = "a file of " + shown + ", " + std::to_string(data.size() / 4 * 3) + " bytes";
    if (!uri.empty())
      what += ", " + std::string(cut_utf8(uri, 200));
    if (data.size() > media_left_ || media_count_ == most_media)
      return note(what + ", the result is too long");
    auto bytes = base64_decode(data);
    if (!bytes || bytes->empty())
      return note(what + ", it is no base64");
    if (is_text(mime) && is_utf8(*bytes))
      return text(*bytes);
    const auto* known = kind_of(*bytes);
    if (!known)
      return note(what + ", models cannot read it");
    media_left_ -= data.size();
    ++media_count_;
    blocks_.push_back(
      json_arg{{"type", known->block}, {"base64", data}, {"mime_type", known->mime}}.take());
  }

  std::size_t text_left_, media_left_, bytes_cut_ = 0;
  std::size_t media_count_ = 0, notes_ = 0, parts_cut_ = 0;
  bool has_text_ = false;
  json::array blocks_;
};

json::object message(json::value content, std::string_view call_id, std::string_view name,
                     json::value artifact, bool failed) {
  auto whole =
    to_message(json::object{{"type", "tool"},
                            {"content", std::move(content)},
                            {"name", json::string_view{name.data(), name.size()}},
                            {"tool_call_id", json::string_view{call_id.data(), call_id.size()}},
                            {"artifact", std::move(artifact)},
                            {"status", failed ? "error" : "success"}});
  return std::move(whole.value().get_object());
}

} // namespace

json::object tool_message_of(const service_reply& reply, std::string_view call_id,
                             std::string_view name, const result_bounds& bounds) {
  const auto* body = reply.body.if_object();
  if (!body)
    return tool_error(call_id, name, "The tool's answer is no result of a tool.");
  if (string_or(*body, "resultType") == "input_required")
    return tool_error(call_id, name,
                      "The tool asks for more input, which it cannot be given here.");
  content_reader read{bounds};
  if (const auto* parts = member(*body, "content"); parts && parts->is_array()) {
    const auto& all = parts->get_array();
    for (std::size_t i = 0; i < std::min(all.size(), most_blocks); ++i)
      read.add(all[i]);
    if (all.size() > most_blocks)
      read.leave_out(all.size() - most_blocks);
  }
  const auto* structured = member(*body, "structuredContent");
  if (structured && structured->is_null())
    structured = nullptr;
  if (structured && !read.has_text())
    read.text(dump(*structured));
  const auto failed = bool_or(*body, "isError");
  if (failed && read.empty())
    read.text("The tool failed, and did not say why.");
  json::value artifact;
  if (structured && text_bytes(*structured, bounds.text_bytes) <= bounds.text_bytes)
    artifact = json::object{{"structured_content", *structured}};
  return message(std::move(read).content(), call_id, name, std::move(artifact), failed);
}

json::object tool_error(std::string_view call_id, std::string_view name,
                        std::string_view sentence) {
  const auto cut = cut_utf8(sentence, longest_error);
  return message(json::string_view{cut.data(), cut.size()}, call_id, name, nullptr, true);
}

} // namespace behalf
