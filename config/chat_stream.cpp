#include "config/chat_stream.hpp"

#include "agents/models/content.hpp"
#include "runtime/base/hidden_text.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <cstdio>

namespace behalf {
namespace {

constexpr std::size_t longest_glance = 200;
constexpr std::size_t longest_answer = 16u << 20;
constexpr std::size_t most_calls = 1000;
constexpr std::size_t most_interrupts = 1000;

// Not seen, but words of some languages, and faces, are made with them.
bool is_joiner(char32_t c) {
  return c == 0x200c || c == 0x200d;
}

void put_escape(std::string& to, char32_t c) {
  auto unit = [&to](unsigned u) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", u & 0xffffu);
    to += text;
  };
  if (c < 0x10000)
    return unit(c);
  unit(0xd800 + ((c - 0x10000) >> 10));
  unit(0xdc00 + ((c - 0x10000) & 0x3ff));
}

enum class hidden_as : uint8_t { nothing, escape };

std::string shown(std::string_view text, hidden_as how) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto size = utf8_length(text);
    const auto one = text.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (const auto c = code_point(one);
             !is_hidden(c) || (how == hidden_as::nothing && is_joiner(c)))
      out += one;
    else if (how == hidden_as::escape)
      put_escape(out, c);
    text.remove_prefix(one.size());
  }
  return out;
}

bool is_whole_answer(std::string_view type) {
  return type == "ai";
}

bool is_answer(std::string_view type) {
  return is_whole_answer(type) || type == "AIMessageChunk";
}

std::string call_line(std::string_view name, std::string_view args) {
  return "-> " + glance(name) + " " + glance(args);
}

std::string result_line(const json::object& message) {
  const bool failed = string_or(message, "status") == "error";
  return std::string("<- ") + (failed ? "failed: " : "") + glance(words_of(message));
}

// What a declared agent says beside its messages; graphs' own events are not for people.
std::string notice(const json::object& event) {
  const auto type = string_or(event, "type");
  const auto why = glance(string_or(event, "reason"));
  if (type == "tools_unavailable")
    return "-- the tools of " + glance(string_or(event, "service")) + " are not there: " + why;
  if (type == "tools_note")
    return "-- " + glance(string_or(event, "note"));
  if (type == "conversation_summarised")
    return "-- the model is shown a summary of what was said before";
  if (type == "summary_failed")
    return "-- the conversation could not be summarised: " + why;
  return {};
}

} // namespace

std::string printable(std::string_view text) {
  return shown(text, hidden_as::nothing);
}

std::string printable_json(const json::value& v) {
  return shown(dump(v), hidden_as::escape);
}

std::string glance(std::string_view text) {
  const auto cut = cut_utf8(text, longest_glance);
  auto line = printable(cut);
  const auto is_blank = [](char c) { return c == '\n' || c == '\t'; };
  const auto both_blank = [](char a, char b) { return a == ' ' && b == ' '; };
  std::replace_if(line.begin(), line.end(), is_blank, ' ');
  line.erase(std::unique(line.begin(), line.end(), both_blank), line.end());
  return cut.size() < text.size() ? line + "…" : line;
}

std::string words_of(const json::object& message) {
  std::string words;
  for (const auto& block : content_blocks(message)) {
    const auto& b = block.get_object();
    words += string_or(b, "text", string_or(b, "refusal"));
  }
  return words;
}

std::vector<chat_piece> pieces_of(const json::object& message) {
  const auto type = string_or(message, "type");
  if (type == "tool")
    return {{chat_kind::tool, result_line(message), true}};
  std::vector<chat_piece> all;
  if (!is_answer(type))
    return all;
  // As some providers' models say it, beside the content.
  if (auto thought = string_or(object_or_empty(message, "additional_kwargs"), "reasoning_content");
      !thought.empty())
    all.push_back({chat_kind::reasoning, printable(thought)});
  for (const auto& block : content_blocks(message)) {
    const auto& b = block.get_object();
    const auto kind = string_or(b, "type");
    if (kind == "tool_call")
      all.push_back({chat_kind::tool, call_line(string_or(b, "name"), dump(b.at("args")))});
    else if (auto text = string_or(b, "text", string_or(b, "refusal")); !text.empty())
      all.push_back({chat_kind::text, printable(text)});
    else if (auto thought =
               string_or(b, "reasoning", string_or(object_or_empty(b, "value"), "thinking"));
             !thought.empty())
      all.push_back({chat_kind::reasoning, printable(thought)});
  }
  if (!all.empty())
    all.front().begins = true;
  return all;
}

std::vector<chat_piece> chat_reader::read(const stream_event& event) {
  auto data = parse_json(event.data);
  if (!data)
    return {};
  if (event.name == "messages") {
    const auto* pair = data->if_array();
    return pair && !pair->empty() && pair->front().is_object()
             ? read_message(pair->front().get_object())
             : std::vector<chat_piece>{};
  }
  const auto* about = data->if_object();
  if (!about)
    return {};
  if (event.name == "metadata")
    run_id_ = string_or(*about, "run_id");
  else if (event.name == "error")
    failure_ = printable(string_or(
      *about, "message", string_or(*about, "error", "the run failed, and nothing said why")));
  else if (event.name == "custom") {
    if (auto line = notice(*about); !line.empty())
      return {{chat_kind::tool, std::move(line), true}};
  } else if (event.name == "updates") {
    read_updates(*about);
    return take_calls(); // a node has ended, so its messages are whole
  }
  return {};
}

std::vector<chat_piece> chat_reader::read_message(const json::object& message) {
  const auto type = string_or(message, "type");
  const auto id = string_or(message, "id");
  if (is_whole_answer(type) && !id.empty() && id == last_)
    return {}; // it was streamed
  if (type == "remove")
    return take_back(id);
  auto all = type == "AIMessageChunk" ? std::vector<chat_piece>{} : take_calls();
  auto pieces = pieces_of(message);
  if (!pieces.empty())
    pieces.front().begins = id.empty() ? is_whole_answer(type) : id != last_;
  std::move(pieces.begin(), pieces.end(), std::back_inserter(all));
  if (!is_answer(type))
    return all;
  note_words(id, words_of(message));
  add_calls(message);
  last_ = id;
  return all;
}

// An answer that broke off in the middle: what it was about to call is not called.
std::vector<chat_piece> chat_reader::take_back(std::string_view id) {
  std::erase_if(calls_, [&](const call& one) { return one.message == id; });
  if (answer_of_ == id)
    answer_.clear();
  auto all = take_calls();
  if (!id.empty() && id == last_)
    all.push_back({chat_kind::reasoning, "(broken off)", true});
  return all;
}

void chat_reader::note_words(std::string_view id, std::string_view words) {
  if (words.empty())
    return;
  if (id != answer_of_ || id.empty())
    answer_.clear();
  answer_of_ = id;
  answer_ += words.substr(0, longest_answer - answer_.size());
}

void chat_reader::add_calls(const json::object& chunk) {
  const auto* parts = member(chunk, "tool_call_chunks");
  if (!parts || !parts->is_array())
    return;
  const auto id = string_or(chunk, "id");
  for (const auto& part : parts->get_array()) {
    const auto* p = part.if_object();
    if (!p)
      continue;
    const auto index = int_or(*p, "index");
    auto at = std::find_if(calls_.begin(), calls_.end(),
                           [&](const call& c) { return c.index == index && c.message == id; });
    if (at == calls_.end() && calls_.size() < most_calls)
      at = calls_.insert(at, call{std::string(id), {}, {}, index});
    if (at == calls_.end())
      continue;
    if (at->name.empty())
      at->name = string_or(*p, "name");
    if (at->args.size() <= longest_glance)
      at->args += string_or(*p, "args");
  }
}

std::vector<chat_piece> chat_reader::take_calls() {
  std::vector<chat_piece> all;
  for (const auto& one : calls_)
    all.push_back({chat_kind::tool, call_line(one.name, one.args)});
  calls_.clear();
  return all;
}

void chat_reader::read_updates(const json::object& updates) {
  const auto* asked = member(updates, "__interrupt__");
  if (!asked || !asked->is_array())
    return;
  for (const auto& one : asked->get_array())
    if (one.is_object() && interrupts_.size() < most_interrupts)
      interrupts_.push_back(one);
}

} // namespace behalf
