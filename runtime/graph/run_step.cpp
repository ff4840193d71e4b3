// One superstep: starting its tasks, taking their results, and what they come to together.
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/run_loop_impl.hpp"

#include <algorithm>

namespace behalf {
namespace {

std::string quoted(const std::string& text) {
  auto mark = text.find('\'') == text.npos ? '\'' : '"';
  return mark + text + mark;
}

// Pulled tasks by name, then sends in order: what the outcome of a step must not depend on is
// which task was faster.
bool earlier(const live_task* a, const live_task* b) {
  if ((a->plan.push < 0) != (b->plan.push < 0))
    return a->plan.push < 0;
  return a->plan.push < 0 ? a->plan.name < b->plan.name : a->plan.push < b->plan.push;
}

} // namespace

void run_loop::impl::tick() {
  if (step > stop)
    return fail_run("GraphRecursionError",
                    "Recursion limit of " + std::to_string(spec.recursion_limit)
                      + " reached without hitting a stop condition. You can increase the limit by "
                        "setting the `recursion_limit` config key.");
  events.checkpoint(out.events, head, state);
  if (tasks.empty())
    return finish(run_finish::status::success);
  auto skip = std::exchange(skip_breakpoints, false);
  auto stops = std::any_of(tasks.begin(), tasks.end(),
                           [this](const live_task& t) { return spec.before.stops(t.plan.name); });
  if (stops && !skip) {
    events.static_stop(out.events);
    return finish(run_finish::status::success);
  }
  state_view view{state};
  for (auto& t : tasks)
    events.task_started(out.events, {t.plan, step}, t.plan.sent ? state_view{t.plan.sent} : view);
  for (auto& t : tasks)
    if (t.so_far.is == pending_task::state::done)
      events.task_done(out.events, {t.plan, step}, t.writes, state, true);
    else
      start_task(t, view);
  if (out.start.empty())
    settle();
}

void run_loop::impl::start_task(live_task& t, const state_view& view,
                                std::chrono::milliseconds after) {
  t.running = true;
  t.so_far.is = pending_task::state::open;
  t.so_far.interrupts.clear();
  t.so_far.failure.clear();
  task_spec s;
  s.id = t.plan.id;
  s.name = t.plan.name;
  s.what = {flow, t.what};
  s.input = t.plan.sent ? state_view{t.plan.sent} : view;
  s.triggers = t.plan.triggers;
  s.attempt = t.attempt;
  s.answers = t.so_far.answers;
  s.after = after;
  s.step = step;
  out.start.push_back(std::move(s));
}

live_task* run_loop::impl::running(std::string_view id) {
  for (auto& t : tasks)
    if (t.running && t.plan.id == id)
      return &t;
  return nullptr;
}

void run_loop::impl::task_done(std::string_view id, node_result how) {
  auto* t = running(id);
  if (!t)
    return;
  t->running = false;
  if (auto* why = std::get_if<error>(&how.value))
    return failed(*t, *why);
  auto* question = std::get_if<flow::interrupt>(&how.value);
  if (auto ok = question ? check_storable(question->value) : result<void>{}; !ok)
    return failed(*t, ok.error());
  if (question)
    return interrupted(*t, std::move(question->value));
  if (auto* change = std::get_if<flow::update>(&how.value))
    return succeeded(*t, std::move(change->values), {});
  if (auto* both = std::get_if<flow::command>(&how.value))
    return succeeded(*t, std::move(both->values), both->go_to);
  succeeded(*t, nullptr, {});
}

// True when a checkpoint's changes would not tell these writes of a sole task: a reducer of its
// own, or messages that replace or remove others.
bool run_loop::impl::hidden_by_changes(const std::vector<channel_before>& old) const {
  return keeps_every_step() && std::any_of(old.begin(), old.end(), [this](const auto& one) {
           auto kind = (*flow->channels())[one.channel].kind;
           return kind == reducer::custom || (kind == reducer::messages && !one.length);
         });
}

// A task alone in its step is applied at once, so that its routers read the state itself, and
// taken back when they fail; one among several is applied to a copy for them, and to the state
// when all have ended.
void run_loop::impl::succeeded(live_task& t, json::value values, const flow::route& go_to) {
  auto writes = to_writes(*flow->channels(), values);
  if (!writes)
    return failed(t, writes.error());
  std::vector<loop_event> made;
  events.task_done(made, {t.plan, step}, *writes, state, false);
  auto alone = tasks.size() == 1;
  auto before = alone ? state.before(*writes) : std::vector<channel_before>{};
  if (!alone || hidden_by_changes(before))
    t.writes = *writes;
  auto copy = alone ? graph_state{} : state;
  auto changes = alone ? state.apply(std::move(*writes)) : copy.apply(std::move(*writes));
  if (!changes)
    return failed(t, changes.error());
  auto moves = moves_from(t.plan.name, alone ? state : copy, go_to, false);
  if (!moves) {
    state.take_back(std::move(before));
    return failed(t, moves.error());
  }
  t.so_far.is = pending_task::state::done;
  for (const auto& [node, triggers] : moves->pulls)
    t.so_far.branches.push_back(node);
  for (const auto& [node, input] : moves->pushes)
    t.so_far.sends.emplace_back(node, *input);
  if (alone)
    sole_changes = std::move(*changes);
  for (const auto& w : t.writes)
    t.so_far.writes[(*flow->channels())[w.channel].name] = w.value;
  std::move(made.begin(), made.end(), std::back_inserter(out.events));
  settle();
}

void run_loop::impl::interrupted(live_task& t, json::value question) {
  t.so_far.is = pending_task::state::interrupted;
  auto place = t.plan.name + ':' + t.plan.id;
  if (auto answered = t.so_far.answers.size(); answered > 0)
    place += ':' + std::to_string(answered);
  t.so_far.interrupts = {{hash_hex32(place), std::move(question)}};
  events.task_stopped(out.events, {t.plan, step}, state, t.so_far.interrupts.front());
  settle();
}

void run_loop::impl::failed(live_task& t, const error& why) {
  const auto& retry = t.what->options.retry;
  if (retry.again(why, t.attempt)) {
    auto wait = retry.delay(t.attempt);
    ++t.attempt;
    return start_task(t, state_view{state}, wait);
  }
  auto kind = error_class(why), text = valid_utf8(why.message);
  t.so_far.is = pending_task::state::failed;
  t.so_far.failure = kind + '(' + quoted(text) + ')';
  events.task_failed(out.events, {t.plan, step}, kind, text);
  keep_pending();
  fail_run(why);
}

// A task has ended, or none had to run: the step may be complete.
void run_loop::impl::settle() {
  auto all =
    std::all_of(tasks.begin(), tasks.end(), [](const live_task& t) { return t.settled(); });
  if (all)
    return complete_step();
  keep_pending(); // what is done is not done again after a crash
}

void run_loop::impl::complete_step() {
  auto waits = std::any_of(tasks.begin(), tasks.end(), [](const live_task& t) {
    return t.so_far.is == pending_task::state::interrupted;
  });
  if (!waits)
    return close_step(tasks_in_order());
  keep_pending();
  auto shown = state;
  auto changes = shown.apply(writes_of(tasks_in_order()));
  if (!changes)
    return fail_run(changes.error());
  if (any_shown(*changes))
    events.values(out.events, shown);
  finish(run_finish::status::success);
}

void run_loop::impl::close_step(std::vector<live_task*> in_order) {
  auto changes = apply_all(in_order);
  if (!changes) {
    keep_pending();
    return fail_run(changes.error());
  }
  auto moves = moves_of(in_order);
  json::object results; // what histories show as each task's result
  for (auto* t : in_order)
    if (in_order.size() > 1 || !t->so_far.writes.empty())
      results[t->plan.id] = std::move(t->so_far.writes);
  auto sole = in_order.size() == 1 && results.empty() ? in_order.front()->plan.id : std::string{};
  if (any_shown(*changes))
    events.values(out.events, state);
  auto stops = std::any_of(tasks.begin(), tasks.end(),
                           [this](const live_task& t) { return spec.after.stops(t.plan.name); });
  commit("loop", std::move(*changes), moves, sole);
  head.results.insert(results.begin(), results.end());
  head.stopped = stops;
  keep(head);
  make_tasks();
  ++step;
  ++steps_done;
  if (!stops)
    return tick();
  events.static_stop(out.events);
  finish(run_finish::status::success);
}

next_moves run_loop::impl::moves_of(const std::vector<live_task*>& in_order) {
  next_moves moves;
  for (auto* t : in_order) {
    add_edges(moves, t->plan.name);
    for (const auto& node : t->so_far.branches)
      moves.pull(node);
    for (auto& [node, input] : t->so_far.sends)
      moves.pushes.emplace_back(node, std::make_shared<const json::value>(std::move(input)));
  }
  return moves;
}

result<std::vector<channel_change>>
run_loop::impl::apply_all(const std::vector<live_task*>& in_order) {
  if (in_order.size() == 1 && !in_order.front()->cached)
    return std::exchange(sole_changes, {});
  return state.apply(writes_of(in_order));
}

std::vector<live_task*> run_loop::impl::tasks_in_order() {
  std::vector<live_task*> in_order;
  for (auto& t : tasks)
    in_order.push_back(&t);
  std::sort(in_order.begin(), in_order.end(), earlier);
  return in_order;
}

channel_writes run_loop::impl::writes_of(const std::vector<live_task*>& in_order) const {
  channel_writes all;
  for (const auto* t : in_order)
    if (t->so_far.is == pending_task::state::done)
      all.insert(all.end(), t->writes.begin(), t->writes.end());
  return all;
}

bool run_loop::impl::any_shown(const std::vector<channel_change>& changes) const {
  return std::any_of(changes.begin(), changes.end(),
                     [this](const channel_change& c) { return flow->shows(c.channel); });
}

} // namespace behalf
