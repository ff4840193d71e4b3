#include "runtime/graph/thread_state.hpp"

#include "runtime/graph/graph.hpp"

#include <algorithm>

namespace behalf {
namespace {

json::value text(std::string_view s) {
  return json::string_view{s.data(), s.size()};
}

json::value place(const std::string& checkpoint_id, std::string_view thread_id,
                  const checkpoint_doc& of) {
  if (checkpoint_id.empty())
    return nullptr;
  json::object at{
    {"checkpoint_id", checkpoint_id}, {"thread_id", text(thread_id)}, {"checkpoint_ns", of.ns}};
  if (!of.ns.empty())
    (at["checkpoint_map"].emplace_object() = of.parents)[of.ns] = checkpoint_id;
  return at;
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
state_view shown_view(const loaded_checkpoint& at, const graph& flow, bool latest) {
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
  return state_view{std::move(state), flow.shown()};
}

json::object shown_values(const loaded_checkpoint& at, const graph* flow, bool latest) {
  return flow ? shown_view(at, *flow, latest).to_json().get_object() : stored_values(at);
}

bool has_command_updates(const checkpoint_doc& at) {
  return std::any_of(at.pending.begin(), at.pending.end(),
                     [](const pending_task& one) { return one.id == null_task_id; });
}

// What `shown_values` says of a past checkpoint that no command wrote beside.
void write_values(json_writer& out, const loaded_checkpoint& at, const graph* flow,
                  list_texts& lists) {
  out.object();
  auto write = [&](std::string_view name, const json::value& v) {
    out.key(name);
    if (const auto* list = v.if_array())
      lists.write(out, name, *list);
    else
      out.value(v);
  };
  if (!flow)
    for (const auto& [name, v] : at.values)
      if (std::find(at.at.hidden.begin(), at.at.hidden.end(), name) == at.at.hidden.end())
        write(name, *v);
  for (std::size_t i = 0; flow && i < flow->channels()->size(); ++i) {
    const auto& channel = (*flow->channels())[i];
    const auto written = at.values.find(channel.name);
    if (!flow->shows(i))
      continue;
    if (written != at.values.end())
      write(channel.name, *written->second);
    else if (channel.initial)
      out.member(channel.name, *channel.initial);
  }
  out.end();
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

json::object state_beside_values(const loaded_checkpoint& loaded, const graph* flow,
                                 std::string_view thread_id, bool latest,
                                 const json::object& results) {
  const auto& at = loaded.at;
  json::array next, tasks, interrupts;
  for (const auto& t : at.next) {
    const auto* p = find_pending(at, t.id);
    if (!latest || !done(p))
      next.push_back(text(t.name));
    tasks.push_back(task_json(t, p, results, hidden_by(flow, at)));
    if (const auto* node = flow ? flow->find(t.name) : nullptr; node && node->keeps_inner())
      tasks.back().get_object()["checkpoint"] =
        json::object{{"thread_id", text(thread_id)},
                     {"checkpoint_ns", (at.ns.empty() ? "" : at.ns + '|') + t.name + ':' + t.id}};
    for (auto& one : interrupts_of(p))
      interrupts.push_back(std::move(one));
  }
  return {{"next", std::move(next)},
          {"tasks", std::move(tasks)},
          {"metadata", at.metadata()},
          {"created_at", iso8601(at.created_at)},
          {"checkpoint", place(at.id, thread_id, at)},
          {"parent_checkpoint", place(at.parent_id, thread_id, at)},
          {"interrupts", std::move(interrupts)},
          {"checkpoint_id", at.id},
          {"parent_checkpoint_id", id_or_null(at.parent_id)}};
}

} // namespace

json::object empty_thread_state(std::string_view thread_id, std::string_view checkpoint_id,
                                const std::string& ns) {
  checkpoint_doc none;
  none.ns = ns;
  return {{"values", json::object{}},
          {"next", json::array{}},
          {"tasks", json::array{}},
          {"metadata", nullptr},
          {"created_at", nullptr},
          {"checkpoint", place(std::string(checkpoint_id), thread_id, none)},
          {"parent_checkpoint", nullptr},
          {"interrupts", json::array{}},
          {"checkpoint_id", id_or_null(checkpoint_id)},
          {"parent_checkpoint_id", nullptr}};
}

json::object thread_values(const loaded_checkpoint& at, const graph* flow) {
  return shown_values(at, flow, true);
}

json::object thread_state(const loaded_checkpoint& at, const graph* flow,
                          std::string_view thread_id, bool latest, const json::object& results) {
  json::object all{{"values", shown_values(at, flow, latest)}};
  for (auto& [name, v] : state_beside_values(at, flow, thread_id, latest, results))
    all.emplace(name, std::move(v));
  return all;
}

std::string thread_state_text(const loaded_checkpoint& at, const graph* flow,
                              std::string_view thread_id, const json::object& results,
                              list_texts& lists) {
  json_writer out;
  out.object().key("values");
  if (has_command_updates(at.at))
    out.value(shown_values(at, flow, false));
  else
    write_values(out, at, flow, lists);
  for (const auto& [name, v] : state_beside_values(at, flow, thread_id, false, results))
    out.member(name, v);
  return out.take();
}

} // namespace behalf
