#include "agents/nodes/nodes.hpp"
#include "agents/safety/verdict.hpp"
#include "agents/tools/kept_results.hpp"
#include "agents/tools/results.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/task_facts.hpp"

namespace behalf {
namespace {

// What a task was sent: all that it sees. Of one that a client made, by a `goto`: {}.
const json::object& sent_to(const state_view& state) {
  static const json::object none;
  const auto* sent = state.sent();
  return sent && sent->is_object() ? sent->get_object() : none;
}

// In front of what a tool answered.
void say_first(json::object& message, const std::string& sentence) {
  auto& content = message["content"];
  if (auto* text = content.if_string())
    text->insert(0, sentence + '\n');
  else if (auto* blocks = content.if_array())
    blocks->insert(blocks->begin(), text_block(sentence));
}

std::string too_late(const requested_call& call, std::chrono::milliseconds most, bool read_only) {
  return "Error: '" + call.name + "' did not answer within " + std::to_string(most.count()) + " ms."
         + (read_only ? ""
                      : " Whether the call was made is unknown. Find out before you call the tool "
                        "once more.");
}

// A call that takes longer than `most` (0: as it likes) is ended.
coroutine<tool_outcome> call_in_time(context ctx, const toolbox& box, requested_call call,
                                     std::chrono::milliseconds most, bool read_only) {
  auto under_way = box.call(ctx, call);
  if (most.count() == 0)
    co_return co_await std::move(under_way);
  auto timed = with_timeout(std::move(under_way), most);
  auto became = co_await std::move(timed);
  if (became)
    co_return std::move(*became);
  if (became.error().code != errc::timeout)
    co_return failed_call(ctx, call, became.error(), box.name());
  log_tool_failed(ctx, box.name(), call.tool, "timeout");
  co_return tool_error(call.id, call.name, too_late(call, most, read_only));
}

} // namespace

// The task may have been left by another agent on the thread, or be older than the declaration,
// which has the last word on what is called.
coroutine<node_result> make_call(state_view state, context ctx, agent_ptr agent) {
  const auto& task = sent_to(state);
  if (task.empty())
    co_return flow::update{};
  const auto& made = object_or_empty(task, "call");
  requested_call call{std::string(string_or(made, "id")),     std::string(string_or(made, "name")),
                      std::string(string_or(task, "tool")),   object_or_empty(made, "args"),
                      taint_from_json(member(task, "taint")), object_or_empty(task, "pins")};
  const auto service = string_or(task, "service");
  if (service.empty())
    co_return flow::update{
      {"messages", list(tool_error(call.id, call.name, string_or(task, "refused")))}};
  const tool_hints hints{bool_or(task, "read_only"), bool_or(task, "destructive", true), false,
                         bool_or(task, "open_world", true)};
  const auto* box = agent->find(service);
  const auto* source = agent->source(service);
  const auto refused = [&](std::string_view why) {
    return flow::update{
      {"messages", list(tool_error(call.id, call.name, refused_call(made, why)))}};
  };
  if (!box || !source || !approval_of(*source, call.tool, hints))
    co_return refused("the agent is not allowed to use it any more.");
  const auto verdict = judge({agent->options, *source, call.tool, hints, call.args, call.known});
  if (verdict.fate == call_fate::ask && !bool_or(task, "approved"))
    co_return refused("it needs a person's approval now.");
  if (verdict.fate == call_fate::refuse) // the arguments are a person's, or the agent is another
    co_return refused(verdict.why);
  const bool left_behind = string_or(task, "run") != ctx.run_id();
  if ((left_behind || may_have_run(ctx)) && !bool_or(task, "repeatable"))
    co_return flow::update{{"messages", list(unknown_call(ctx, call, service))}};
  // A crash from here on finds the task: it is not repeated, or finds its call.
  if (!bool_or(task, "repeatable") || box->finds_its_calls()) {
    emit(ctx, {stream_item::kind::once, {}});
    co_await ctx.sleep(std::chrono::milliseconds{0});
  }
  auto seen = taint_by(*source, hints, call.id);
  const auto most = source->timeout_of(call.tool);
  auto under_way = call_in_time(ctx, *box, std::move(call), most, hints.read_only);
  auto became = co_await std::move(under_way);
  seen.join(became.seen);
  if (!became.left.empty()) {
    auto keeping = keep_left(ctx, became, seen);
    co_await std::move(keeping);
  }
  if (const auto* args = member(task, "edited"))
    say_first(became.message,
              "The user changed the arguments of this call to " + dump(*args) + ".");
  if (!seen.none())
    became.changes.set(std::string(taint_channel), to_json(seen));
  became.changes.set("messages", list(std::move(became.message)));
  co_return std::move(became.changes);
}

} // namespace behalf
