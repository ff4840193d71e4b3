#include "actors/catalog.hpp"

#include "actors/threads/graph_work.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/run_config.hpp"
#include "runtime/graph/task_facts.hpp"

#include <utility>

namespace behalf {
namespace {

// The UUID namespace of assistants made of graphs, as in the reference server.
constexpr std::string_view assistant_space = "6ba7b821-9dad-11d1-80b4-00c04fd430c8";

// As a run of the assistant sees its configuration that says nothing itself.
std::shared_ptr<const run_facts> facts_of(const std::string& graph_id,
                                          const std::string& assistant_id,
                                          const assistant_defaults& of) {
  static const json::object nothing;
  static const json::value no_context;
  run_ids ids;
  ids.graph_id = graph_id;
  ids.assistant_id = assistant_id;
  const json::value context(of.context);
  auto merged = merge_run_config({of.config, of.metadata, context}, {nothing, nothing, no_context},
                                 {nothing, nothing, no_context}, nullptr, ids);
  auto facts = std::make_shared<run_facts>();
  facts->graph_id = graph_id;
  facts->assistant_id = assistant_id;
  facts->config = std::make_shared<const json::object>(std::move(merged.config));
  facts->run_context = std::make_shared<const json::value>(std::move(merged.context));
  return facts;
}

} // namespace

result<void> served_graph::check_config(const json::object& config) const {
  return check ? check(object_or_empty(config, "configurable")) : result<void>{};
}

catalog_entry::catalog_entry(served_graph what)
  : served_graph(std::move(what)), assistant_id(uuid5(assistant_space, graph_id)),
    context(defaults.context) {
  if (make) {
    auto made = graph_for(assistant_id, defaults);
    flow = made ? *made : nullptr;
    if (!made)
      log::warning("graph_not_made", {{"graph_id", graph_id}, {"error", made.error().message}});
  }
  work = std::make_shared<const threads::graph_work>(graph_id, flow.get());
  defaults.metadata["created_by"] = "system";
}

result<std::shared_ptr<const graph>>
catalog_entry::graph_for(std::shared_ptr<const run_facts> run) const {
  if (!make)
    return flow;
  return make_graph(make, std::move(run));
}

result<std::shared_ptr<const graph>>
catalog_entry::graph_for(const std::string& whose, const assistant_defaults& settings) const {
  if (!make)
    return flow;
  return make_graph(make, facts_of(graph_id, whose, settings));
}

void catalog::serve(std::vector<served_graph> graphs) {
  std::vector<catalog_entry> fresh;
  for (auto& one : graphs)
    fresh.emplace_back(std::move(one));
  now_.store(&all_.emplace_back(std::move(fresh)), std::memory_order_release);
}

const catalog_entry* catalog::by_graph(std::string_view graph_id) const {
  for (const auto& e : entries())
    if (e.graph_id == graph_id)
      return &e;
  return nullptr;
}

const catalog_entry* catalog::by_assistant(std::string_view assistant_id) const {
  for (const auto& e : entries())
    if (e.assistant_id == assistant_id)
      return &e;
  return nullptr;
}

std::string catalog::names() const {
  std::string text;
  for (const auto& e : entries())
    text += (text.empty() ? "" : ", ") + e.graph_id;
  return text;
}

} // namespace behalf
