#include "runtime/graph/run_loop.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/filling.hpp"
#include "runtime/graph/next_moves.hpp"
#include "runtime/graph/run_events.hpp"

#include <boost/container/deque.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace behalf {
namespace {

// LangGraph's name of an answer that is to nothing that waits.
constexpr auto not_pending = "UnknownInterruptError";
constexpr std::ptrdiff_t most_past = 8; // questions of a thread whose answers are remembered

error run_error(std::string kind, std::string text) {
  return {errc::invalid_argument, std::move(text), {}, std::move(kind)};
}

// A failure as states show it: ValueError('boom').
std::string failure_text(const std::string& kind, const std::string& text) {
  auto mark = text.find('\'') == text.npos ? '\'' : '"';
  return kind + '(' + mark + text + mark + ')';
}

/// A task of the current superstep.
struct live_task {
  planned_task plan;
  const node_definition* what = nullptr;
  pending_task so_far;
  channel_writes writes; // once done
  int attempt = 1;
  bool running = false, cached = false;
  std::string cache_key;                         // of what it is given, where its node is cached
  bool stopped_inside = false;                   // at a breakpoint of a graph inside it
  std::map<std::string, time_point> first_asked; // of its questions, by id

  bool is(pending_task::state s) const { return so_far.is == s; }
  bool settled() const {
    return is(pending_task::state::done) || is(pending_task::state::interrupted);
  }
};

// Of a question of the task. Stays until it is answered: those of its body come one after the
// other, others have a place of their own.
std::string question_id(const live_task& t, const std::string& place) {
  auto id = t.plan.name + ':' + t.plan.id;
  if (!place.empty())
    return hash_hex32(id + '|' + place);
  const auto& all = t.so_far.answers;
  if (auto answered = std::count_if(
        all.begin(), all.end(),
        [](const interrupt_answer& one) { return one.id.empty() && one.place.empty(); });
      answered > 0)
    id += ':' + std::to_string(answered);
  return hash_hex32(id);
}

// Pulled tasks by name, then sends in order: what a step comes to must not depend on which task
// was faster.
bool earlier(const live_task* a, const live_task* b) {
  if ((a->plan.push < 0) != (b->plan.push < 0))
    return a->plan.push < 0;
  return a->plan.push < 0 ? a->plan.name < b->plan.name : a->plan.push < b->plan.push;
}

// What a task sees: what it was sent, or the channels its node reads.
state_view input_of(const live_task& t, const state_view& all) {
  if (t.plan.sent)
    return state_view{t.plan.sent};
  return t.what && t.what->reads ? all.only(t.what->reads) : all;
}

void stop_at(breakpoint_set& given, const std::vector<std::string>& built) {
  if (given.all || !given.nodes.empty())
    return;
  given.all = std::find(built.begin(), built.end(), "*") != built.end();
  given.nodes = built;
}

} // namespace

struct run_loop::impl {
  impl(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from, run_spec spec);

  // --- how a run begins
  void load(loaded_checkpoint from);
  void begin();
  bool left_by_this_run() const;
  bool wrote_head() const;
  result<void> given_is_allowed() const;
  void begin_command(const run_command& c);
  void begin_without_input();
  void begin_inside();
  /// New input: restarts from the start edges, whatever was left to do before.
  void take_input(value_ptr input, next_moves extra = {});
  void enter(const json::value& input, next_moves extra);
  void refuse_input(const error& why);
  /// Continues with the tasks the checkpoint leaves.
  void go_on();
  void fork();
  bool adopt_tasks();
  result<void> apply_resume(const json::value& resume);
  std::set<std::string_view> open_questions() const;
  result<void> check_pending(const json::value& resume);
  const past_question* answered_before(const json::value& resume) const;
  result<void> check_seen(const pending_interrupt& question);
  static bool checks_answer(const live_task& t, const pending_interrupt& question);
  result<void> check_form(const live_task& t, const pending_interrupt& question,
                          const json::value& answer);
  result<void> apply_command(const run_command& c);

  // --- one superstep
  void start_step();
  void start_task(live_task& t, const state_view& view, std::chrono::milliseconds after = {});
  void task_done(const task_attempt& which, node_result how);
  void succeeded(live_task& t, json::value values, const flow::route& go_to);
  void interrupted(live_task& t, flow::interrupt question);
  void task_stopped(const task_attempt& which, std::vector<pending_interrupt> at);
  void leave_to_parent(flow::command said);
  void take_answers(live_task& t);
  bool is_known(live_task& t, const state_view& view);
  void end_known_tasks();
  std::shared_ptr<task_facts> facts_between() const;
  task_spec describe(const live_task& t) const;
  void failed(live_task& t, const error& why);
  void task_ended(const live_task& t);
  void after_tasks();
  void stop_at_interrupts();
  void complete_step();
  result<next_moves> moves_from(std::string_view node, const graph_state& after,
                                const flow::route& go_to);
  bool any_of(const breakpoint_set& where) const;
  std::vector<live_task*> tasks_in_order();
  channel_writes writes_of(const std::vector<live_task*>& in_order) const;
  bool any_shown(const std::vector<channel_change>& changes) const;
  bool keeps_writes_apart(const std::vector<channel_before>& old) const;
  live_task* running(const task_attempt& which);

  // --- what is kept
  void build_checkpoint(std::string source, std::vector<channel_change> changes = {},
                        const next_moves& moves = {}, const std::string& sole_task = {});
  void add_task(planned_task plan, const pending_task* known);
  void add_tasks(const std::vector<planned_task>& plans);
  void make_tasks();
  void add_tasks(const next_moves& moves);
  void keep_head();
  void keep_pending();
  std::vector<pending_task> pending_now();
  std::string next_id() const;
  void keep_end(const live_task& t);
  bool has_head() const { return !head.id.empty(); }
  bool keeps_every_step() const {
    return spec.checkpointing && spec.lasting != durability_mode::exit;
  }

  // --- the end
  void finish(run_outcome outcome = {});
  void fail_run(error why);
  void fail_run(std::string kind, std::string text) {
    fail_run(run_error(std::move(kind), std::move(text)));
  }

  std::shared_ptr<const graph> flow;
  run_spec spec;
  event_maker events{spec, *flow};
  std::shared_ptr<const json::object> base_metadata;

  graph_state state;
  checkpoint_doc head;      // the newest checkpoint, kept or not
  std::string first_head;   // what was loaded; with durability exit the parent of all that follows
  bool store_whole = false; // the state has changes that no checkpoint tells: store all of it
  std::vector<pending_task> updates; // commands' writes beside the head, applied when it is loaded
  std::vector<live_task> tasks;
  std::unordered_map<std::string, std::size_t> places; // of tasks, by id
  std::map<std::string, std::string> forked;           // those of a fork: which ones they were
  std::size_t still_open = 0;                          // tasks that have not ended

  int64_t step = -1, stop = 0;
  bool skip_breakpoints = false; // the next step goes on from one
  bool resumed = false;          // answers of this run are in `tasks`
  bool adopted = false;          // the tasks were left by an earlier run or execution
  bool dirty = false;            // durability exit: there is something to keep
  bool ended = false;
  bool refused = false; // what the client said, before it changed anything
  // What was found in the cache. An empty one of these takes no memory, unlike the standard's.
  boost::container::deque<std::pair<task_attempt, flow::command>> known;
  bool ending_known = false;
  std::vector<channel_change> sole_changes; // of the only task of a step, already applied

  loop_output* out = nullptr; // of the call under way
};

run_loop::impl::impl(std::shared_ptr<const graph> g, std::optional<loaded_checkpoint> from,
                     run_spec s)
  : flow(std::move(g)), spec(std::move(s)),
    base_metadata(std::make_shared<const json::object>(std::move(spec.checkpoint_metadata))),
    state(flow->channels()) {
  stop_at(spec.before, flow->stops_before());
  stop_at(spec.after, flow->stops_after());
  state.limit_bytes(spec.state_bytes, from ? from->at.full_weight + from->at.weight : 0);
  if (from)
    load(std::move(*from));
}

// --- how a run begins --------------------------------------------------------------------------

void run_loop::impl::load(loaded_checkpoint from) {
  head = std::move(from.at);
  first_head = head.id;
  for (auto& [name, v] : from.values) {
    auto at = flow->channels()->find(name);
    if (at == channel_table::none)
      store_whole = true; // without the channel
    else
      state.set(at, std::move(v));
  }
  for (const auto& one : head.pending)
    if (one.id == null_task_id)
      updates.push_back(one);
}

void run_loop::impl::begin() {
  events.graph_started(out->events, *base_metadata);
  if (spec.recursion_limit < 1)
    return fail_run("ValueError", "recursion_limit must be at least 1");
  step = has_head() ? head.step + 1 : -1;
  constexpr int64_t most_steps = 1'000'000'000; // a client may name any number
  stop = step + std::min(spec.recursion_limit, most_steps) + 1;
  for (auto& one : updates)
    if (auto writes = to_writes(*flow->channels(), one.writes))
      static_cast<void>(state.apply(std::move(*writes)));
  if (spec.is_inner())
    return begin_inside();
  if (left_by_this_run())
    return go_on();
  if (auto ok = given_is_allowed(); !ok)
    return fail_run(ok.error());
  if (spec.command)
    return begin_command(*spec.command);
  if (!spec.input || spec.input->is_null())
    return begin_without_input();
  take_input(spec.input);
}

// Restarted after a crash: the head is of this run, or holds answers it was given.
bool run_loop::impl::left_by_this_run() const {
  return spec.after_crash && has_head() && (wrote_head() || head.resumed_by == spec.facts->run_id);
}

bool run_loop::impl::wrote_head() const {
  const auto& run_id = spec.facts->run_id;
  return head.resumed_by != run_id && head.base_metadata
         && string_or(*head.base_metadata, "run_id") == run_id;
}

result<void> run_loop::impl::given_is_allowed() const {
  auto in = [](const std::optional<json::value>& v) { return v ? &*v : nullptr; };
  const auto none = run_command{};
  const auto& c = spec.command ? *spec.command : none;
  return check_given(*flow, spec.input.get(), in(c.update), in(c.go_to));
}

void run_loop::impl::begin_command(const run_command& c) {
  if (!has_head()) {
    if (c.resume)
      return fail_run("RuntimeError", "there is nothing to resume: the thread has no state yet");
    if (c.empty())
      return begin_without_input();
    auto update = c.update_object(json::object{});
    if (!update)
      return fail_run(update.error());
    next_moves moves;
    if (c.go_to)
      moves.add_goto(*flow, *c.go_to);
    return take_input(std::make_shared<const json::value>(std::move(*update)), std::move(moves));
  }
  if (!adopt_tasks())
    return;
  if (c.resume) {
    resumed = true;
    if (auto ok = apply_resume(*c.resume); !ok)
      return fail_run(ok.error());
  }
  if (c.update || c.go_to)
    if (auto ok = apply_command(c); !ok)
      return fail_run(ok.error());
  go_on();
}

void run_loop::impl::begin_without_input() {
  if (!has_head())
    return fail_run("EmptyInputError", "Received no input for __start__");
  if (spec.from_checkpoint && !spec.command)
    fork();
  go_on();
}

// A graph inside another goes on, whatever stopped it, or takes the input of a new call.
void run_loop::impl::begin_inside() {
  if (spec.place.forks && has_head())
    fork();
  if (spec.place.goes_on && has_head())
    return go_on();
  take_input(spec.input);
}

// A copy of the checkpoint at the head of a new branch, of a graph inside in a place of its own;
// what was done of its tasks is not copied.
void run_loop::impl::fork() {
  auto next = head.next;
  auto input = head.input;
  auto ran = head.ran;
  if (head.ns != spec.place.ns) {
    head.id.clear();
    first_head.clear();
  }
  build_checkpoint("fork");
  for (auto& one : next) {
    auto id = hash_uuid(head.id + one.id);
    forked[id] = std::exchange(one.id, id);
  }
  head.next = std::move(next);
  head.input = std::move(input);
  head.ran = std::move(ran);
  keep_head();
  events.checkpoint(out->events, head, state);
  ++step;
}

void run_loop::impl::take_input(value_ptr input, next_moves extra) {
  head.joins.clear(); // joins start anew with new input
  build_checkpoint("input");
  head.next = {planned_task{hash_uuid(head.id + "__start__"), "__start__", {"__start__"}}};
  head.input = input;
  keep_head();
  events.checkpoint(out->events, head, state);
  ++step;
  enter(*input, std::move(extra));
}

void run_loop::impl::enter(const json::value& input, next_moves extra) {
  auto writes = to_writes(*flow->channels(), input);
  if (!writes)
    return refuse_input(writes.error());
  if (input.is_null())
    return refuse_input(run_error("EmptyInputError", "Received no input for __start__"));
  std::erase_if(*writes, [this](const channel_write& w) { return !flow->takes_input(w.channel); });
  auto before = state.before(*writes);
  auto changes = state.apply(std::move(*writes));
  if (!changes)
    return refuse_input(changes.error());
  auto moves = moves_from(flow::start, state, {});
  if (!moves) {
    state.take_back(std::move(before));
    return refuse_input(moves.error());
  }
  moves->add_edges(*flow, head.joins, std::string(flow::start));
  for (auto& [node, triggers] : extra.pulls)
    moves->pull(node);
  for (auto& one : extra.pushes)
    moves->pushes.push_back(std::move(one));
  if (any_shown(*changes))
    events.values(out->events, state);
  moves->defer(*flow, head.joins);
  build_checkpoint("loop", std::move(*changes), *moves);
  keep_head();
  make_tasks();
  ++step;
  start_step();
}

void run_loop::impl::refuse_input(const error& why) {
  pending_task start;
  start.id = head.next.front().id;
  start.is = pending_task::state::failed;
  start.failure = failure_text(error_class(why), why.message);
  head.pending = updates;
  head.pending.push_back(std::move(start));
  keep_head();
  fail_run(why);
}

void run_loop::impl::go_on() {
  if (head.source != "loop" && !head.next.empty() && head.next.front().name == flow::start) {
    auto input = head.input;
    return enter(input ? *input : json::value(nullptr), {});
  }
  if (tasks.empty() && !adopt_tasks())
    return;
  events.values(out->events, state);
  // A run that wrote this checkpoint itself has not passed its breakpoints yet.
  auto at_breakpoint = spec.after_crash && wrote_head();
  if (at_breakpoint && head.stopped) {
    events.static_stop(out->events);
    return finish();
  }
  skip_breakpoints = !at_breakpoint;
  adopted = true;
  start_step();
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
    moves.add_remembered(one);
    add_tasks(moves);
  }
  return true;
}

std::set<std::string_view> run_loop::impl::open_questions() const {
  std::set<std::string_view> ids;
  for (const auto& t : tasks)
    if (t.is(pending_task::state::interrupted))
      for (const auto& asked : t.so_far.interrupts)
        ids.insert(asked.id);
  return ids;
}

// The question that an answer is to, when another run has answered it and it is not open again. One
// that does not say to what is, while nothing is asked, to what was open when it was sent.
const past_question* run_loop::impl::answered_before(const json::value& resume) const {
  const auto open = open_questions();
  const auto* by_id = answers_by_id(resume);
  // Sent once more because its run failed: the task that goes on holds it.
  const auto held = [&](const std::string& id) {
    const auto& sent = by_id->at(id);
    return std::any_of(tasks.begin(), tasks.end(), [&](const live_task& t) {
      const auto& all = t.so_far.answers;
      return !t.settled() && std::any_of(all.begin(), all.end(), [&](const auto& one) {
        return one.value == sent;
      });
    });
  };
  if (!by_id && (!open.empty() || spec.created_at == time_point{}))
    return nullptr;
  for (const auto& one : head.past)
    if (by_id ? by_id->contains(one.id) && !open.contains(one.id) && !held(one.id)
              : one.asked_at <= spec.created_at && spec.created_at <= one.until)
      return &one;
  return nullptr;
}

// An answer that does not say to what: of two that were sent at once, the later one would be to the
// next question, which nobody has seen. A question of the future is from before the clock was set
// back.
result<void> run_loop::impl::check_seen(const pending_interrupt& question) {
  refused = spec.created_at != time_point{} && question.asked_at > spec.created_at
            && question.asked_at <= now();
  if (!refused)
    return {};
  return run_error(not_pending,
                   "The question that is open now was asked after this answer was sent. Read it, "
                   "and answer it by its id: {\"<interrupt id>\": <answer>}");
}

// Questions of graphs inside are checked by nobody.
bool run_loop::impl::checks_answer(const live_task& t, const pending_interrupt& question) {
  return question.task_id.empty() && t.what && t.what->options.check_answer;
}

result<void> run_loop::impl::check_form(const live_task& t, const pending_interrupt& question,
                                        const json::value& answer) {
  if (!checks_answer(t, question))
    return {};
  auto ok = t.what->options.check_answer(input_of(t, state_view{state}), answer);
  refused = !ok;
  return ok;
}

// What a client that wants to know is told, and what does nothing otherwise.
result<void> run_loop::impl::check_pending(const json::value& resume) {
  if (!spec.strict_resume)
    return {};
  const auto open = open_questions();
  refused = true;
  const auto* map = resume.if_object();
  if (map && map->empty())
    return run_error(not_pending, "The answers name no interrupt");
  const auto* by_id = answers_by_id(resume);
  if (!by_id && open.empty())
    return run_error(not_pending, "No interrupt waits for an answer");
  if (!by_id && open.size() > 1)
    return run_error(not_pending, "Several interrupts wait for answers: say which is answered, as "
                                  "{\"<interrupt id>\": <answer>, …}");
  if (by_id)
    for (const auto& [id, answer] : *by_id)
      if (!open.contains({id.data(), id.size()}))
        return run_error(not_pending, "No interrupt " + std::string(id) + " waits for an answer");
  refused = false;
  return {};
}

result<void> run_loop::impl::apply_resume(const json::value& resume) {
  if (const auto* past = answered_before(resume)) {
    refused = true;
    return run_error(not_pending, "This question has been answered already, by the run "
                                    + past->run_id + ". Nothing was done for this answer");
  }
  if (auto ok = check_pending(resume); !ok)
    return ok;
  std::vector<std::pair<live_task*, const pending_interrupt*>> waiting;
  for (auto& t : tasks)
    if (t.is(pending_task::state::interrupted))
      for (const auto& asked : t.so_far.interrupts)
        waiting.emplace_back(&t, &asked);
  const auto* by_id = answers_by_id(resume);
  // As in LangGraph, ids that no question has answer nothing. But a node that checks its answers
  // says whether it knows them: ids of its own may look the same.
  if (by_id && waiting.size() == 1 && !member(*by_id, waiting.front().second->id)
      && checks_answer(*waiting.front().first, *waiting.front().second))
    by_id = nullptr;
  // Questions of one node have an order; of several nobody knows which is meant.
  auto of_one = [&](const auto& one) {
    return one.first == waiting.front().first && one.second->task_id.empty();
  };
  if (!by_id && waiting.size() > 1 && std::all_of(waiting.begin(), waiting.end(), of_one))
    waiting.resize(1);
  if (!by_id && waiting.size() > 1)
    return run_error("RuntimeError",
                     "When there are multiple pending interrupts, you must specify the interrupt "
                     "id when resuming: {\"<interrupt id>\": <answer>, …}");
  if (!by_id && !waiting.empty())
    if (auto ok = check_seen(*waiting.front().second); !ok)
      return ok;
  auto answer_to = [&](const pending_interrupt& question) {
    return by_id ? member(*by_id, question.id) : &resume;
  };
  for (auto& [t, asked] : waiting)
    if (const auto* mine = answer_to(*asked))
      if (auto ok = check_form(*t, *asked, *mine); !ok)
        return ok;
  for (auto& [t, asked] : waiting)
    if (const auto* mine = answer_to(*asked)) {
      t->so_far.answers.push_back(
        {*mine, asked->place, asked->task_id.empty() ? std::string{} : asked->id});
      head.past.push_back({asked->id, spec.facts->run_id, asked->asked_at, now()});
    }
  if (std::ssize(head.past) > most_past)
    head.past.erase(head.past.begin(), head.past.end() - most_past);
  // Stopped before a node: its first question is answered in advance. Of a closed graph only what
  // was asked is answered.
  if (flow->closed())
    return {};
  auto open = std::find_if(tasks.begin(), tasks.end(),
                           [](const live_task& t) { return !t.settled() && t.what; });
  if (!by_id && waiting.empty() && open != tasks.end())
    open->so_far.answers.push_back({resume});
  return {};
}

// Written beside the checkpoint, not as a new one: pending tasks keep their identities.
result<void> run_loop::impl::apply_command(const run_command& c) {
  pending_task mine;
  mine.id = null_task_id;
  mine.is = pending_task::state::done;
  auto update = c.update_object();
  if (!update)
    return update.error();
  auto writes = to_writes(*flow->channels(), *update);
  if (!writes)
    return writes.error();
  for (const auto& w : *writes)
    mine.writes[(*flow->channels())[w.channel].name] = w.value;
  if (auto changes = state.apply(std::move(*writes)); !changes)
    return changes.error();
  next_moves moves;
  if (c.go_to)
    moves.add_goto(*flow, *c.go_to);
  moves.remember_in(mine);
  add_tasks(moves);
  updates.push_back(std::move(mine));
  keep_pending();
  return {};
}

// --- one superstep -----------------------------------------------------------------------------

void run_loop::impl::start_step() {
  if (step > stop)
    return fail_run("GraphRecursionError",
                    "Recursion limit of " + std::to_string(spec.recursion_limit)
                      + " reached without hitting a stop condition. You can increase the limit by "
                        "setting the `recursion_limit` config key.");
  events.checkpoint(out->events, head, state);
  if (tasks.empty())
    return finish();
  if (!std::exchange(skip_breakpoints, false) && any_of(spec.before)) {
    events.static_stop(out->events);
    return finish();
  }
  {
    state_view view{state}; // while it lives, lists are copied to grow
    for (auto& t : tasks)
      events.task_started(out->events, {t.plan, step}, *t.what, view);
    for (auto& t : tasks)
      if (t.is(pending_task::state::done))
        events.task_done(out->events, {t.plan, step}, t.writes, state, true);
      else if (!is_known(t, view)) {
        events.node_called(out->events, {t.plan, step}, *t.what, view);
        start_task(t, view);
      }
  }
  still_open = out->start.size() + known.size();
  if (still_open == 0)
    return after_tasks();
  end_known_tasks();
}

// True: an earlier execution came to something with the same input, which is used instead.
bool run_loop::impl::is_known(live_task& t, const state_view& view) {
  const auto& cache = t.what->options.cache;
  t.cache_key.clear();
  if (cache.ttl.count() <= 0 || !t.so_far.answers.empty())
    return false;
  const auto input = input_of(t, view);
  try {
    t.cache_key = node_cache::key(spec.facts->owner, t.plan.name,
                                  cache.key ? cache.key(input, context{facts_between()})
                                            : dump(input.to_json()));
  } catch (...) {
    t.cache_key.clear(); // it is asked anew
    return false;
  }
  auto found = flow->cache().find(t.cache_key, now());
  if (!found)
    return false;
  t.running = t.cached = true;
  t.so_far.interrupts.clear();
  known.emplace_back(task_attempt{t.plan.id, t.attempt}, std::move(*found));
  return true;
}

// Not one inside the other: each may complete a superstep whose tasks are known again.
void run_loop::impl::end_known_tasks() {
  if (std::exchange(ending_known, true))
    return;
  while (!known.empty() && !ended) {
    auto [which, came_to] = std::move(known.front());
    known.pop_front();
    if (auto* t = running(which)) {
      t->running = false;
      succeeded(*t, std::move(came_to.values), came_to.go_to);
    }
  }
  ending_known = false;
}

void run_loop::impl::start_task(live_task& t, const state_view& view,
                                std::chrono::milliseconds after) {
  t.running = true;
  if (spec.is_inner())
    take_answers(t);
  t.stopped_inside = false;
  t.so_far.is = pending_task::state::open;
  for (const auto& one : t.so_far.interrupts)
    t.first_asked.try_emplace(one.id, one.asked_at);
  t.so_far.interrupts.clear();
  t.so_far.failure.clear();
  auto s = describe(t);
  s.input = input_of(t, view);
  s.after = after;
  out->start.push_back(std::move(s));
}

task_spec run_loop::impl::describe(const live_task& t) const {
  task_spec s;
  s.id = t.plan.id;
  s.name = t.plan.name;
  s.what = {flow, t.what};
  s.triggers = t.plan.triggers;
  s.attempt = t.attempt;
  s.answers = t.so_far.answers;
  s.step = step;
  s.remaining_steps = stop - step;
  s.push = t.plan.push;
  s.resumed = adopted || t.attempt > 1;
  s.cut_off = spec.anew || (adopted && spec.after_crash);
  // Graphs further inside find theirs among all.
  if (s.resumed)
    for (const auto& one : spec.place.answers)
      if (!one.id.empty())
        s.answers.push_back(one);
  return s;
}

// Answers that came to the graph around this one: to this task's questions, by their ids. One that
// came before there was a question is to the first task that asks. Those of a task whose checkpoint
// was changed by hand have new ids.
void run_loop::impl::take_answers(live_task& t) {
  const auto& all = spec.place.answers;
  for (const auto& one : all)
    if (!one.place.empty() && one.id == question_id(t, one.place))
      t.so_far.answers.push_back({one.value, one.place});
  std::unordered_map<std::string_view, const interrupt_answer*> by_id;
  for (const auto& one : all)
    by_id.try_emplace(one.id, &one);
  // Each answer makes another id: that of the task's next question.
  for (auto found = by_id.find(question_id(t, {})); found != by_id.end();
       found = by_id.find(question_id(t, {})))
    t.so_far.answers.push_back({found->second->value});
  if (!adopted || resumed || head.resumed_by == spec.facts->run_id
      || (spec.after_crash && wrote_head()))
    return;
  for (const auto& one : all)
    if (one.id.empty() || head.source == "update") {
      t.so_far.answers.push_back({one.value});
      resumed = true;
    }
}

live_task* run_loop::impl::running(const task_attempt& which) {
  auto at = places.find(which.task_id);
  if (at == places.end())
    return nullptr;
  auto& t = tasks[at->second];
  return t.running && t.attempt == which.number ? &t : nullptr;
}

void run_loop::impl::task_done(const task_attempt& which, node_result how) {
  auto* t = running(which);
  if (!t)
    return;
  t->running = false;
  if (auto* why = std::get_if<error>(&how.value))
    return failed(*t, *why);
  if (auto* question = std::get_if<flow::interrupt>(&how.value)) {
    auto ok = check_storable(question->value);
    for (const auto& one : question->beside)
      ok = ok ? check_storable(one.value) : ok;
    return ok ? interrupted(*t, std::move(*question)) : failed(*t, ok.error());
  }
  if (auto* change = std::get_if<flow::update>(&how.value))
    return succeeded(*t, std::move(change->values), {});
  auto* both = std::get_if<flow::command>(&how.value);
  if (both && both->to_parent && !spec.is_inner())
    return failed(*t, run_error("ParentCommand", "the node '" + t->plan.name
                                                   + "' has a command for the graph around this "
                                                     "one, which is part of no other"));
  if (both && both->to_parent)
    return leave_to_parent(std::move(*both));
  if (both)
    return succeeded(*t, std::move(both->values), both->go_to);
  succeeded(*t, nullptr, {});
}

// True when a checkpoint's changes would not tell these writes of a sole task: a reducer of its
// own, or messages that replace or remove others.
bool run_loop::impl::keeps_writes_apart(const std::vector<channel_before>& old) const {
  return keeps_every_step() && std::any_of(old.begin(), old.end(), [this](const auto& one) {
           auto kind = (*flow->channels())[one.channel].kind;
           return kind == reducer::custom || (kind == reducer::messages && !one.length);
         });
}

// A task alone in its step is applied at once, so that long lists are not copied for its routers,
// and taken back when they fail. One among several is applied to a copy for its routers, and to the
// state when all have ended.
void run_loop::impl::succeeded(live_task& t, json::value values, const flow::route& go_to) {
  auto writes = to_writes(*flow->channels(), values);
  if (!writes)
    return failed(t, writes.error());
  std::vector<loop_event> made;
  events.task_done(made, {t.plan, step}, *writes, state, t.cached);
  auto to_cache = !t.cached && !t.cache_key.empty() && t.so_far.answers.empty();
  auto alone = tasks.size() == 1;
  auto before = alone ? state.before(*writes) : std::vector<channel_before>{};
  if (!alone || keeps_writes_apart(before))
    t.writes = *writes;
  auto copy = alone ? graph_state{} : state;
  auto& after = alone ? state : copy;
  auto changes = after.apply(std::move(*writes));
  if (!changes)
    return failed(t, changes.error());
  auto moves = moves_from(t.plan.name, after, go_to);
  if (!moves) {
    state.take_back(std::move(before));
    return failed(t, moves.error());
  }
  if (to_cache) {
    flow::command came_to{go_to};
    if (values.is_object())
      came_to.values = std::move(values.get_object());
    flow->cache().keep(t.cache_key, std::move(came_to), now() + t.what->options.cache.ttl);
  }
  t.cached = false; // of this step, not of one before
  t.so_far.is = pending_task::state::done;
  moves->remember_in(t.so_far);
  for (const auto& w : t.writes)
    t.so_far.writes[(*flow->channels())[w.channel].name] = w.value;
  if (alone)
    sole_changes = std::move(*changes);
  std::move(made.begin(), made.end(), std::back_inserter(out->events));
  task_ended(t);
}

void run_loop::impl::interrupted(live_task& t, flow::interrupt question) {
  t.so_far.is = pending_task::state::interrupted;
  auto add = [&t](flow::interrupt& one) {
    auto id = question_id(t, one.place);
    const auto known = t.first_asked.find(id);
    const auto asked_at = known == t.first_asked.end() ? now() : known->second;
    t.so_far.interrupts.push_back(
      {std::move(id), std::move(one.value), std::move(one.place), {}, asked_at});
  };
  t.so_far.interrupts.clear();
  add(question);
  std::for_each(question.beside.begin(), question.beside.end(), add);
  events.task_stopped(out->events, {t.plan, step}, state, t.so_far.interrupts);
  task_ended(t);
}

void run_loop::impl::task_stopped(const task_attempt& which, std::vector<pending_interrupt> at) {
  auto* t = running(which);
  if (!t)
    return;
  t->running = false;
  t->stopped_inside = at.empty();
  if (!at.empty()) {
    t->so_far.is = pending_task::state::interrupted;
    t->so_far.interrupts = std::move(at);
    events.task_stopped(out->events, {t->plan, step}, state, t->so_far.interrupts);
  }
  task_ended(*t);
}

// The graph ends without its step: its task in the graph around it has ended with the command.
void run_loop::impl::leave_to_parent(flow::command said) {
  said.to_parent = false;
  out->to_parent = std::move(said);
  out->outcome = run_outcome{};
  ended = true;
}

void run_loop::impl::failed(live_task& t, const error& why) {
  t.cached = false;
  const auto& retry = t.what->options.retry;
  if (retry.again(why, t.attempt)) {
    auto wait = retry.delay(t.attempt);
    ++t.attempt;
    return start_task(t, state_view{state}, wait);
  }
  auto kind = error_class(why), text = valid_utf8(why.message);
  t.so_far.is = pending_task::state::failed;
  t.so_far.failure = failure_text(kind, text);
  events.task_failed(out->events, {t.plan, step}, kind, text);
  keep_pending();
  fail_run(why);
}

void run_loop::impl::task_ended(const live_task& t) {
  if (--still_open > 0)
    return keep_end(t); // what is done is not done again after a crash
  after_tasks();
}

// All tasks have ended.
void run_loop::impl::after_tasks() {
  auto waits = [](const live_task& t) { return t.is(pending_task::state::interrupted); };
  if (std::any_of(tasks.begin(), tasks.end(), waits))
    return stop_at_interrupts();
  auto stopped = [](const live_task& t) { return t.stopped_inside; };
  if (std::none_of(tasks.begin(), tasks.end(), stopped))
    return complete_step();
  keep_pending();
  events.static_stop(out->events);
  finish();
}

void run_loop::impl::stop_at_interrupts() {
  keep_pending();
  auto shown = state;
  auto changes = shown.apply(writes_of(tasks_in_order()));
  if (!changes)
    return fail_run(changes.error());
  if (any_shown(*changes))
    events.values(out->events, shown);
  finish();
}

void run_loop::impl::complete_step() {
  auto in_order = tasks_in_order();
  auto applied = tasks.size() == 1 && !tasks.front().cached;
  auto changes = applied ? result<std::vector<channel_change>>{std::exchange(sole_changes, {})}
                         : state.apply(writes_of(in_order));
  if (!changes) {
    keep_pending();
    return fail_run(changes.error());
  }
  json::object results; // what histories show as each task's result
  next_moves moves;
  std::set<std::string> ran;
  for (auto* t : in_order) {
    ran.insert(t->plan.name);
    if (in_order.size() > 1 || !t->so_far.writes.empty())
      results[t->plan.id] = std::move(t->so_far.writes);
    moves.add_edges(*flow, head.joins, t->plan.name);
    moves.add_remembered(std::move(t->so_far));
  }
  auto sole = in_order.size() == 1 && results.empty() ? in_order.front()->plan.id : std::string{};
  if (any_shown(*changes))
    events.values(out->events, state);
  auto stops = any_of(spec.after);
  moves.defer(*flow, head.joins);
  build_checkpoint("loop", std::move(*changes), moves, sole);
  head.results.insert(results.begin(), results.end());
  head.stopped = stops;
  head.ran.assign(ran.begin(), ran.end());
  keep_head();
  make_tasks();
  adopted = false;
  ++step;
  if (!stops)
    return start_step();
  events.static_stop(out->events);
  finish();
}

// Where a node's own choices lead: its command, then its conditional edges, read from `after`.
result<next_moves> run_loop::impl::moves_from(std::string_view node, const graph_state& after,
                                              const flow::route& go_to) {
  next_moves moves;
  if (auto ok = moves.add_route(*flow, go_to, node); !ok)
    return ok.error();
  if (auto ok = moves.add_branches(*flow, node, after, facts_between()); !ok)
    return ok.error();
  return moves;
}

// For what is asked between executions.
std::shared_ptr<task_facts> run_loop::impl::facts_between() const {
  auto facts = std::make_shared<task_facts>();
  facts->run = spec.facts;
  facts->step = step;
  facts->remaining_steps = stop - step;
  return facts;
}

bool run_loop::impl::any_of(const breakpoint_set& where) const {
  return std::any_of(tasks.begin(), tasks.end(),
                     [&](const live_task& t) { return where.stops(t.plan.name); });
}

std::vector<live_task*> run_loop::impl::tasks_in_order() {
  std::vector<live_task*> in_order;
  for (auto& t : tasks)
    in_order.push_back(&t);
  std::sort(in_order.begin(), in_order.end(), earlier);
  return in_order;
}

// What those that are done wrote.
channel_writes run_loop::impl::writes_of(const std::vector<live_task*>& in_order) const {
  channel_writes all;
  for (const auto* t : in_order)
    if (t->is(pending_task::state::done))
      all.insert(all.end(), t->writes.begin(), t->writes.end());
  return all;
}

bool run_loop::impl::any_shown(const std::vector<channel_change>& changes) const {
  return std::any_of(changes.begin(), changes.end(),
                     [this](const channel_change& c) { return flow->shows(c.channel); });
}

// --- what is kept ------------------------------------------------------------------------------

// The next checkpoint becomes the head; the caller completes it and keeps it.
void run_loop::impl::build_checkpoint(std::string source, std::vector<channel_change> changes,
                                      const next_moves& moves, const std::string& sole_task) {
  store_whole = store_whole || !updates.empty(); // what commands wrote is in no change below
  updates.clear();
  checkpoint_doc doc;
  doc.id = next_id();
  doc.ns = spec.place.ns;
  doc.parents = spec.place.parents;
  doc.parent_id = spec.lasting == durability_mode::exit ? first_head : head.id;
  doc.source = std::move(source);
  doc.step = step;
  doc.created_at = now();
  doc.base_metadata = base_metadata;
  doc.links = head.links;
  doc.weight = head.weight;
  doc.full_weight = head.full_weight;
  doc.joins = std::move(head.joins);
  doc.past = std::move(head.past);
  for (auto& one : doc.past)
    if (one.run_id == spec.facts->run_id) // who answers while it runs has seen no other question
      one.until = doc.created_at;
  doc.full = !has_head();
  doc.hidden = flow->hidden();
  head = std::move(doc);
  head.next = moves.plan(head.id);
  dirty = true;
  if (!keeps_every_step())
    return;
  head.set_values(state, std::move(changes), sole_task, store_whole);
  store_whole = false;
}

// Of a graph inside another that keeps no checkpoints the same each time its task runs, so that its
// questions keep their ids.
std::string run_loop::impl::next_id() const {
  if (spec.is_inner() && !spec.checkpointing)
    return hash_uuid(spec.place.task_id + '|' + spec.place.ns + '|' + std::to_string(step));
  return uuid6(std::max(head.id, spec.newest_checkpoint));
}

// With what is known of it: a task that ended before the run was interrupted is not run again.
void run_loop::impl::add_task(planned_task plan, const pending_task* known) {
  live_task t;
  t.what = flow->find(plan.name);
  if (known)
    t.so_far = *known;
  t.so_far.id = plan.id;
  if (t.is(pending_task::state::done)) {
    t.cached = true;
    if (auto writes = to_writes(*flow->channels(), t.so_far.writes))
      t.writes = std::move(*writes);
  }
  t.plan = std::move(plan);
  places.emplace(t.plan.id, tasks.size());
  tasks.push_back(std::move(t));
}

void run_loop::impl::make_tasks() {
  tasks.clear();
  places.clear();
  add_tasks(head.next);
}

void run_loop::impl::add_tasks(const next_moves& moves) {
  auto pushes =
    std::count_if(tasks.begin(), tasks.end(), [](const live_task& t) { return t.plan.push >= 0; });
  add_tasks(moves.plan(head.id, static_cast<std::size_t>(pushes)));
}

void run_loop::impl::add_tasks(const std::vector<planned_task>& plans) {
  std::unordered_map<std::string_view, const pending_task*> known;
  for (const auto& one : head.pending)
    known[one.id] = &one;
  for (const auto& one : plans)
    if (!places.contains(one.id)) {
      auto at = known.find(one.id);
      add_task(one, at == known.end() ? nullptr : at->second);
    }
}

void run_loop::impl::keep_head() {
  if (!keeps_every_step())
    return;
  auto& all = out->checkpoints;
  if (!all.empty() && all.back().id == head.id)
    all.back() = head;
  else
    all.push_back(head);
}

// The head again, with what became of its tasks so far.
void run_loop::impl::keep_pending() {
  if (!spec.checkpointing || !has_head())
    return;
  dirty = true;
  head.pending = pending_now();
  if (resumed)
    head.resumed_by = spec.facts->run_id;
  keep_head();
}

std::vector<pending_task> run_loop::impl::pending_now() {
  auto all = updates;
  for (const auto* t : tasks_in_order())
    if (!t->is(pending_task::state::open) || !t->so_far.answers.empty())
      all.push_back(t->so_far);
  return all;
}

// What became of one task, beside the head. With answers of this run the head itself has to say so.
void run_loop::impl::keep_end(const live_task& t) {
  dirty = true;
  if (!keeps_every_step())
    return;
  if (resumed && head.resumed_by != spec.facts->run_id)
    return keep_pending();
  out->ends.push_back({head.id, head.ns, t.so_far});
}

// --- the end -----------------------------------------------------------------------------------

void run_loop::impl::finish(run_outcome outcome) {
  ended = true;
  if (outcome.is == run_outcome::state::success) // not failed or cancelled
    events.graph_ended(out->events, state);
  if (spec.checkpointing && spec.lasting == durability_mode::exit && dirty) {
    keep_pending();
    head.set_whole(state);
    for (auto& one : head.pending)
      if (one.id == null_task_id)
        one.writes.clear(); // they are in what is written now
    out->checkpoints = {head};
  }
  auto shown = state; // with what was done of a superstep that is not complete
  static_cast<void>(shown.apply(writes_of(tasks_in_order())));
  outcome.values = state_view{std::move(shown), flow->shown()};
  for (const auto& t : tasks) {
    if (!t.is(pending_task::state::done))
      outcome.next.push_back(t.plan.name);
    if (t.is(pending_task::state::interrupted))
      for (const auto& one : t.so_far.interrupts)
        outcome.interrupts.push_back({one.task_id.empty() ? t.plan.id : one.task_id, one.id,
                                      one.value, one.place, one.asked_at});
  }
  if (spec.checkpointing)
    outcome.checkpoint_id = head.id;
  outcome.refused = refused;
  out->outcome = std::move(outcome);
}

void run_loop::impl::fail_run(error why) {
  auto kind = error_class(why), text = valid_utf8(why.message);
  out->failure = std::move(why);
  events.failed(out->events, kind, text);
  finish(run_outcome::failed(std::move(kind), std::move(text)));
}

// --- the public face ---------------------------------------------------------------------------

run_loop::run_loop(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from,
                   run_spec spec)
  : impl_(std::make_unique<impl>(std::move(flow), std::move(from), std::move(spec))) {}
run_loop::~run_loop() = default;
run_loop::run_loop(run_loop&&) noexcept = default;

loop_output run_loop::begin() {
  filling<impl, loop_output> now{*impl_};
  impl_->begin();
  return std::move(now.made);
}

loop_output run_loop::task_done(const task_attempt& which, node_result how) {
  filling<impl, loop_output> now{*impl_};
  if (!impl_->ended)
    impl_->task_done(which, std::move(how));
  return std::move(now.made);
}

loop_output run_loop::task_stopped(const task_attempt& which, std::vector<pending_interrupt> at) {
  filling<impl, loop_output> now{*impl_};
  if (!impl_->ended)
    impl_->task_stopped(which, std::move(at));
  return std::move(now.made);
}

loop_output run_loop::written(const task_attempt& which, stream_item item) {
  filling<impl, loop_output> now{*impl_};
  const auto* t = impl_->ended ? nullptr : impl_->running(which);
  if (t && item.type == stream_item::kind::custom)
    impl_->events.custom(impl_->out->events, item.data);
  else if (t && item.type == stream_item::kind::message)
    impl_->events.chunk(impl_->out->events, {t->plan, impl_->step}, item);
  return std::move(now.made);
}

loop_output run_loop::cancel() {
  filling<impl, loop_output> now{*impl_};
  run_outcome cancelled;
  cancelled.is = run_outcome::state::interrupted;
  if (!impl_->ended)
    impl_->finish(std::move(cancelled));
  return std::move(now.made);
}

loop_output run_loop::fail_with(const error& why) {
  filling<impl, loop_output> now{*impl_};
  if (!impl_->ended)
    impl_->fail_run(why);
  return std::move(now.made);
}

const std::shared_ptr<const run_facts>& run_loop::facts() const {
  return impl_->spec.facts;
}

const run_spec& run_loop::spec() const {
  return impl_->spec;
}

const json::object& run_loop::checkpoint_metadata() const {
  return *impl_->base_metadata;
}

bool run_loop::runs(const task_attempt& which) const {
  return !impl_->ended && impl_->running(which);
}

std::optional<task_spec> run_loop::task(const std::string& id) const {
  auto at = impl_->places.find(id);
  if (impl_->ended || at == impl_->places.end() || !impl_->tasks[at->second].running)
    return std::nullopt;
  return impl_->describe(impl_->tasks[at->second]);
}

std::vector<task_attempt> run_loop::running() const {
  std::vector<task_attempt> all;
  for (const auto& t : impl_->tasks)
    if (t.running)
      all.push_back({t.plan.id, t.attempt});
  return all;
}

std::string run_loop::forked_from(const std::string& task_id) const {
  auto at = impl_->forked.find(task_id);
  return at == impl_->forked.end() ? std::string{} : at->second;
}

const std::string& run_loop::head_id() const {
  return impl_->head.id;
}

std::optional<loaded_checkpoint> run_loop::left() const {
  if (!impl_->has_head())
    return std::nullopt;
  loaded_checkpoint here{impl_->head, {}};
  here.at.pending = impl_->pending_now();
  const auto& state = impl_->state;
  for (std::size_t i = 0; i < state.channels().size(); ++i)
    if (state.written(i))
      here.values.emplace(state.channels()[i].name, state.shared(i));
  return here;
}

result<void> check_answer(std::shared_ptr<const graph> flow, loaded_checkpoint at,
                          json::value answer) {
  run_spec spec;
  spec.facts = std::make_shared<const run_facts>();
  spec.checkpointing = false;
  spec.command.emplace().resume = std::move(answer);
  auto tried = run_loop{std::move(flow), std::move(at), std::move(spec)}.begin();
  if (tried.outcome && tried.outcome->refused && tried.failure)
    return std::move(*tried.failure);
  return {};
}

context task_spec::make_context(std::shared_ptr<const run_facts> run,
                                std::function<void(stream_item)> emit, deadline until,
                                std::function<bool()> cancelled) const {
  auto facts = std::make_shared<task_facts>();
  facts->run = std::move(run);
  facts->task_id = id;
  facts->node = name;
  facts->step = step;
  facts->remaining_steps = remaining_steps;
  facts->attempt = attempt;
  for (const auto& one : answers)
    if (one.id.empty())
      facts->answers.push_back(one);
  facts->emit = std::move(emit);
  facts->until = until;
  facts->cancelled = std::move(cancelled);
  facts->cut_off = cut_off;
  return context{std::move(facts)};
}

} // namespace behalf
