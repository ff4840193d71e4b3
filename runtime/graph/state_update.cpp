#include "runtime/graph/state_update.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/next_moves.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace behalf {
namespace {

constexpr std::string_view as_input = "__input__", as_copy = "__copy__";

// A list of messages is gone through at each update, and copied by a reducer of the graph's. So
// many of them in all take about a second.
constexpr std::size_t most_gone_through = 10'000'000;

error refused(std::string text) {
  return {errc::bad_request, std::move(text), {}, "InvalidUpdateError"};
}

// What the client said cannot be done: a graph's own reducers and routers say why, too.
error refused(const error& why) {
  return {errc::bad_request, why.message, {}, why.kind};
}

// One update, checked.
struct checked_update {
  std::string node;
  channel_writes writes;
  const json::value* go_to = nullptr;
};

class state_updater {
public:
  state_updater(const graph& flow, std::optional<loaded_checkpoint> from, update_spec spec);

  result<void> perform(const superstep_update& updates);
  updated_state take();

private:
  bool has_head() const { return !head_.id.empty(); }

  result<void> add_input(const state_update& one);
  result<void> copy(const state_update& one);
  void end();
  void repeat(std::string source);
  result<void> write(const superstep_update& updates);

  void settle();
  result<void> go_through(const channel_writes& writes);
  result<std::string> node_of(const state_update& one) const;
  result<checked_update> check(const state_update& one) const;
  result<void> add_branches(next_moves& moves, const checked_update& one);
  result<next_moves> moves_of(const std::vector<checked_update>& all, join_progress& joins);
  std::vector<std::string> tasks_meant(const std::vector<checked_update>& all) const;
  bool tell_writes(const std::vector<channel_change>& changes) const;

  checkpoint_doc follower(std::string source) const;
  void add(checkpoint_doc doc);

  const graph& flow_;
  update_spec spec_;
  std::shared_ptr<const json::object> metadata_;
  graph_state state_;
  checkpoint_doc head_;
  bool copied_ = false;
  std::size_t gone_through_ = 0;
  bool store_whole_ = false; // the state has changes that no checkpoint tells
  std::vector<checkpoint_doc> made_;
};

state_updater::state_updater(const graph& flow, std::optional<loaded_checkpoint> from,
                             update_spec spec)
  : flow_(flow), spec_(std::move(spec)),
    metadata_(std::make_shared<const json::object>(std::move(spec_.checkpoint_metadata))),
    state_(flow.channels()) {
  state_.limit_bytes(spec_.state_bytes, from ? from->at.full_weight + from->at.weight : 0);
  if (!from)
    return;
  head_ = std::move(from->at);
  for (auto& [name, v] : from->values)
    if (auto at = flow.channels()->find(name); at != channel_table::none)
      state_.set(at, std::move(v));
    else
      store_whole_ = true; // without the channel
  for (const auto& one : head_.pending)
    if (one.id == null_task_id) // what a command wrote beside the checkpoint
      if (auto writes = to_writes(*flow.channels(), one.writes)) {
        static_cast<void>(state_.apply(std::move(*writes)));
        store_whole_ = true;
      }
}

result<void> state_updater::perform(const superstep_update& updates) {
  if (updates.empty())
    return refused("No updates provided");
  const auto several = updates.size() > 1;
  for (const auto& one : updates) {
    const auto nothing = one.values.is_null() && !one.command;
    if (several && one.as_node.empty())
      return refused("as_node is required when applying multiple updates");
    if (one.as_node == as_input)
      return several ? refused("Cannot apply multiple updates when updating as input")
                     : add_input(one);
    if (one.as_node == as_copy)
      return several ? refused("Cannot copy checkpoint with multiple updates") : copy(one);
    if (nothing && one.as_node == flow::end) {
      if (several)
        return refused("Cannot apply multiple updates when clearing state");
      end();
      return {};
    }
    if (nothing && one.as_node.empty()) {
      repeat("update");
      return {};
    }
  }
  return write(updates);
}

// --- the forms that are no writes of a node ----------------------------------------------------

result<void> state_updater::add_input(const state_update& one) {
  auto input = one.command ? one.command->update_object() : result<json::value>{one.values};
  if (!input)
    return refused(input.error());
  if (auto ok = check_given(flow_, &*input, nullptr, nullptr); !ok)
    return refused(ok.error());
  if (auto writes = to_writes(*flow_.channels(), *input); !writes)
    return refused(writes.error());
  if (input->is_null())
    return refused("Received no input writes for __start__");
  const auto first = !has_head();
  auto doc = follower("input");
  if (first)
    doc.step = -1;
  doc.joins.clear(); // joins start anew with new input
  doc.set_values(state_, {}, {}, store_whole_);
  doc.next = {planned_task{hash_uuid(doc.id + "__start__"), "__start__", {"__start__"}}};
  doc.input = std::make_shared<const json::value>(std::move(*input));
  add(std::move(doc));
  return {};
}

// Behind the one it copies: beside it, all of the state would be stored again.
result<void> state_updater::copy(const state_update& one) {
  if (!has_head())
    return refused("Cannot copy a non-existent checkpoint");
  superstep_update on_top;
  if (const auto* items = one.values.if_array()) {
    for (const auto& item : *items) {
      const auto* pair = item.if_array();
      if (!pair || pair->size() < 2 || !(*pair)[1].is_string())
        return refused("Invalid update item: " + excerpt(item) + " when copying checkpoint");
      on_top.push_back({(*pair)[0], std::string((*pair)[1].get_string())});
    }
  }
  if (std::exchange(copied_, true)) // what is left to do is stored again each time
    return refused("Cannot copy checkpoints more than once in a request");
  repeat("fork");
  return on_top.empty() ? result<void>{} : write(on_top);
}

void state_updater::end() {
  settle();
  auto doc = follower("update");
  doc.ran = head_.ran;
  doc.set_values(state_, {}, {}, store_whole_);
  add(std::move(doc));
}

void state_updater::repeat(std::string source) {
  auto doc = follower(std::move(source));
  doc.ran = head_.ran;
  doc.set_values(state_, {}, {}, store_whole_);
  doc.next = head_.next;
  for (auto& one : doc.next)
    one.id = hash_uuid(doc.id + one.id);
  doc.input = head_.input;
  add(std::move(doc));
}

// --- writes of nodes ---------------------------------------------------------------------------

// What tasks of the head's superstep that have ended wrote counts; then that superstep is over.
void state_updater::settle() {
  if (spec_.from_checkpoint || !made_.empty())
    return;
  std::unordered_map<std::string_view, const pending_task*> done;
  for (const auto& one : head_.pending)
    if (one.is == pending_task::state::done && one.id != null_task_id)
      done.emplace(one.id, &one);
  if (done.empty())
    return;
  std::vector<const planned_task*> in_order;
  for (const auto& task : head_.next)
    if (done.contains(task.id))
      in_order.push_back(&task);
  std::stable_sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) {
    return a->push < 0 && (b->push >= 0 || a->name < b->name);
  });
  channel_writes all;
  std::set<std::string> ran;
  for (const auto* task : in_order) {
    if (auto writes = to_writes(*flow_.channels(), done.at(task->id)->writes))
      std::move(writes->begin(), writes->end(), std::back_inserter(all));
    next_moves left;
    left.add_edges(flow_, head_.joins, task->name);
    ran.insert(task->name);
  }
  if (state_.apply(std::move(all)))
    head_.ran.assign(ran.begin(), ran.end());
  store_whole_ = true;
}

result<std::string> state_updater::node_of(const state_update& one) const {
  if (one.as_node.empty() && head_.ran.size() > 1)
    return refused("Ambiguous update, specify as_node");
  auto node = !one.as_node.empty() ? one.as_node
              : head_.ran.empty()  ? std::string{flow::start}
                                   : head_.ran.front();
  if (node != flow::start && !flow_.find(node))
    return refused("Node " + node + " does not exist");
  return node;
}

result<checked_update> state_updater::check(const state_update& one) const {
  auto node = node_of(one);
  if (!node)
    return node.error();
  checked_update checked{std::move(*node), {}};
  if (one.command && one.command->resume)
    return refused("An update has no run to resume: 'command' may have 'update' and 'goto'");
  auto values = one.command && !one.command->empty() ? one.command->update_object()
                                                     : result<json::value>{one.values};
  if (!values)
    return refused(values.error());
  if (one.command && one.command->go_to)
    checked.go_to = &*one.command->go_to;
  if (auto ok = check_given(flow_, nullptr, &*values, checked.go_to); !ok)
    return refused(ok.error());
  auto writes = to_writes(*flow_.channels(), *values);
  if (!writes)
    return refused(writes.error());
  if (checked.node == flow::start)
    std::erase_if(*writes,
                  [this](const channel_write& w) { return !flow_.takes_input(w.channel); });
  checked.writes = std::move(*writes);
  return checked;
}

result<void> state_updater::go_through(const channel_writes& writes) {
  for (const auto& w : writes) {
    const auto kind = (*flow_.channels())[w.channel].kind;
    const auto* value = state_.find(w.channel);
    if ((kind == reducer::messages || kind == reducer::custom) && value && value->is_array())
      gone_through_ += value->get_array().size();
  }
  if (gone_through_ <= most_gone_through)
    return {};
  return refused("So many updates of a state with such long lists take too long. Send fewer in one "
                 "request, with more values each");
}

// A node's routers see what it wrote, and not what the others of its superstep did.
result<void> state_updater::add_branches(next_moves& moves, const checked_update& one) {
  const auto leave = [&](const graph_branch& branch) { return branch.from == one.node; };
  if (std::none_of(flow_.branches().begin(), flow_.branches().end(), leave))
    return {};
  if (auto ok = go_through(one.writes); !ok)
    return ok;
  auto before = state_.before(one.writes);
  auto changes = state_.apply(one.writes);
  if (!changes)
    return changes.error();
  auto facts = std::make_shared<task_facts>();
  facts->run = spec_.facts;
  facts->step = head_.step;
  auto ok = moves.add_branches(flow_, one.node, state_, std::move(facts));
  state_.take_back(std::move(before));
  return ok;
}

result<next_moves> state_updater::moves_of(const std::vector<checked_update>& all,
                                           join_progress& joins) {
  next_moves moves;
  for (const auto& one : all) {
    if (auto ok = add_branches(moves, one); !ok)
      return refused(ok.error());
    moves.add_edges(flow_, joins, one.node);
    if (one.go_to)
      moves.add_goto(flow_, *one.go_to);
  }
  return moves;
}

// The checkpoint's tasks that the updates stand for, by name; "" for an update that does for none.
std::vector<std::string> state_updater::tasks_meant(const std::vector<checked_update>& all) const {
  std::map<std::string_view, std::vector<const std::string*>> open;
  for (auto task = head_.next.rbegin(); task != head_.next.rend(); ++task)
    open[task->name].push_back(&task->id);
  std::vector<std::string> meant;
  for (const auto& one : all) {
    auto& ids = open[one.node];
    meant.push_back(ids.empty() ? std::string{} : *ids.back());
    if (!ids.empty())
      ids.pop_back();
  }
  return meant;
}

// Whether the changes alone tell what was written: no reducer made something else of it.
bool state_updater::tell_writes(const std::vector<channel_change>& changes) const {
  return std::all_of(changes.begin(), changes.end(), [this](const channel_change& c) {
    return c.append || (*flow_.channels())[c.channel].kind == reducer::last_value;
  });
}

result<void> state_updater::write(const superstep_update& updates) {
  settle();
  std::vector<checked_update> all;
  for (const auto& one : updates) {
    auto checked = check(one);
    if (!checked)
      return checked.error();
    all.push_back(std::move(*checked));
  }
  auto joins = head_.joins;
  auto moves = moves_of(all, joins);
  if (!moves)
    return moves.error();
  json::object results; // what histories show as the tasks' results
  const auto meant = tasks_meant(all);
  channel_writes writes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    json::object wrote;
    for (auto& w : all[i].writes) {
      if (!meant[i].empty())
        wrote[(*flow_.channels())[w.channel].name] = w.value;
      writes.push_back(std::move(w));
    }
    if (!meant[i].empty())
      results[meant[i]] = std::move(wrote);
  }
  if (auto ok = go_through(writes); !ok)
    return ok;
  auto changes = state_.apply(std::move(writes));
  if (!changes)
    return refused(changes.error());
  auto doc = follower("update");
  doc.ran = head_.ran;
  moves->defer(flow_, joins);
  doc.joins = std::move(joins);
  doc.next = moves->plan(doc.id);
  const auto sole = all.size() == 1 && tell_writes(*changes) ? meant.front() : std::string{};
  doc.set_values(state_, std::move(*changes), sole, store_whole_);
  if (sole.empty())
    doc.results = std::move(results);
  add(std::move(doc));
  return {};
}

// --- checkpoints -------------------------------------------------------------------------------

checkpoint_doc state_updater::follower(std::string source) const {
  checkpoint_doc doc;
  doc.id = uuid6(std::max(head_.id, spec_.newest_checkpoint));
  doc.parent_id = head_.id;
  doc.ns = head_.ns;
  doc.parents = head_.parents;
  doc.source = std::move(source);
  doc.step = has_head() ? head_.step + 1 : 0;
  doc.full = !has_head();
  doc.created_at = now();
  doc.base_metadata = metadata_;
  doc.links = head_.links;
  doc.weight = head_.weight;
  doc.full_weight = head_.full_weight;
  doc.joins = head_.joins;
  doc.past = head_.past;
  doc.hidden = flow_.hidden();
  return doc;
}

void state_updater::add(checkpoint_doc doc) {
  head_ = doc;
  store_whole_ = false;
  made_.push_back(std::move(doc));
}

updated_state state_updater::take() {
  run_outcome outcome;
  outcome.values = state_view{std::move(state_), flow_.shown()};
  for (const auto& task : head_.next)
    outcome.next.push_back(task.name);
  outcome.checkpoint_id = head_.id;
  return {std::move(made_), std::move(outcome)};
}

} // namespace

result<updated_state> update_state(const graph& flow, std::optional<loaded_checkpoint> from,
                                   std::span<const superstep_update> supersteps, update_spec spec) {
  state_updater all{flow, std::move(from), std::move(spec)};
  for (const auto& updates : supersteps)
    if (auto ok = all.perform(updates); !ok)
      return ok.error();
  return all.take();
}

} // namespace behalf
