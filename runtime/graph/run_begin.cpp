// How a run begins: new input, a command, going on, a branch from an older checkpoint.
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/run_loop_impl.hpp"

#include <algorithm>

namespace behalf {
namespace {

error run_error(std::string kind, std::string text) {
  return {errc::invalid_argument, std::move(text), {}, std::move(kind)};
}

bool looks_like_interrupt_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// {interrupt id: answer, …}; a plain object is one answer.
const json::object* answers_by_id(const json::value& resume) {
  const auto* map = resume.if_object();
  if (!map || map->empty())
    return nullptr;
  for (const auto& [key, v] : *map)
    if (!looks_like_interrupt_id({key.data(), key.size()}))
      return nullptr;
  return map;
}

// A command's update: an object, or a list of [key, value].
result<json::value> update_object(const json::value& update) {
  if (!update.is_array())
    return update;
  json::object all;
  for (const auto& one : update.get_array()) {
    const auto* pair = one.if_array();
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string())
      return run_error("InvalidUpdateError", "Expected dict, got " + excerpt(update));
    all[(*pair)[0].get_string()] = (*pair)[1];
  }
  return json::value(std::move(all));
}

} // namespace

void run_loop::impl::begin_command(const run_command& c) {
  auto moves = c.go_to ? command_moves(*c.go_to) : next_moves{};
  if (!has_head) {
    if (c.resume)
      return fail_run("RuntimeError", "there is nothing to resume: the thread has no state yet");
    if (c.empty())
      return begin_without_input();
    auto update = update_object(c.update.value_or(json::object{}));
    return update ? enter(std::make_shared<const json::value>(std::move(*update)), std::move(moves))
                  : fail_run(update.error());
  }
  if (!adopt_tasks())
    return;
  if (c.resume) {
    resumed = true;
    if (auto ok = answer(*c.resume); !ok)
      return fail_run(ok.error());
  }
  if (c.update || c.go_to)
    if (auto ok = apply_command(c); !ok)
      return fail_run(ok.error());
  go_on();
}

void run_loop::impl::begin_without_input() {
  if (!has_head)
    return fail_run("EmptyInputError", "Received no input for __start__");
  if (spec.from_checkpoint && !spec.command)
    fork();
  go_on();
}

// A copy of the checkpoint at the head of a new branch; what was done of its tasks is not copied.
void run_loop::impl::fork() {
  auto next = head.next;
  auto input = head.input;
  commit("fork", {}, {});
  for (auto& one : next)
    one.id = hash_uuid(head.id + one.id);
  head.next = std::move(next);
  head.input = std::move(input);
  keep(head);
  events.checkpoint(out.events, head, state);
  ++step;
}

void run_loop::impl::enter(value_ptr input, next_moves extra) {
  head.joins.clear(); // joins start anew with new input
  commit("input", {}, {});
  head.next = {planned_task{hash_uuid(head.id + "__start__"), "__start__", {"__start__"}}};
  head.input = input;
  keep(head);
  events.checkpoint(out.events, head, state);
  ++step;
  enter_from(*input, std::move(extra));
}

void run_loop::impl::enter_from(const json::value& input, next_moves extra) {
  auto refuse = [this](const error& why) {
    pending_task start;
    start.id = head.next.front().id;
    start.is = pending_task::state::failed;
    start.failure = error_class(why) + "(" + dump(json::value(why.message)) + ")";
    head.pending = updates;
    head.pending.push_back(std::move(start));
    keep(head);
    fail_run(why);
  };
  auto writes = to_writes(*flow->channels(), input);
  if (writes && input.is_null())
    return refuse(run_error("EmptyInputError", "Received no input for __start__"));
  if (!writes)
    return refuse(writes.error());
  std::erase_if(*writes, [this](const channel_write& w) { return !flow->takes_input(w.channel); });
  auto before = state.before(*writes);
  auto changes = state.apply(std::move(*writes));
  if (!changes)
    return refuse(changes.error());
  auto moves = moves_from(flow::start, state, {}, true);
  if (!moves) {
    state.take_back(std::move(before));
    return refuse(moves.error());
  }
  for (auto& [node, triggers] : extra.pulls)
    moves->pull(node);
  for (auto& one : extra.pushes)
    moves->pushes.push_back(std::move(one));
  if (any_shown(*changes))
    events.values(out.events, state);
  commit("loop", std::move(*changes), *moves);
  keep(head);
  make_tasks();
  ++step;
  tick();
}

void run_loop::impl::go_on() {
  if (head.source != "loop" && !head.next.empty() && head.next.front().name == flow::start) {
    auto input = head.input;
    return enter_from(input ? *input : json::value(nullptr), {});
  }
  if (tasks.empty() && !adopt_tasks())
    return;
  events.values(out.events, state);
  // A run that wrote this checkpoint itself has not passed its breakpoints yet.
  auto at_breakpoint = spec.after_crash && wrote_head();
  if (at_breakpoint && head.stopped) {
    events.static_stop(out.events);
    return finish(run_finish::status::success);
  }
  skip_breakpoints = !at_breakpoint;
  tick();
}

// The checkpoint's tasks with what is known of them. False when the run has failed by it.
bool run_loop::impl::adopt_tasks() {
  for (const auto& one : head.next)
    if (one.name != flow::start && !flow->find(one.name)) {
      fail_run("RuntimeError", "the checkpoint leaves the node '" + one.name
                                 + "' to run, which the graph does not have any more");
      return false;
    }
  make_tasks();
  for (const auto& one : updates) {
    next_moves moves;
    for (const auto& node : one.branches)
      moves.pull(node);
    for (const auto& [node, input] : one.sends)
      moves.pushes.emplace_back(node, std::make_shared<const json::value>(input));
    add_tasks(moves);
  }
  return true;
}

result<void> run_loop::impl::answer(const json::value& resume) {
  std::vector<live_task*> waiting;
  for (auto& t : tasks)
    if (t.so_far.is == pending_task::state::interrupted)
      waiting.push_back(&t);
  const auto* by_id = answers_by_id(resume);
  if (!by_id && waiting.size() > 1)
    return run_error("RuntimeError",
                     "When there are multiple pending interrupts, you must specify the interrupt "
                     "id when resuming: {\"<interrupt id>\": <answer>, …}");
  for (auto* t : waiting)
    for (const auto& asked : t->so_far.interrupts) {
      const auto* mine = by_id ? member(*by_id, asked.id) : &resume;
      if (mine)
        t->so_far.answers.push_back(*mine);
    }
  // Stopped before a node: its first question is answered in advance.
  auto open = std::find_if(tasks.begin(), tasks.end(),
                           [](const live_task& t) { return !t.settled() && t.what; });
  if (!by_id && waiting.empty() && open != tasks.end())
    open->so_far.answers.push_back(resume);
  return {};
}

// Written beside the checkpoint, not as a new one: pending tasks keep their identities.
result<void> run_loop::impl::apply_command(const run_command& c) {
  pending_task mine;
  mine.id = null_task_id;
  mine.is = pending_task::state::done;
  auto update = update_object(c.update.value_or(nullptr));
  if (!update)
    return update.error();
  auto writes = to_writes(*flow->channels(), *update);
  if (!writes)
    return writes.error();
  for (const auto& w : *writes)
    mine.writes[(*flow->channels())[w.channel].name] = w.value;
  auto changes = state.apply(std::move(*writes));
  if (!changes)
    return changes.error();
  auto moves = c.go_to ? command_moves(*c.go_to) : next_moves{};
  for (const auto& [node, triggers] : moves.pulls)
    mine.branches.push_back(node);
  for (const auto& [node, input] : moves.pushes)
    mine.sends.emplace_back(node, *input);
  add_tasks(moves);
  updates.push_back(std::move(mine));
  keep_pending();
  return {};
}

// Nodes the graph does not have are passed over: a client may talk of an older graph.
next_moves run_loop::impl::command_moves(const json::value& go_to) const {
  next_moves moves;
  auto one = [&](const json::value& v) {
    if (v.is_string()) {
      std::string node(v.get_string());
      if (flow->find(node))
        moves.pull(node);
    } else if (v.is_object()) {
      std::string node(string_or(v.get_object(), "node"));
      const auto* input = member(v, "input");
      if (flow->find(node))
        moves.pushes.emplace_back(
          node, std::make_shared<const json::value>(input ? *input : json::value(nullptr)));
    }
  };
  if (go_to.is_array())
    std::for_each(go_to.get_array().begin(), go_to.get_array().end(), one);
  else
    one(go_to);
  return moves;
}

} // namespace behalf
