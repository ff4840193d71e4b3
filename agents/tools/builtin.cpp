#include "agents/tools/builtin.hpp"

#include "agents/tools/calculate.hpp"
#include "agents/tools/results.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/calendar/time_zone.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace behalf {
namespace {

using namespace std::chrono;

// What a model is told. `group` is how a declaration names it.
struct builtin_tool {
  std::string_view group, definition;
};

constexpr std::array<builtin_tool, 7> all_tools{{
  {"now", R"tool({"name": "now", "description": "The current date and time.",
    "inputSchema": {"type": "object", "properties": {"timezone": {"type": "string",
      "maxLength": 100, "description": "An IANA time zone: Europe/Berlin. UTC unless said."}}},
    "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool"},
  {"calculate", R"tool({"name": "calculate", "description":
      "The value of an arithmetic expression: numbers, + - * / % ^, parentheses, pi, e, abs, ceil, cos, exp, floor, ln, log10, max, min, round, sin, sqrt, tan.",
    "inputSchema": {"type": "object", "required": ["expression"], "properties": {"expression":
      {"type": "string", "maxLength": 1000, "description": "(2 + 3) * sqrt(16)"}}},
    "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool"},
  {"ask_user", R"tool({"name": "ask_user", "description":
      "Asks the user a question and waits for the answer. For what only they can know or decide.",
    "inputSchema": {"type": "object", "required": ["question"], "properties": {
      "question": {"type": "string", "maxLength": 4000},
      "choices": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 200},
        "description": "Answers to choose from; the user may give another."}}},
    "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool"},
  {"todo", R"tool({"name": "write_todos", "description":
      "Writes the list of steps of a task that has several, in place of the list before. Keep it up to date: one step in progress at a time, completed when it is.",
    "inputSchema": {"type": "object", "required": ["todos"], "properties": {"todos": {"type": "array",
      "maxItems": 100, "items": {"type": "object", "required": ["content", "status"], "properties": {
        "content": {"type": "string", "maxLength": 500},
        "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]}}}}}},
    "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool"},
  {"remember", R"tool({"name": "remember", "description":
      "Keeps something about the user for later conversations: a preference, a fact, a decision. Not what is only of this conversation, and no secrets.",
    "inputSchema": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string",
      "minLength": 1, "maxLength": 2000, "description": "One thing, in words that stand alone."}}},
    "annotations": {"destructiveHint": false, "idempotentHint": true, "openWorldHint": false}})tool"},
  {"remember",
   R"tool({"name": "forget", "description": "Deletes something that was kept with remember.",
    "inputSchema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string",
      "maxLength": 100, "description": "As recall gave it."}}},
    "annotations": {"destructiveHint": false, "idempotentHint": true, "openWorldHint": false}})tool"},
  {"recall", R"tool({"name": "recall", "description":
      "Finds what was kept about the user in earlier conversations.",
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string", "maxLength": 1000,
      "description": "What it is about; without one, the newest."}}},
    "annotations": {"readOnlyHint": true, "openWorldHint": false}})tool"},
}};

json::object failed(const requested_call& call, std::string_view why) {
  return tool_error(call.id, call.name, "Error: " + std::string(why));
}

json::object now_in(const requested_call& call) {
  const auto name = string_or(call.args, "timezone");
  auto zone = name.empty() ? result<time_zone>(time_zone{}) : time_zone::find(std::string(name));
  if (!zone)
    return failed(call, "there is no time zone '" + std::string(name) + "'");
  const auto utc = floor<seconds>(system_clock::now());
  const auto offset = zone->period_at(utc).offset;
  const auto local = utc + offset;
  const auto day = floor<days>(local);
  const year_month_day date{day};
  const hh_mm_ss clock{local - day};
  constexpr std::array weekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                "Thursday", "Friday", "Saturday"};
  const auto minutes_off = duration_cast<minutes>(offset).count();
  std::array<char, 128> text{};
  const auto size = std::snprintf(
    text.data(), text.size(), "%s, %04d-%02u-%02uT%02d:%02d:%02d%c%02d:%02d (%.60s)",
    weekdays[weekday{day}.c_encoding()], static_cast<int>(date.year()),
    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
    static_cast<int>(clock.seconds().count()), minutes_off < 0 ? '-' : '+',
    static_cast<int>(std::abs(minutes_off) / 60), static_cast<int>(std::abs(minutes_off) % 60),
    name.empty() ? "UTC" : std::string(name).c_str());
  return builtin_answer(call, {text.data(), static_cast<std::size_t>(std::max(size, 0))});
}

json::object calculated(const requested_call& call) {
  auto value = calculate(string_or(call.args, "expression"));
  return value ? builtin_answer(call, *value) : failed(call, value.error().message);
}

tool_outcome todos_written(const requested_call& call) {
  const auto* todos = member(call.args, "todos");
  tool_outcome made{builtin_answer(call, "Updated todo list to " + dump(*todos))};
  made.changes.set("todos", *todos);
  return made;
}

json::object tools_named(const std::vector<std::string>& names) {
  json::array tools;
  for (const auto& one : all_tools)
    if (among(names, one.group))
      tools.push_back(*parse_json(one.definition));
  return {{"tools", std::move(tools)}};
}

class builtin_tools final : public known_toolbox {
public:
  builtin_tools(const std::vector<std::string>& names, std::string agent)
    : known_toolbox(std::string(builtin_service), tools_named(names)), agent_(std::move(agent)) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto tool = what.tool;
    if (tool == "now")
      co_return now_in(what);
    if (tool == "calculate")
      co_return calculated(what);
    if (tool == todo_tool_name)
      co_return todos_written(what);
    auto later = tool == "ask_user"   ? ask_user(ctx, std::move(what))
                 : tool == "remember" ? remember(ctx, std::move(what), agent_)
                 : tool == "forget"   ? forget(ctx, std::move(what), agent_)
                                      : recall(ctx, std::move(what), agent_);
    co_return co_await std::move(later);
  }

private:
  std::string agent_;
};

} // namespace

std::vector<std::string> builtin_names() {
  std::vector<std::string> all;
  for (const auto& one : all_tools)
    if (all.empty() || all.back() != one.group)
      all.emplace_back(one.group);
  return all;
}

std::vector<std::string> builtin_of(const agent_options& agent) {
  auto all = agent.builtin;
  if (agent.memory.remember)
    for (const auto* name : {"remember", "recall"})
      if (!among(all, name))
        all.emplace_back(name);
  return all;
}

std::vector<std::string> builtin_tools_of(const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const auto& one : all_tools)
    if (among(names, one.group)) {
      const auto defined = parse_json(one.definition).value();
      all.emplace_back(string_or(defined.as_object(), "name"));
    }
  return all;
}

std::shared_ptr<const toolbox> builtin_toolbox(const std::vector<std::string>& names,
                                               std::string agent) {
  return std::make_shared<builtin_tools>(names, std::move(agent));
}

json::object builtin_answer(const requested_call& call, std::string_view text) {
  auto message = tool_message(text, call.id);
  message.as_object()["name"] = call.name;
  return std::move(message.as_object());
}

} // namespace behalf
