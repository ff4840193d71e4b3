// What a graph must satisfy before it may run.
#include "runtime/graph/graph.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

std::string in_quotes(std::string_view name) {
  return "'" + std::string(name) + "'";
}

} // namespace

void graph_builder::check() {
  auto leads_from = [&](std::string_view name, bool start_too) {
    if (name == flow::end)
      faults_.push_back("no edge leads out of __end__");
    else if (!(start_too && name == flow::start) && !made_->find(name))
      faults_.push_back("an edge leads out of " + in_quotes(name) + ", which is no node");
  };
  auto leads_to = [&](std::string_view name) {
    if (name == flow::start)
      faults_.push_back("no edge leads to __start__");
    else if (name != flow::end && !made_->find(name))
      faults_.push_back("an edge leads to " + in_quotes(name) + ", which is no node");
  };
  if (made_->name_.empty())
    faults_.push_back("it has no name");
  if (made_->nodes_.empty())
    faults_.push_back("it has no node");
  for (const auto& [from, all] : made_->edges_) {
    leads_from(from, true);
    std::for_each(all.begin(), all.end(), leads_to);
  }
  for (const auto& one : made_->branches_) {
    leads_from(one.from, true);
    std::for_each(one.targets.begin(), one.targets.end(), leads_to);
  }
  for (const auto& one : made_->joins_) {
    for (const auto& from : one.from)
      leads_from(from, false);
    leads_to(one.to);
  }
  for (const auto* stops : {&made_->stops_before_, &made_->stops_after_})
    for (const auto& name : *stops)
      if (name != "*" && !made_->find(name))
        faults_.push_back("runs are to stop at " + in_quotes(std::string_view{name})
                          + ", which is no node");
  for (const auto& one : made_->nodes_)
    std::for_each(one->options.may_go_to.begin(), one->options.may_go_to.end(), leads_to);
  check_definitions();
  check_reachable();
}

// The schema of the state has the definitions of all its channels.
void graph_builder::check_definitions() {
  json::object all;
  for (std::size_t i = 0; i < channels_->size(); ++i)
    for (const auto& [name, schema] : object_or_empty((*channels_)[i].schema, "$defs"))
      if (auto [at, fresh] = all.emplace(name, schema); !fresh && at->value() != schema)
        faults_.push_back("two channels define " + in_quotes({name.data(), name.size()})
                          + " in the $defs of their schemas, and not alike");
}

void graph_builder::check_reachable() {
  std::set<std::string> seen;
  std::vector<std::string> open{std::string(flow::start)};
  auto visit = [&](const std::string& name) {
    if (seen.insert(name).second)
      open.push_back(name);
  };
  while (!open.empty()) {
    auto from = std::move(open.back());
    open.pop_back();
    for (const auto& to : made_->successors(from))
      visit(to);
    for (const auto& one : made_->branches_) {
      if (one.from != from)
        continue;
      std::for_each(one.targets.begin(), one.targets.end(), visit);
      for (const auto& any : made_->nodes_)
        if (one.targets.empty())
          visit(any->name);
    }
    for (const auto& one : made_->joins_)
      if (std::find(one.from.begin(), one.from.end(), from) != one.from.end())
        visit(one.to);
    if (const auto* n = made_->find(from))
      std::for_each(n->options.may_go_to.begin(), n->options.may_go_to.end(), visit);
  }
  if (seen.empty()) {
    faults_.push_back("nothing follows __start__: add edge(flow::start, \"…\")");
    return;
  }
  for (const auto& one : made_->nodes_)
    if (!seen.contains(one->name))
      faults_.push_back("the node " + in_quotes(one->name)
                        + " cannot be reached: no edge leads to it. If a node goes there by "
                          "command, say so in its may_go_to");
}

} // namespace behalf
