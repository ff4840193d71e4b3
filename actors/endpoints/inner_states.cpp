#include "actors/endpoints/inner_states.hpp"

#include "actors/endpoints/rows.hpp"
#include "actors/runs/thread_states.hpp"

#include <deque>
#include <memory>
#include <string>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr int most_states = 256; // of one answer

// What is left to fill in. `flow` is the graph that `state` is of.
struct inner_walk {
  struct place {
    json::object* task;
    std::string ns;
    const graph* flow;
  };

  json::object whole;
  std::shared_ptr<const graph> flow; // of the thread
  std::deque<place> open;
  int shown = 0;

  void add_tasks(json::object& state, const graph& of) {
    for (auto& one : state.at("tasks").as_array()) {
      auto& task = one.as_object();
      const auto* node = of.find(string_or(task, "name"));
      if (const auto& checkpoint = task.at("checkpoint"); node && checkpoint.is_object())
        open.push_back(
          {&task, std::string(string_or(checkpoint.as_object(), "checkpoint_ns")), node->inner()});
    }
  }
};

void next_inner(request_pointer self, const std::shared_ptr<inner_walk>& walk) {
  if (walk->open.empty() || walk->shown++ == most_states)
    return answer(self, 200, walk->whole);
  auto at = walk->open.front();
  walk->open.pop_front();
  auto& s = self->state;
  auto ns = walk->flow->kept_at(at.ns);
  storage::read(
    self, *s.app,
    storage::read_checkpoints{s.thread_id, ns, "", s.granted.who->key(), room_for_rows(self)},
    [self, walk, at, ns](const storage::found_checkpoints& found) {
      auto shown = runs::shown_state(found.rows, at.flow, self->state.thread_id, "", ns);
      if (!shown)
        return refuse(self, shown.error());
      (*at.task)["checkpoint"] = nullptr;
      auto& state = (*at.task)["state"] = std::move(*shown);
      walk->add_tasks(state.get_object(), *at.flow);
      next_inner(self, walk);
    },
    or_refuse(self));
}

} // namespace

void answer_with_inner(request_pointer self, json::object state,
                       const std::shared_ptr<const graph>& flow) {
  auto walk = std::make_shared<inner_walk>();
  walk->whole = std::move(state);
  walk->flow = flow;
  if (flow)
    walk->add_tasks(walk->whole, *flow);
  next_inner(self, walk);
}

} // namespace behalf::endpoints
