// What follows a superstep, and what is kept of it.
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/run_loop_impl.hpp"

#include <algorithm>

namespace behalf {
namespace {

// A chain this long costs more to read than a full copy costs to write now and then.
constexpr int max_links = 32;

error unknown_node(std::string_view whose, const std::string& node) {
  return {errc::invalid_argument,
          "the node '" + std::string(whose) + "' leads to '" + node
            + "', which the graph does not have",
          {},
          "ValueError"};
}

} // namespace

void next_moves::pull(const std::string& node) {
  auto trigger = "branch:to:" + node;
  auto& triggers = pulls[node];
  if (std::find(triggers.begin(), triggers.end(), trigger) == triggers.end())
    triggers.insert(triggers.begin(), std::move(trigger)); // before joins
}

result<void> run_loop::impl::add_route(next_moves& to, const flow::route& go_to,
                                       std::string_view whose) const {
  for (const auto& target : go_to.targets()) {
    const auto* one = std::get_if<flow::send>(&target);
    const auto& node = one ? one->node : std::get<std::string>(target);
    if (node == flow::end)
      continue;
    if (!flow->find(node))
      return unknown_node(whose, node);
    if (auto ok = one ? check_storable(one->input) : result<void>{}; !ok)
      return ok.error();
    if (one)
      to.pushes.emplace_back(node, std::make_shared<const json::value>(one->input));
    else
      to.pull(node);
  }
  return {};
}

// Where a node's own choices lead: its command, then its conditional edges, read from `after`.
result<next_moves> run_loop::impl::moves_from(std::string_view node, const graph_state& after,
                                              const flow::route& go_to, bool with_edges) {
  next_moves moves;
  if (auto ok = add_route(moves, go_to, node); !ok)
    return ok.error();
  for (const auto& branch : flow->branches()) {
    if (branch.from != node)
      continue;
    try {
      auto facts = std::make_shared<task_facts>();
      facts->run = spec.facts;
      facts->node = node;
      facts->step = step;
      auto chosen = branch.choose(state_view{after}, context{std::move(facts)});
      if (auto ok = add_route(moves, chosen, node); !ok)
        return ok.error();
    } catch (...) {
      return current_exception_error();
    }
  }
  if (with_edges)
    add_edges(moves, std::string(node));
  return moves;
}

void run_loop::impl::add_edges(next_moves& to, const std::string& node) {
  for (const auto& next : flow->successors(node))
    if (next != flow::end)
      to.pull(next);
  for (const auto& join : flow->joins()) {
    if (!std::binary_search(join.from.begin(), join.from.end(), node))
      continue;
    auto key = join.key();
    auto& seen = head.joins[key];
    if (std::find(seen.begin(), seen.end(), node) == seen.end())
      seen.push_back(node);
    if (seen.size() < join.from.size())
      continue;
    head.joins.erase(key);
    if (join.to != flow::end)
      to.pulls[join.to].push_back(std::move(key));
  }
}

std::vector<planned_task> run_loop::impl::plan(const next_moves& moves,
                                               std::size_t pushes_before) const {
  std::vector<planned_task> all;
  for (const auto& [node, input] : moves.pushes) {
    auto at = static_cast<int64_t>(pushes_before + all.size());
    auto id = hash_uuid(head.id + "|push|" + node + '|' + std::to_string(at));
    all.push_back({std::move(id), node, {"__pregel_push"}, at, input});
  }
  for (const auto& [node, triggers] : moves.pulls)
    all.push_back({hash_uuid(head.id + "|pull|" + node), node, triggers, -1, nullptr});
  return all;
}

// The next checkpoint becomes the head; the caller completes it and keeps it.
void run_loop::impl::commit(std::string source, std::vector<channel_change> changes,
                            const next_moves& moves, const std::string& sole_task) {
  foreign = foreign || !updates.empty(); // no change below tells what commands wrote
  updates.clear();
  checkpoint_doc doc;
  doc.id = uuid6(std::max(has_head ? head.id : std::string{}, spec.newest_checkpoint));
  doc.parent_id = spec.lasting == durability_mode::exit ? first_head : head.id;
  doc.source = std::move(source);
  doc.step = step;
  doc.created_at = now();
  doc.base_metadata = base_metadata;
  doc.links = head.links;
  doc.weight = head.weight;
  doc.full_weight = head.full_weight;
  doc.joins = std::move(head.joins);
  doc.full = !has_head;
  head = std::move(doc);
  head.next = plan(moves);
  has_head = dirty = true;
  if (keeps_every_step())
    record_changes(std::move(changes), sole_task);
}

// What changed, or everything once that is the smaller thing to read.
void run_loop::impl::record_changes(std::vector<channel_change> changes,
                                    const std::string& sole_task) {
  for (auto& c : changes) {
    const auto& name = (*flow->channels())[c.channel].name;
    if (c.append) {
      head.weight += json_weight(c.value);
      head.append[name] = std::make_shared<const json::value>(std::move(c.value));
    } else {
      head.weight += json_weight(*state.shared(c.channel));
      head.set[name] = state.shared(c.channel);
    }
  }
  ++head.links;
  if (!head.full && !foreign && head.links <= max_links && head.weight <= head.full_weight) {
    head.sole_task = sole_task;
    return;
  }
  if (!sole_task.empty()) {
    auto& wrote = head.results[sole_task].emplace_object();
    for (const auto* all : {&head.set, &head.append})
      for (const auto& [name, v] : *all)
        wrote[name] = *v;
  }
  write_full();
}

void run_loop::impl::write_full() {
  head.full = true;
  head.set.clear();
  head.append.clear();
  head.full_weight = 2;
  for (std::size_t i = 0; i < flow->channels()->size(); ++i)
    if (state.written(i)) {
      head.set[(*flow->channels())[i].name] = state.shared(i);
      head.full_weight += json_weight(*state.shared(i));
    }
  head.links = 0;
  head.weight = 0;
  foreign = false;
}

void run_loop::impl::make_tasks() {
  tasks.clear();
  for (const auto& one : head.next) {
    live_task t;
    t.plan = one;
    t.what = flow->find(one.name);
    auto known = std::find_if(head.pending.begin(), head.pending.end(),
                              [&](const pending_task& p) { return p.id == one.id; });
    t.so_far.id = one.id;
    if (known != head.pending.end())
      t.so_far = *known;
    if (t.so_far.is == pending_task::state::done)
      adopt_done(t);
    tasks.push_back(std::move(t));
  }
}

// A task that ended before the run was interrupted: its result is taken as it is.
void run_loop::impl::adopt_done(live_task& t) {
  t.cached = true;
  if (auto writes = to_writes(*flow->channels(), t.so_far.writes))
    t.writes = std::move(*writes);
}

void run_loop::impl::add_tasks(const next_moves& moves) {
  auto pushes =
    std::count_if(tasks.begin(), tasks.end(), [](const live_task& t) { return t.plan.push >= 0; });
  for (auto& one : plan(moves, static_cast<std::size_t>(pushes))) {
    auto there = std::any_of(tasks.begin(), tasks.end(),
                             [&](const live_task& t) { return t.plan.id == one.id; });
    if (there)
      continue;
    live_task t;
    t.what = flow->find(one.name);
    t.so_far.id = one.id;
    auto known = std::find_if(head.pending.begin(), head.pending.end(),
                              [&](const pending_task& p) { return p.id == one.id; });
    if (known != head.pending.end())
      t.so_far = *known;
    if (t.so_far.is == pending_task::state::done)
      adopt_done(t);
    t.plan = std::move(one);
    tasks.push_back(std::move(t));
  }
}

// --- keeping -----------------------------------------------------------------------------------

void run_loop::impl::keep(const checkpoint_doc& doc) {
  if (!keeps_every_step())
    return;
  auto& all = out.checkpoints;
  auto same =
    std::find_if(all.begin(), all.end(), [&](const checkpoint_doc& d) { return d.id == doc.id; });
  if (same == all.end())
    all.push_back(doc);
  else
    *same = doc;
}

// The head again, with what became of its tasks so far.
void run_loop::impl::keep_pending() {
  if (!spec.checkpointing || !has_head)
    return;
  dirty = true;
  head.pending = updates;
  for (const auto* t : tasks_in_order())
    if (t->so_far.is != pending_task::state::open || !t->so_far.answers.empty())
      head.pending.push_back(t->so_far);
  if (resumed)
    head.resumed_by = spec.facts->run_id;
  keep(head);
}

} // namespace behalf
