#include "agents/context/shortened.hpp"

#include "agents/models/content.hpp"
#include "agents/models/prompt.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <vector>

namespace behalf {
namespace {

constexpr std::size_t most_kept = 20; // messages behind a summary, as LangChain keeps
constexpr int64_t tokens_of_media = 1'500;
constexpr std::size_t most_of_one = 8 << 10; // bytes of a message in a transcript
constexpr std::string_view cleared_text = "[cleared]";

const json::object& object_of(const json::value& message) {
  static const json::object none;
  return message.is_object() ? message.get_object() : none;
}

std::string_view type_of(const json::value& message) {
  return string_or(object_of(message), "type");
}

// About; a text's bytes by four, images and files a flat number.
int64_t estimate(const json::value& message) {
  constexpr std::size_t longest = 1u << 30;
  int64_t bytes = 16, media = 0;
  for (const auto& block : content_blocks(object_of(message)))
    if (block.as_object().contains("base64"))
      ++media;
    else
      bytes += static_cast<int64_t>(text_bytes(block, longest));
  return bytes / 4 + media * tokens_of_media;
}

int64_t counted(const json::value& message) {
  const auto& used = object_or_empty(object_of(message), "usage_metadata");
  return std::clamp<int64_t>(int_or(used, "input_tokens"), 0, int64_t{1} << 40)
         + std::clamp<int64_t>(int_or(used, "output_tokens"), 0, int64_t{1} << 40);
}

json::value cleared(const json::value& message) {
  auto m = message.as_object();
  m["content"] = cleared_text;
  m["artifact"] = nullptr;
  return m;
}

std::string line_of(const json::value& message) {
  std::string text;
  for (const auto& block : content_blocks(object_of(message))) {
    const auto& b = block.as_object();
    const auto type = string_or(b, "type");
    if (type == "text")
      text += string_or(b, "text");
    else if (type == "tool_call")
      text += "[calls " + std::string(string_or(b, "name")) + " " + dump(object_or_empty(b, "args"))
              + "]";
    else if (type != "reasoning")
      text += "[" + std::string(type) + "]";
  }
  const auto seen = cut_utf8(text, most_of_one);
  return std::string(type_of(message)) + ": " + std::string(seen)
         + (seen.size() < text.size() ? " […]\n" : "\n");
}

} // namespace

shortened::shortened(const json::array& messages, json::object kept)
  : messages_(messages), kept_(std::move(kept)) {
  const auto after = place_of("after");
  if (!after) { // never cut, or messages were deleted since: all is shown again
    kept_.erase("after");
    kept_.erase("instead");
  }
  begin_ = after ? *after + 1 : 0;
  const auto cleared = place_of("cleared");
  cleared_ = cleared ? *cleared + 1 : 0;
  const auto seen = place_of("seen");
  unchanged_ = seen ? *seen + 1 : 0;
}

// Behind which the messages go on; ids are unique in a channel.
std::optional<std::size_t> shortened::place_of(std::string_view key) const {
  const auto id = string_or(kept_, key);
  if (id.empty())
    return std::nullopt;
  auto at = std::find_if(messages_.begin(), messages_.end(),
                         [&](auto& one) { return string_or(object_of(one), "id") == id; });
  if (at == messages_.end())
    return std::nullopt;
  return static_cast<std::size_t>(at - messages_.begin());
}

json::array shortened::shown() const {
  json::array all;
  all.reserve(messages_.size() - begin_ + 1);
  if (begin_ > 0) {
    json::object first{{"type", "human"}, {"content", string_or(kept_, "instead")}};
    first["additional_kwargs"] = {{"lc_source", "summarization"}};
    all.push_back(std::move(first));
  }
  for (std::size_t i = begin_; i < messages_.size(); ++i) {
    const auto& one = messages_[i];
    const auto type = type_of(one);
    if (type == "tool" && i < cleared_)
      all.push_back(cleared(one));
    else if (type == "ai" && i < unchanged_)
      forget_thinking(all.emplace_back(one));
    else
      all.push_back(one);
  }
  return all;
}

int64_t shortened::tokens() const {
  int64_t since = 0;
  for (std::size_t i = messages_.size(); i-- > begin_;) {
    const auto& one = messages_[i];
    if (type_of(one) == "ai" && i >= unchanged_)
      if (const auto told = counted(one); told > 0)
        return told + since;
    since += type_of(one) == "tool" && i < cleared_ ? 8 : estimate(one);
  }
  return since + static_cast<int64_t>(string_or(kept_, "instead").size() / 4);
}

bool shortened::clear_results(std::size_t keep) {
  std::size_t found = 0;
  for (std::size_t i = messages_.size(); i-- > std::max(begin_, cleared_);)
    if (type_of(messages_[i]) == "tool" && ++found > keep) {
      cleared_ = i + 1;
      kept_["cleared"] = string_or(object_of(messages_[i]), "id");
      note_change();
      return true;
    }
  return false;
}

std::optional<std::size_t> shortened::cut(int64_t most_tokens) const {
  std::size_t best = messages_.size();
  int64_t tokens = 0;
  for (std::size_t i = messages_.size(); i-- > begin_;) {
    tokens += type_of(messages_[i]) == "tool" && i < cleared_ ? 8 : estimate(messages_[i]);
    const bool fits = messages_.size() - i <= most_kept && tokens <= most_tokens;
    if (!fits && best < messages_.size())
      break;
    if (type_of(messages_[i]) != "tool") { // never between a call and its result
      best = i;
      if (!fits)
        break;
    }
  }
  if (best <= begin_ || best >= messages_.size())
    return std::nullopt;
  return best;
}

std::string shortened::transcript(std::size_t cut, std::size_t most_bytes) const {
  std::vector<std::string> lines; // from the end
  std::size_t bytes = 0;
  for (std::size_t i = cut; i-- > begin_;) {
    lines.push_back(line_of(messages_[i]));
    if (const auto room = most_bytes - bytes; lines.back().size() > room) {
      lines.back() = std::string(cut_utf8(lines.back(), room)) + " […]\n";
      break;
    }
    bytes += lines.back().size();
  }
  std::string all;
  if (begin_ > 0)
    all.append(string_or(kept_, "instead")).append("\n");
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    all += *line;
  return all;
}

void shortened::leave_out(std::size_t cut, std::string_view instead) {
  begin_ = cut;
  kept_["after"] = string_or(object_of(messages_[cut - 1]), "id");
  kept_["instead"] = instead;
  note_change();
}

void shortened::note_change() {
  unchanged_ = messages_.size();
  if (!messages_.empty())
    kept_["seen"] = string_or(object_of(messages_.back()), "id");
}

} // namespace behalf
