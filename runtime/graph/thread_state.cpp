#include "runtime/graph/thread_state.hpp"

#include "runtime/graph/graph.hpp"

namespace behalf {
namespace {

json::value text(std::string_view s) {
  return json::string_view{s.data(), s.size()};
}

json::value place(const std::string& checkpoint_id, std::string_view thread_id) {
  if (checkpoint_id.empty())
    return nullptr;
  return json::object{
    {"checkpoint_id", checkpoint_id}, {"thread_id", text(thread_id)}, {"checkpoint_ns", ""}};
}

json::value id_or_null(std::string_view id) {
  return id.empty() ? json::value(nullptr) : text(id);
}

const pending_task* find_pending(const checkpoint_doc& at, const std::string& task_id) {
  for (const auto& one : at.pending)
    if (one.id == task_id)
      return &one;
  return nullptr;
}

bool done(const pending_task* p) {
  return p && p->is == pending_task::state::done;
}

// The channels that clients are not shown: as the graph says, or said when it was served.
const std::vector<std::string>& hidden_by(const graph* flow, const checkpoint_doc& at) {
  return flow ? flow->hidden() : at.hidden;
}

json::object stored_values(const loaded_checkpoint& at) {
  json::object all;
  for (const auto& [name, v] : at.values)
    all[name] = *v;
  return without(std::move(all), at.at.hidden).get_object();
}

// With what commands wrote beside the checkpoint, and (`latest`) finished tasks of its superstep,
// unless they cannot be joined.
json::object shown_values(const loaded_checkpoint& at, const graph& flow, bool latest) {
  graph_state state{flow.channels()};
  for (const auto& [name, v] : at.values)
    if (auto i = flow.channels()->find(name); i != channel_table::none)
      state.set(i, v);
  channel_writes finished;
  for (const auto& one : at.at.pending) {
    auto command = one.id == null_task_id;
    if (!command && !(latest && done(&one)))
      continue;
    auto writes = to_writes(*flow.channels(), one.writes);
    if (writes && command)
      static_cast<void>(state.apply(std::move(*writes)));
    else if (writes)
      finished.insert(finished.end(), writes->begin(), writes->end());
  }
  static_cast<void>(state.apply(std::move(finished)));
  return state_view{std::move(state), flow.shown()}.to_json().get_object();
}

json::array interrupts_of(const pending_task* p) {
  json::array all;
  if (p && p->is == pending_task::state::interrupted)
    for (const auto& one : p->interrupts)
      all.push_back(json::object{{"id", one.id}, {"value", one.value}});
  return all;
}

json::object task_json(const planned_task& t, const pending_task* p, const json::object& results,
                       const std::vector<std::string>& hidden) {
  json::value result = nullptr;
  if (const auto* known = member(results, t.id))
    result = without(*known, hidden);
  else if (done(p))
    result = without(p->writes, hidden);
  return {{"id", t.id},
          {"name", t.name},
          {"path", t.path()},
          {"error", id_or_null(p ? std::string_view{p->failure} : std::string_view{})},
          {"interrupts", interrupts_of(p)},
          {"checkpoint", nullptr},
          {"state", nullptr},
          {"result", std::move(result)}};
}

} // namespace

json::object empty_thread_state(std::string_view thread_id, std::string_view checkpoint_id) {
  return {{"values", json::object{}},
          {"next", json::array{}},
          {"tasks", json::array{}},
          {"metadata", nullptr},
          {"created_at", nullptr},
          {"checkpoint", place(std::string(checkpoint_id), thread_id)},
          {"parent_checkpoint", nullptr},
          {"interrupts", json::array{}},
          {"checkpoint_id", id_or_null(checkpoint_id)},
          {"parent_checkpoint_id", nullptr}};
}

json::object thread_values(const loaded_checkpoint& at, const graph* flow) {
  return flow ? shown_values(at, *flow, true) : stored_values(at);
}

json::object thread_state(const loaded_checkpoint& loaded, const graph* flow,
                          std::string_view thread_id, bool latest, const json::object& results) {
  const auto& at = loaded.at;
  json::array next, tasks, interrupts;
  for (const auto& t : at.next) {
    const auto* p = find_pending(at, t.id);
    if (!latest || !done(p))
      next.push_back(text(t.name));
    tasks.push_back(task_json(t, p, results, hidden_by(flow, at)));
    for (auto& one : interrupts_of(p))
      interrupts.push_back(std::move(one));
  }
  return {{"values", flow ? shown_values(loaded, *flow, latest) : stored_values(loaded)},
          {"next", std::move(next)},
          {"tasks", std::move(tasks)},
          {"metadata", at.metadata()},
          {"created_at", iso8601(at.created_at)},
          {"checkpoint", place(at.id, thread_id)},
          {"parent_checkpoint", place(at.parent_id, thread_id)},
          {"interrupts", std::move(interrupts)},
          {"checkpoint_id", at.id},
          {"parent_checkpoint_id", id_or_null(at.parent_id)}};
}

} // namespace behalf
