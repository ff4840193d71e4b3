#include "agents/models/prompt.hpp"

#include "agents/models/content.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {
namespace {

// Agent Chat UI sends these for calls it saw no result of, before the user's next message.
constexpr std::string_view made_up = "Successfully handled tool call.";
constexpr std::size_t shown_of_error = 300; // bytes

json::object error_result(const json::object& call, std::string text) {
  return {{"content", text},
          {"additional_kwargs", json::object{}},
          {"response_metadata", json::object{}},
          {"type", "tool"},
          {"name", call.at("name")},
          {"id", nullptr},
          {"tool_call_id", call.at("id")},
          {"artifact", nullptr},
          {"status", "error"}};
}

// What an ai message's invalid calls were refused for, by their ids.
std::map<std::string_view, std::string_view> refusals_of(const json::object& message) {
  std::map<std::string_view, std::string_view> all;
  if (const auto* calls = member(message, "invalid_tool_calls"); calls && calls->is_array())
    for (const auto& one : calls->get_array())
      if (one.is_object())
        all.emplace(string_or(one.get_object(), "id"), string_or(one.get_object(), "error"));
  return all;
}

// One stretch of the conversation: an ai message with calls, and all up to the next such message.
class stretch {
public:
  void begin(const json::object& asking, json::array calls) {
    asking_ = &asking;
    calls_ = std::move(calls);
  }

  void note_result(const json::value& tool) {
    auto& there = results_[string_or(tool.get_object(), "tool_call_id")];
    if (!there || (text_of(*there) == made_up && text_of(tool) != made_up))
      there = &tool;
  }

  void add(const json::value& other) { rest_.push_back(&other); }

  void end(json::array& to) {
    if (asking_) {
      to.push_back(*asking_);
      const auto refusals = refusals_of(*asking_);
      for (const auto& call : calls_)
        to.push_back(result_of(call.get_object(), refusals));
    }
    for (const auto* other : rest_)
      to.push_back(*other);
    *this = {};
  }

private:
  json::object result_of(const json::object& call,
                         const std::map<std::string_view, std::string_view>& refusals) const {
    const auto id = string_or(call, "id");
    if (auto found = results_.find(id); found != results_.end()) {
      auto result = found->second->get_object();
      if (string_or(result, "name").empty()) // Gemini wants it
        result["name"] = call.at("name");
      return result;
    }
    if (auto refused = refusals.find(id); refused != refusals.end())
      return error_result(call, "The call was not executed, it was malformed or truncated: "
                                  + std::string(cut_utf8(refused->second, shown_of_error)));
    return error_result(call,
                        "There is no result: the call was not executed, or it was cut off and "
                        "its outcome is unknown.");
  }

  const json::object* asking_ = nullptr;
  json::array calls_;
  std::map<std::string_view, const json::value*> results_;
  std::vector<const json::value*> rest_;
};

bool is_human(const json::value& m) {
  return m.is_object() && string_or(m.get_object(), "type") == "human";
}

constexpr std::string_view forgotten_key = "thinking_forgotten";
constexpr std::string_view of_earlier_turns = "of earlier turns", of_all = "all";

bool forget_all(json::array::iterator from, json::array::iterator to) {
  bool any = false;
  for (; from != to; ++from)
    any = forget_thinking(*from) || any;
  return any;
}

json::array calls_among(const json::array& blocks) {
  json::array calls;
  for (const auto& one : blocks)
    if (one.at("type") == "tool_call")
      calls.push_back(one);
  return calls;
}

} // namespace

json::array ready_messages(const json::array& messages) {
  json::array ready;
  stretch now;
  for (const auto& m : messages) {
    const auto type = m.is_object() ? string_or(m.get_object(), "type") : std::string_view{};
    if (type == "tool") {
      now.note_result(m);
    } else if (type == "ai") {
      const auto blocks = content_blocks(m.get_object());
      auto calls = calls_among(blocks);
      if (!calls.empty()) {
        now.end(ready);
        now.begin(m.get_object(), std::move(calls));
      } else if (!blocks.empty()) {
        now.add(m);
      }
    } else if (!type.empty()) {
      now.add(m);
    }
  }
  now.end(ready);
  return ready;
}

bool forget_thinking(json::value& message) {
  auto* m = message.if_object();
  auto* about = m ? m->if_contains("response_metadata") : nullptr;
  return about && about->is_object() && about->get_object().erase("model_provider") > 0;
}

std::string_view forget_refused_thinking(json::array& messages) {
  // What was thought since then may still fit: it was thought without the rest.
  const auto now = std::find_if(messages.rbegin(), messages.rend(), is_human).base();
  if (forget_all(messages.begin(), now))
    return of_earlier_turns;
  return forget_all(now, messages.end()) ? of_all : "";
}

void note_forgotten(json::object& answer, std::string_view what) {
  answer["response_metadata"].as_object()[forgotten_key] = what;
}

void forget_noted_thinking(json::array& messages) {
  std::ptrdiff_t turn = 0, end = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    if (is_human(messages[i])) {
      turn = at;
      continue;
    }
    const auto* m = messages[i].if_object();
    const auto noted =
      m ? string_or(object_or_empty(*m, "response_metadata"), forgotten_key) : std::string_view{};
    if (!noted.empty())
      end = std::max(end, noted == of_all ? at : turn);
  }
  forget_all(messages.begin(), messages.begin() + end);
}

json::array without_earlier_media(const json::array& messages) {
  auto all = messages;
  bool earlier = false;
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (!is_human(*at) || !std::exchange(earlier, true))
      continue;
    auto blocks = content_blocks(at->get_object());
    for (auto& block : blocks)
      if (const auto type = std::string(string_or(block.as_object(), "type")); type != "text")
        block = {{"type", "text"},
                 {"text", "[left out: the model does not take this " + type + "]"}};
    at->get_object()["content"] = std::move(blocks);
  }
  return all;
}

} // namespace behalf
