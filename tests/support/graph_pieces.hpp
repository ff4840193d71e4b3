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

} // namespace behalf
