// What tests of graphs are made of.
#pragma once

#include "behalf/context.hpp"
#include "behalf/graph.hpp"
#include "runtime/graph/task_facts.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// Of a task that runs on its own, with what people have answered it.
inline context some_context(std::vector<json::value> answers = {}) {
  auto facts = std::make_shared<task_facts>();
  facts->run = std::make_shared<run_facts>();
  for (auto& one : answers)
    facts->answers.push_back({std::move(one)});
  return context{facts};
}

/// A router that sends {"i": 0}, {"i": 1}, … to a node, n in all.
inline auto send_each(std::string node, int64_t n) {
  return [node = std::move(node), n](const state_view&, const context&) {
    flow::route all;
    for (int64_t i = 0; i < n; ++i)
      all.add(flow::send{node, json::object{{"i", i}}});
    return all;
  };
}

/// It sends `task` to its node `tools`, before which it stops: another graph with such a node finds
/// the task on the thread.
inline std::shared_ptr<const graph> leaves_to_tools(json::value task) {
  node_options leads;
  leads.may_go_to = {"tools"};
  graph_builder b{"other"};
  b.channel("messages", flow::messages());
  b.node(
    "start",
    [task = std::move(task)](const state_view&, context&) -> node_result {
      return flow::command{flow::update{}, flow::route{flow::send{"tools", task}}};
    },
    leads);
  b.node("tools", [](const state_view&, context&) { return flow::update{}; });
  b.edge(flow::start, "start").interrupt_before({"tools"});
  return b.build().value();
}

} // namespace behalf
