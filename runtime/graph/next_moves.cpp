#include "runtime/graph/next_moves.hpp"

#include "behalf/node.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>

namespace behalf {

void next_moves::pull(const std::string& node) {
  auto trigger = "branch:to:" + node;
  auto& triggers = pulls[node];
  if (std::find(triggers.begin(), triggers.end(), trigger) == triggers.end())
    triggers.insert(triggers.begin(), std::move(trigger)); // before joins
}

void next_moves::push(std::string node, json::value input) {
  pushes.emplace_back(std::move(node), std::make_shared<const json::value>(std::move(input)));
}

result<void> next_moves::add_route(const graph& g, const flow::route& go_to,
                                   std::string_view whose) {
  for (const auto& target : go_to.targets()) {
    const auto* sent = std::get_if<flow::send>(&target);
    const auto& node = sent ? sent->node : std::get<std::string>(target);
    if (node == flow::end)
      continue;
    if (!g.find(node))
      return error{errc::invalid_argument,
                   "the node '" + std::string(whose) + "' leads to '" + node
                     + "', which the graph does not have",
                   {},
                   "ValueError"};
    if (!sent) {
      pull(node);
      continue;
    }
    if (auto ok = check_storable(sent->input); !ok)
      return ok;
    push(node, sent->input);
  }
  return {};
}

result<void> next_moves::add_branches(const graph& g, std::string_view node,
                                      const graph_state& after, std::shared_ptr<task_facts> facts) {
  facts->node = node;
  for (const auto& branch : g.branches()) {
    if (branch.from != node)
      continue;
    try {
      auto chosen = branch.choose(state_view{after}, context{std::make_shared<task_facts>(*facts)});
      if (!chosen)
        return chosen.error();
      if (auto ok = add_route(g, *chosen, node); !ok)
        return ok;
    } catch (...) {
      return current_exception_error();
    }
  }
  return {};
}

void next_moves::add_edges(const graph& g, join_progress& joins, const std::string& node) {
  for (const auto& next : g.successors(node))
    if (next != flow::end)
      pull(next);
  for (const auto& join : g.joins()) {
    if (!std::binary_search(join.from.begin(), join.from.end(), node))
      continue;
    auto key = join.key();
    auto& seen = joins[key];
    if (std::find(seen.begin(), seen.end(), node) == seen.end())
      seen.push_back(node);
    if (seen.size() < join.from.size())
      continue;
    joins.erase(key);
    if (join.to != flow::end)
      pulls[join.to].push_back(std::move(key));
  }
}

void next_moves::defer(const graph& g, join_progress& joins) {
  constexpr std::string_view held = "defer:"; // then the node's name
  for (auto at = pulls.begin(); at != pulls.end();) {
    if (!g.find(at->first)->options.deferred) {
      ++at;
      continue;
    }
    auto& triggers = joins[std::string(held) + at->first];
    for (auto& one : at->second)
      if (std::find(triggers.begin(), triggers.end(), one) == triggers.end())
        triggers.push_back(std::move(one));
    at = pulls.erase(at);
  }
  if (!pulls.empty() || !pushes.empty())
    return;
  for (auto at = joins.lower_bound(held); at != joins.end() && at->first.starts_with(held);) {
    auto node = at->first.substr(held.size());
    if (g.find(node)) // else the graph is a newer one
      pulls.emplace(std::move(node), std::move(at->second));
    at = joins.erase(at);
  }
}

void next_moves::add_goto(const graph& g, const json::value& go_to) {
  if (const auto* all = go_to.if_array()) {
    for (const auto& one : *all)
      if (!one.is_array())
        add_goto(g, one);
  } else if (const auto* name = go_to.if_string()) {
    if (std::string node(*name); g.find(node))
      pull(node);
  } else if (const auto* send = go_to.if_object()) {
    const auto* input = member(*send, "input");
    if (std::string node(string_or(*send, "node")); g.find(node))
      push(std::move(node), input ? *input : json::value(nullptr));
  }
}

void next_moves::remember_in(pending_task& task) const {
  for (const auto& [node, triggers] : pulls)
    task.branches.push_back(node);
  for (const auto& [node, input] : pushes)
    task.sends.emplace_back(node, *input);
}

void next_moves::add_remembered(pending_task task) {
  for (const auto& node : task.branches)
    pull(node);
  for (auto& [node, input] : task.sends)
    push(std::move(node), std::move(input));
}

std::vector<planned_task> next_moves::plan(std::string_view checkpoint_id,
                                           std::size_t pushes_before) const {
  const std::string place(checkpoint_id);
  std::vector<planned_task> all;
  for (const auto& [node, input] : pushes) {
    auto at = static_cast<int64_t>(pushes_before + all.size());
    auto id = hash_uuid(place + "|push|" + node + '|' + std::to_string(at));
    all.push_back({std::move(id), node, {"__pregel_push"}, at, input});
  }
  for (const auto& [node, triggers] : pulls)
    all.push_back({hash_uuid(place + "|pull|" + node), node, triggers, -1, nullptr});
  return all;
}

} // namespace behalf
