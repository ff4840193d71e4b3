#include "actors/endpoints/answer_check.hpp"

#include "actors/endpoints/rows.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/graph/run_loop.hpp"

#include <algorithm>
#include <utility>

namespace behalf::endpoints {
namespace {

bool checks_answers(const graph& flow) {
  const auto& nodes = flow.nodes();
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const auto& one) { return one->options.check_answer != nullptr; });
}

// Null: there is none.
const json::value* answer_of(const runs::run_plan& plan) {
  const auto* resume = member(object_or_empty(plan.kwargs, "command"), "resume");
  return resume && !resume->is_null() ? resume : nullptr;
}

result<void> check(const storage::found_checkpoints& found, std::shared_ptr<const graph> flow,
                   const json::value& answer) {
  auto loaded = runs::load_chain(found.rows);
  if (!loaded || !*loaded) // the run says so itself
    return {};
  return check_answer(std::move(flow), std::move(**loaded), answer);
}

} // namespace

void with_answer_checked(request_pointer self, std::function<void()> then) {
  auto& s = self->state;
  const auto* entry = s.app->graphs.by_graph(s.run->plan->graph_id);
  if (s.thread_id.empty() || !answer_of(*s.run->plan) || !entry || !entry->flow
      || !checks_answers(*entry->flow))
    return then();
  storage::read(
    self, *s.app, storage::get_head{thread_key(self, s.thread_id)},
    [self, flow = entry->flow, then = std::move(then)](const storage::row_ptr& thread) {
      auto& s = self->state;
      if (!thread || thread->status == "busy" || !s.run->auth_filter.matches(thread->metadata))
        return then();
      const auto& plan = *s.run->plan;
      storage::read_checkpoints of{s.thread_id, "", plan.checkpoint_id, plan.who->key(),
                                   room_for_rows(self)};
      storage::read(
        self, *s.app, std::move(of),
        [self, flow, then](const storage::found_checkpoints& found) {
          if (auto ok = check(found, flow, *answer_of(*self->state.run->plan)); !ok)
            return refuse(self, ok.error());
          then();
        },
        or_refuse(self));
    },
    or_refuse(self));
}

} // namespace behalf::endpoints
