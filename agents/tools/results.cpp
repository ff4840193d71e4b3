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
constexpr std::size_t most_files = 20; // that are kept
constexpr std::size_t most_notes = 50; // of what is left out: they are beside the bound of text
constexpr std::size_t longest_error = 8 << 10;
constexpr std::size_t longest_uri = 2'000, longest_name = 100; // of files that are kept

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

json::object block_of(const media_kind& kind, std::string_view base64) {
  return {{"type", kind.block}, {"base64", base64}, {"mime_type", kind.mime}};
}

// "2-plan.zip", "3.png", "4": what a file may be called anywhere, and no two of a result.
std::string name_of_file(std::size_t nth, std::string_view uri, const media_kind* kind) {
  auto name = std::to_string(nth);
  const auto last = uri.substr(uri.find_last_of('/') + 1);
  if (last.size() <= longest_name && made_of(last, "._-"))
    return name.append("-").append(last);
  return kind ? name.append(".").append(kind->mime.substr(kind->mime.find('/') + 1)) : name;
}

bool is_text(std::string_view mime) {
  return mime.starts_with("text/") || is_json_type(mime) || mime == "application/xml"
         || mime.ends_with("+xml");
}

// Content as it is read, within bounds.
class content_reader {
public:
  explicit content_reader(const result_bounds& bounds)
    : bounds_(bounds), text_left_(bounds.text_bytes), media_left_(bounds.media_bytes),
      files_left_(bounds.kept_files) {}

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
    if (bytes_cut_ == 0 && fits.size() < all.size()) { // from here on there is more than is shown
      left_.text = joined();
      left_.text_shown = left_.text.size() + (left_.text.empty() ? 0 : 1) + fits.size();
    }
    text_left_ -= fits.size();
    bytes_cut_ += all.size() - fits.size();
    if (bytes_cut_ != 0) {
      const auto kept =
        cut_utf8(all, bounds_.kept_text - std::min(bounds_.kept_text, left_.text.size()));
      kept_cut_ += all.size() - kept.size();
      keep_text(kept);
    }
    if (!fits.empty())
      blocks_.push_back(text_block(fits));
  }

  void leave_out(std::size_t parts) { parts_cut_ += parts; }

  bool has_text() const { return has_text_; }
  bool empty() const { return blocks_.empty() && bytes_cut_ == 0; }

  /// A string when there is only text, else blocks.
  json::value content() {
    if (parts_cut_ != 0)
      put_note(too_long(std::to_string(parts_cut_) + " parts more"));
    if (bytes_cut_ != 0)
      blocks_.push_back(text_block(too_long(std::to_string(bytes_cut_) + " bytes more of text")));
    if (kept_cut_ != 0)
      keep_text(too_long(std::to_string(kept_cut_) + " bytes more of text"));
    if (media_count_ != 0)
      return std::move(blocks_);
    auto file = left_.files.begin();
    for (std::size_t i = 0, end = 0; file != left_.files.end(); ++i) {
      end += string_or(blocks_[i].get_object(), "text").size() + (i == 0 ? 0 : 1);
      if (file->note == i)
        (file++)->note = end;
    }
    return joined();
  }

  /// Behind `content`.
  left_parts take_left() { return std::move(left_); }

private:
  static std::string too_long(const std::string& what) {
    return "[left out: " + what + ", the result is too long]";
  }

  json::string joined() const {
    json::string all;
    for (bool first = true; const auto& each : blocks_) {
      const auto* text = each.get_object().if_contains("text");
      if (!text)
        continue;
      if (!std::exchange(first, false))
        all += '\n';
      all += text->get_string();
    }
    return all;
  }

  void keep_text(std::string_view text) {
    if (text.empty())
      return;
    if (!left_.text.empty())
      left_.text += '\n';
    left_.text.append(text);
  }

  void put_note(std::string_view text) {
    blocks_.push_back(text_block(text));
    if (bytes_cut_ != 0)
      keep_text(text);
  }

  // What the model is told of what it does not get. False when it is told of enough.
  bool note(const std::string& what) {
    if (notes_ == most_notes) {
      leave_out(1);
      return false;
    }
    ++notes_;
    put_note("[left out: " + what + "]");
    return true;
  }

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
    const bool is_named = !mime.empty() && mime.size() <= 100;
    auto what = "a file of " + (is_named ? mime : "unknown type") + ", "
                + std::to_string(data.size() / 4 * 3) + " bytes";
    if (!uri.empty())
      what += ", " + std::string(cut_utf8(uri, 200));
    const bool can_show = data.size() <= media_left_ && media_count_ < most_media;
    const bool can_keep = data.size() <= files_left_ && left_.files.size() < most_files;
    const bool may_be_text = is_text(mime) && data.size() <= bounds_.kept_files;
    if (!can_show && !can_keep && !may_be_text)
      return void(note(what + ", the result is too long"));
    const auto bytes = base64_decode(data);
    if (!bytes || bytes->empty())
      return void(note(what + ", it is no base64"));
    if (may_be_text && is_utf8(*bytes))
      return text(*bytes);
    const auto* known = kind_of(*bytes);
    if (known && can_show) {
      media_left_ -= data.size();
      ++media_count_;
      blocks_.push_back(block_of(*known, data));
      return;
    }
    const bool told = note(what + (known ? ", the result is too long" : ", models cannot read it"));
    if (!told || !can_keep)
      return;
    files_left_ -= data.size();
    std::string type = is_named ? mime : "application/octet-stream";
    if (known)
      type = known->mime;
    json::object file{{"name", name_of_file(left_.files.size() + 1, uri, known)},
                      {"mime_type", type},
                      {"base64", data},
                      {"bytes", bytes->size()}};
    if (!uri.empty() && uri.size() <= longest_uri)
      file["uri"] = uri;
    left_.files.push_back(
      {std::move(file), known && data.size() <= bounds_.media_bytes, blocks_.size() - 1});
  }

  const result_bounds bounds_;
  std::size_t text_left_, media_left_, files_left_;
  std::size_t bytes_cut_ = 0, kept_cut_ = 0; // of the text that is shown, of the one that is kept
  std::size_t media_count_ = 0, notes_ = 0, parts_cut_ = 0;
  bool has_text_ = false;
  json::array blocks_;
  left_parts left_;
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

tool_outcome outcome_of(const service_reply& reply, const requested_call& call,
                        const result_bounds& bounds) {
  const auto* body = reply.body.if_object();
  if (!body)
    return tool_error(call.id, call.name, "The tool's answer is no result of a tool.");
  if (string_or(*body, "resultType") == "input_required")
    return tool_error(call.id, call.name,
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
  tool_outcome made{message(read.content(), call.id, call.name, std::move(artifact), failed)};
  made.left = read.take_left();
  return made;
}

std::optional<json::object> media_block(std::string_view base64) {
  const auto bytes = base64_decode(base64);
  const auto* kind = bytes ? kind_of(*bytes) : nullptr;
  return kind ? std::optional(block_of(*kind, base64)) : std::nullopt;
}

json::object tool_error(std::string_view call_id, std::string_view name,
                        std::string_view sentence) {
  const auto cut = cut_utf8(sentence, longest_error);
  return message(json::string_view{cut.data(), cut.size()}, call_id, name, nullptr, true);
}

} // namespace behalf
