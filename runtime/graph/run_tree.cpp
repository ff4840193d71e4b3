#include "runtime/graph/run_tree.hpp"

#include "runtime/base/json.hpp"
#include "runtime/graph/filling.hpp"

#include <boost/container/deque.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace behalf {
namespace {

constexpr std::ptrdiff_t most_levels = 32; // a graph may call itself

/// A graph inside, from its task's start to its end.
struct inner_run {
  std::shared_ptr<const graph> flow;
  run_spec spec;                // until it begins
  std::optional<run_loop> loop; // once what it goes on from is known
  std::string above;            // the namespace of the graph around it
  task_attempt by;              // that one's task
  std::optional<uint64_t> ask;  // of the task's node; none: the task is the graph
  bool resumed = false;         // the task was
  std::string origin;           // of a fork: the namespace of what is forked
};

std::string below(const std::string& ns, const std::string& segment) {
  return ns.empty() ? segment : ns + '|' + segment;
}

bool is_below(std::string_view ns, std::string_view top) {
  return ns.starts_with(top) && (ns.size() == top.size() || ns[top.size()] == '|');
}

// The n-th call of a node has a segment of its own; the first, and a node that is a graph, have
// none.
std::string with_place(std::string ns, std::string_view place) {
  if (place.starts_with('.'))
    place.remove_prefix(1);
  if (!place.empty() && place != "0")
    ns += '|' + std::string(place);
  return ns;
}

// What a graph takes of the state of the one around it.
value_ptr input_for(const graph& inner, const state_view& state) {
  if (const auto* sent = state.sent(); sent && !sent->is_object())
    return std::make_shared<const json::value>(*sent); // to be refused
  json::object input;
  const auto& channels = *inner.channels();
  for (std::size_t i = 0; i < channels.size(); ++i)
    if (const auto* v = inner.takes_input(i) ? state.find(channels[i].name) : nullptr)
      input[channels[i].name] = *v;
  return std::make_shared<const json::value>(std::move(input));
}

std::vector<pending_interrupt> questions_of(run_outcome& stopped) {
  std::vector<pending_interrupt> all;
  for (auto& one : stopped.interrupts)
    all.push_back({std::move(one.id), std::move(one.value), std::move(one.place),
                   std::move(one.task_id), one.asked_at});
  return all;
}

} // namespace

struct run_tree::impl {
  impl(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from, run_spec spec)
    : root(std::move(flow), std::move(from), std::move(spec)) {}

  run_loop* find(const std::string& ns);
  const std::string& owner(const std::string& task_id) const;
  run_loop* loop_of(const task_attempt& which);

  void take(std::string ns, loop_output got);
  void process(const std::string& ns, loop_output got);
  void keep(const std::string& ns, std::vector<checkpoint_doc> docs);

  void open(const task_attempt& by, std::optional<uint64_t> ask, std::shared_ptr<const graph> flow,
            const std::string& place, value_ptr input);
  void begin(const std::string& ns, std::optional<loaded_checkpoint> from);
  run_spec spec_for(const graph& flow, const run_loop& above, const task_spec& task,
                    std::string ns) const;

  void inner_ended(const std::string& ns, loop_output got);
  void end_task(const task_attempt& which, node_result how);
  void answer(const task_attempt& by, std::optional<uint64_t> ask, node_result how);
  void close(const std::string& ns);
  void close_calls(const std::string& task_id);
  void end_all();

  run_loop root;
  std::map<std::string, inner_run> inner;                // by namespace
  std::unordered_map<std::string, std::string> inner_of; // by task id; others are the root's
  std::map<std::string, loaded_checkpoint> left; // by those whose task may run again in this run
  std::map<std::string, checkpoint_doc> at_end;  // durability exit: kept if still needed then
  boost::container::deque<std::pair<std::string, loop_output>>
    queue; // a stack would grow with every step
  bool processing = false;
  tree_output* out = nullptr; // of the call under way
};

run_loop* run_tree::impl::find(const std::string& ns) {
  if (ns.empty())
    return &root;
  auto at = inner.find(ns);
  return at == inner.end() || !at->second.loop ? nullptr : &*at->second.loop;
}

const std::string& run_tree::impl::owner(const std::string& task_id) const {
  static const std::string root_ns;
  auto at = inner_of.find(task_id);
  return at == inner_of.end() ? root_ns : at->second;
}

// Null: that attempt is over.
run_loop* run_tree::impl::loop_of(const task_attempt& which) {
  auto* loop = find(owner(which.task_id));
  return loop && loop->runs(which) ? loop : nullptr;
}

// --- what comes out of an engine ---------------------------------------------------------------

void run_tree::impl::take(std::string ns, loop_output got) {
  if (std::exchange(processing, true)) {
    queue.emplace_back(std::move(ns), std::move(got));
    return;
  }
  process(ns, std::move(got));
  while (!queue.empty()) {
    auto next = std::move(queue.front());
    queue.pop_front();
    process(next.first, std::move(next.second));
  }
  processing = false;
}

void run_tree::impl::process(const std::string& ns, loop_output got) {
  std::move(got.events.begin(), got.events.end(), std::back_inserter(out->events));
  keep(ns, std::move(got.checkpoints));
  std::move(got.ends.begin(), got.ends.end(), std::back_inserter(out->ends));
  for (auto& task : got.start) {
    if (!ns.empty())
      inner_of[task.id] = ns;
    out->start.push_back(std::move(task));
  }
  if (!got.outcome)
    return;
  if (!ns.empty())
    return inner_ended(ns, std::move(got));
  end_all();
  out->outcome = std::move(got.outcome);
}

// With durability exit what a graph inside leaves is needed only if its task has not ended.
void run_tree::impl::keep(const std::string& ns, std::vector<checkpoint_doc> docs) {
  if (ns.empty() || root.spec().lasting != durability_mode::exit)
    std::move(docs.begin(), docs.end(), std::back_inserter(out->checkpoints));
  else if (!docs.empty())
    at_end.insert_or_assign(ns, std::move(docs.back()));
}

// --- a graph inside begins ---------------------------------------------------------------------

run_spec run_tree::impl::spec_for(const graph& flow, const run_loop& above, const task_spec& task,
                                  std::string ns) const {
  auto spec = above.spec();
  const auto around = spec.place.ns;
  const auto own = below(around, task.name + ':' + task.id);
  spec.command.reset();
  spec.before = spec.after = {}; // they name nodes of the run's own graph
  spec.from_checkpoint = false;
  spec.newest_checkpoint.clear();
  if (!spec.stream_subgraphs) {
    const auto events = spec.modes.events;
    spec.modes = {};
    spec.modes.events = events;
  }
  spec.checkpointing = spec.checkpointing && flow.keeps() != persistence::none;
  if (!spec.checkpointing) // after a crash nothing tells what of it was done
    spec.anew = spec.anew || task.cut_off;
  spec.place.parents[around] = above.head_id();
  spec.place.ns = std::move(ns);
  spec.place.task_id = task.id;
  spec.place.answers.clear();
  for (const auto& one : task.answers)
    if (!one.id.empty() || task.what->subgraph)
      spec.place.answers.push_back(one);
  auto& metadata = spec.checkpoint_metadata = above.checkpoint_metadata();
  metadata["checkpoint_ns"] = own;
  metadata["checkpoint_map"] = spec.place.parents;
  metadata["langgraph_checkpoint_ns"] = own;
  metadata["langgraph_node"] = task.name;
  metadata["langgraph_step"] = task.step;
  metadata["langgraph_triggers"] = json::array(task.triggers.begin(), task.triggers.end());
  metadata["langgraph_path"] = planned_task{task.id, task.name, {}, task.push, nullptr}.path();
  return spec;
}

void run_tree::impl::open(const task_attempt& by, std::optional<uint64_t> ask,
                          std::shared_ptr<const graph> flow, const std::string& place,
                          value_ptr input) {
  const auto above = owner(by.task_id);
  const auto& around = *find(above);
  auto task = *around.task(by.task_id);
  auto ns = with_place(below(above, task.name + ':' + task.id), place);
  if (std::count(ns.begin(), ns.end(), '|') >= most_levels)
    return answer(by, ask,
                  error{errc::invalid_argument,
                        "graphs are inside each other more than " + std::to_string(most_levels)
                          + " levels deep",
                        {},
                        "GraphRecursionError"});
  if (flow->keeps() == persistence::per_thread)
    ns = without_task_ids(ns);
  if (inner.contains(ns))
    return answer(by, ask,
                  error{errc::invalid_argument,
                        "the graph '" + flow->name()
                          + "' runs here already: one that keeps its "
                            "state for the thread, or is called at one place, runs once at a time",
                        {},
                        "InvalidUpdateError"});
  inner_run one;
  one.spec = spec_for(*flow, around, task, ns);
  one.spec.input = std::move(input);
  one.flow = std::move(flow);
  one.above = above;
  one.by = by;
  one.ask = ask;
  one.resumed = task.resumed;
  const auto kept = one.spec.checkpointing;
  const auto whole_thread = one.flow->keeps() == persistence::per_thread;
  const auto forked = around.forked_from(by.task_id);
  if (kept && !forked.empty()) {
    one.origin = with_place(
      below(above.empty() ? above : inner.at(above).origin, task.name + ':' + forked), place);
    if (whole_thread)
      one.origin = without_task_ids(one.origin);
    one.spec.place.forks = root.spec().checkpoint_map.contains(one.origin);
  }
  auto origin = one.origin;
  const auto forks = one.spec.place.forks;
  inner.emplace(ns, std::move(one));
  if (forks)
    return out->load.push_back(
      {ns, origin, std::string(string_or(root.spec().checkpoint_map, origin))});
  if (auto known = left.extract(ns); !known.empty())
    return begin(ns, std::move(known.mapped()));
  if (kept && (task.resumed || whole_thread))
    out->load.push_back({ns, ns, {}});
  else
    begin(ns, std::nullopt);
}

// It goes on only with what its task left: another call on the thread is given its input.
void run_tree::impl::begin(const std::string& ns, std::optional<loaded_checkpoint> from) {
  auto& one = inner.at(ns);
  auto spec = std::move(one.spec);
  spec.place.goes_on =
    from && (spec.place.forks || (one.resumed && from->at.parents == spec.place.parents));
  if (from && !spec.place.goes_on && one.flow->keeps() != persistence::per_thread)
    from.reset();
  one.loop.emplace(one.flow, std::move(from), std::move(spec));
  take(ns, one.loop->begin());
}

// --- and ends ----------------------------------------------------------------------------------

// Tells a task that is a graph, or a node that called one.
void run_tree::impl::answer(const task_attempt& by, std::optional<uint64_t> ask, node_result how) {
  if (!ask)
    return end_task(by, std::move(how));
  effect_reply reply = subgraph_reply{};
  if (const auto* why = how.failure())
    reply = *why;
  else if (auto* values = std::get_if<flow::update>(&how.value))
    reply = subgraph_reply{std::move(values->values)};
  out->replies.push_back({by, *ask, std::move(reply)});
}

void run_tree::impl::inner_ended(const std::string& ns, loop_output got) {
  auto at = inner.find(ns);
  if (at == inner.end())
    return;
  const auto by = at->second.by;
  const auto ask = at->second.ask;
  const auto above = at->second.above;
  close(ns);
  auto stops_node = [&] {
    if (ask)
      out->stop.push_back(by);
    close_calls(by.task_id);
  };
  if (got.to_parent) {
    stops_node();
    return end_task(by, std::move(*got.to_parent));
  }
  if (got.failure)
    return answer(by, ask, std::move(*got.failure));
  if (!got.outcome->next.empty()) {
    stops_node();
    if (auto* around = find(above))
      take(above, around->task_stopped(by, questions_of(*got.outcome)));
    return;
  }
  auto values = got.outcome->values->to_json();
  answer(by, ask, flow::update{std::move(values.get_object())});
}

void run_tree::impl::end_task(const task_attempt& which, node_result how) {
  auto* loop = loop_of(which);
  if (!loop)
    return;
  const auto ns = owner(which.task_id);
  close_calls(which.task_id);
  if (!how.failure() && !(left.empty() && at_end.empty())) { // else it may be tried again
    const auto task = below(ns, loop->task(which.task_id)->name + ':' + which.task_id);
    std::erase_if(left, [&](const auto& one) { return is_below(one.first, task); });
    if (!std::holds_alternative<flow::interrupt>(how.value))
      std::erase_if(at_end, [&](const auto& one) { return is_below(one.first, task); });
  }
  inner_of.erase(which.task_id); // unless it is tried again
  take(ns, loop->task_done(which, std::move(how)));
}

// Where it is, or was, is remembered: its task may run again.
void run_tree::impl::close(const std::string& ns) {
  auto one = inner.extract(ns);
  if (one.empty() || !one.mapped().loop)
    return;
  auto& loop = *one.mapped().loop;
  for (const auto& task : loop.running()) {
    close_calls(task.task_id);
    out->stop.push_back(task);
    inner_of.erase(task.task_id);
  }
  keep(ns, std::move(loop.cancel().checkpoints));
  if (auto here = loop.spec().checkpointing ? loop.left() : std::nullopt)
    left.insert_or_assign(ns, std::move(*here));
}

void run_tree::impl::close_calls(const std::string& task_id) {
  std::vector<std::string> called;
  for (const auto& [ns, one] : inner)
    if (one.by.task_id == task_id)
      called.push_back(ns);
  for (const auto& ns : called)
    close(ns);
}

void run_tree::impl::end_all() {
  while (!inner.empty())
    close(inner.begin()->first);
  queue.clear();
  out->start.clear();
  out->load.clear();
  out->replies.clear();
  std::vector<checkpoint_doc> needed;
  for (auto& [ns, doc] : std::exchange(at_end, {}))
    needed.push_back(std::move(doc));
  out->checkpoints.insert(out->checkpoints.begin(), std::make_move_iterator(needed.begin()),
                          std::make_move_iterator(needed.end()));
}

// --- the public face ---------------------------------------------------------------------------

run_tree::run_tree(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from,
                   run_spec spec)
  : impl_(std::make_unique<impl>(std::move(flow), std::move(from), std::move(spec))) {}
run_tree::~run_tree() = default;
run_tree::run_tree(run_tree&&) noexcept = default;

tree_output run_tree::begin() {
  filling<impl, tree_output> now{*impl_};
  impl_->take({}, impl_->root.begin());
  return std::move(now.made);
}

tree_output run_tree::enter(task_spec task) {
  filling<impl, tree_output> now{*impl_};
  const auto which = task.this_attempt();
  if (impl_->loop_of(which)) {
    const auto inside = task.what->subgraph;
    auto input = input_for(*inside, task.input);
    task = {}; // while a view of the state lives, lists are copied to grow
    impl_->open(which, {}, inside, {}, std::move(input));
  }
  return std::move(now.made);
}

tree_output run_tree::call(const task_attempt& by, uint64_t ask_id, run_subgraph what) {
  filling<impl, tree_output> now{*impl_};
  if (auto* loop = impl_->loop_of(by)) {
    auto inside = what.what ? what.what : loop->task(by.task_id)->what->options.calls;
    auto input = std::make_shared<const json::value>(std::move(what.input));
    if (!inside)
      impl_->answer(by, ask_id, fail(errc::invalid_argument, "the node names no graph to run"));
    else if (auto ok = check_storable(*input); !ok)
      impl_->answer(by, ask_id, ok.error());
    else
      impl_->open(by, ask_id, std::move(inside), what.place, std::move(input));
  }
  return std::move(now.made);
}

tree_output run_tree::take_back(const task_attempt& by, uint64_t ask_id) {
  filling<impl, tree_output> now{*impl_};
  for (const auto& [ns, one] : impl_->inner)
    if (one.by == by && one.ask == ask_id) {
      impl_->close(std::string(ns));
      break;
    }
  return std::move(now.made);
}

tree_output run_tree::loaded(const std::string& by, std::optional<loaded_checkpoint> from) {
  filling<impl, tree_output> now{*impl_};
  auto at = impl_->inner.find(by);
  if (at != impl_->inner.end() && !at->second.loop)
    impl_->begin(at->first, std::move(from));
  return std::move(now.made);
}

tree_output run_tree::task_done(const task_attempt& which, node_result how) {
  filling<impl, tree_output> now{*impl_};
  impl_->end_task(which, std::move(how));
  return std::move(now.made);
}

tree_output run_tree::written(const task_attempt& which, stream_item item) {
  filling<impl, tree_output> now{*impl_};
  if (auto* loop = impl_->loop_of(which))
    impl_->take(impl_->owner(which.task_id), loop->written(which, std::move(item)));
  return std::move(now.made);
}

tree_output run_tree::cancel() {
  filling<impl, tree_output> now{*impl_};
  impl_->take({}, impl_->root.cancel());
  return std::move(now.made);
}

tree_output run_tree::fail_with(const error& why) {
  filling<impl, tree_output> now{*impl_};
  impl_->take({}, impl_->root.fail_with(why));
  return std::move(now.made);
}

const std::shared_ptr<const run_facts>& run_tree::facts() const {
  return impl_->root.facts();
}

} // namespace behalf
