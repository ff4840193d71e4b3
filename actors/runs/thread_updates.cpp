#include "actors/runs/thread_updates.hpp"

#include "actors/options.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/run_config.hpp"
#include "runtime/graph/run_spec.hpp"
#include "runtime/storage/write_batch.hpp"

namespace behalf::runs {
namespace {

const json::object nothing;
const json::value no_context;

run_ids ids_of(const run_plan& plan, bool thread_existed) {
  run_ids ids;
  ids.run_id = plan.run_id;
  ids.thread_id = plan.thread_id;
  ids.graph_id = plan.graph_id;
  ids.assistant_id = plan.assistant_id;
  ids.request_id = plan.request_id;
  ids.checkpoint_id = plan.checkpoint_id;
  ids.thread_existed = thread_existed;
  return ids;
}

void merge_config(const app_context& app, const start_run& m, const record* thread) {
  auto& plan = *m.plan;
  const auto* entry = app.graphs.by_graph(plan.graph_id);
  const auto* who = plan.who->identity.empty() ? nullptr : plan.who.get();
  static const assistant_defaults none;
  const auto& assistant = entry ? entry->defaults : none;
  auto merged = merge_run_config(
    {assistant.config, assistant.metadata, entry ? entry->context : no_context},
    {nothing, thread ? thread->metadata : nothing, no_context}, {m.config, m.metadata, m.context},
    who, ids_of(plan, thread != nullptr), m.headers, {},
    entry && entry->flow ? entry->flow->context_schema() : no_context);
  plan.kwargs["config"] = std::move(merged.config);
  plan.kwargs["context"] = std::move(merged.context);
  plan.metadata = std::move(merged.metadata);
}

record new_thread(const run_plan& plan, const json::object& run_metadata) {
  record row;
  row.type = kind::thread;
  row.tenant = plan.who->tenant;
  row.id = plan.thread_id;
  row.status = "idle";
  row.metadata = {{"graph_id", plan.graph_id}, {"assistant_id", plan.assistant_id}};
  merge(row.metadata, run_metadata);
  row.created_at = row.state_updated_at = now();
  row.doc = {{"config", json::object{}}, {"values", nullptr}};
  return row;
}

// Each part is bounded; their sum is too, as every checkpoint repeats all of them.
result<void> check_copied(const run_plan& plan, const shape_limits& bounds) {
  const auto limit = bounds.metadata_bytes;
  auto bytes = text_bytes(plan.metadata, limit);
  const auto& config = object_or_empty(plan.kwargs, "config");
  for (const auto& [key, v] : object_or_empty(config, "configurable"))
    if (v.is_string() && goes_into_checkpoints(key, v) && bytes <= limit)
      bytes += key.size() + text_bytes(v, limit);
  if (bytes <= limit)
    return {};
  return fail(errc::invalid_argument,
              "the run's metadata, with its thread's, its config's and the texts in "
              "config.configurable or context, has more than "
                + std::to_string(limit) + " bytes of JSON");
}

// A graph that is made for each run is not there yet: its engine refuses the same.
result<void> check_channels(const app_context& app, const run_plan& plan) {
  const auto* entry = app.graphs.by_graph(plan.graph_id);
  if (!entry || !entry->flow)
    return {};
  const auto& command = object_or_empty(plan.kwargs, "command");
  return check_given(*entry->flow, member(plan.kwargs, "input"), member(command, "update"),
                     member(command, "goto"));
}

std::string text_of(const state_view& values) {
  json_writer text;
  values.write(text);
  return text.take();
}

} // namespace

result<write_batch> creation(const app_context& app, const start_run& m, const record* thread,
                             bool busy, bool starts) {
  auto& plan = *m.plan;
  plan.new_thread = !thread && !plan.delayed; // a delayed run may find a state that other runs left
  merge_config(app, m, thread);
  const auto& bounds = app.options->shape;
  if (auto ok = check_copied(plan, bounds); !ok)
    return ok.error();
  if (auto ok = check_channels(app, plan); !ok)
    return ok.error();
  auto config = m.config;
  const auto* entry = app.graphs.by_graph(plan.graph_id);
  config["configurable"] =
    entry ? object_or_empty(entry->defaults.config, "configurable") : json::object{};
  json::object graph{{"graph_id", plan.graph_id}, {"assistant_id", plan.assistant_id}};
  write_batch what;
  if (thread) {
    write_batch::thread_change change{plan.who->tenant, plan.thread_id, m.auth_filter};
    if (!busy)
      change.metadata = std::move(graph);
    change.doc.emplace_back("config", dump(config));
    change.at = now();
    what.thread_changes.push_back(std::move(change));
  } else {
    auto row = new_thread(plan, m.thread_metadata.value_or(m.metadata));
    merge(row.metadata, graph);
    if (auto ok = check_metadata(row.metadata, bounds); !ok)
      return ok.error();
    row.doc["config"] = std::move(config);
    row.doc["settled"] = "idle"; // the status after a run that leaves no trace
    row.status = "busy";
    row.updated_at = row.created_at;
    row.listed = !plan.drop_thread;
    auto stays = app.options->runs.stateless_ttl;
    if (m.stateless && !plan.drop_thread && stays.count() > 0)
      row.expires = expiry{row.created_at + stays, stays};
    what.puts.push_back({std::move(row), 0});
  }
  plan.stored_pending = !starts;
  what.puts.push_back({to_record(plan, starts ? "running" : "pending"), 0});
  return what;
}

write_batch of_run(const run_plan& plan) {
  write_batch what;
  what.held.push_back({plan.who->tenant, plan.thread_id, plan.run_id, plan.fence});
  return what;
}

write_batch ending_on(const run_plan& plan, const run_outcome& outcome, run_trace trace) {
  write_batch::thread_change thread{plan.who->tenant, plan.thread_id};
  if (trace == run_trace::full) {
    if (outcome.values)
      thread.doc.emplace_back("values", text_of(*outcome.values));
    thread.doc.emplace_back("error", dump(outcome.error));
    thread.doc.emplace_back("interrupts", dump(outcome.interrupts_by_task()));
    thread.settled = outcome.thread_status();
  }
  thread.doc.emplace_back("ran", "true");
  thread.at = now();
  thread.new_state = true;
  auto what = of_run(plan);
  what.thread_changes.push_back(std::move(thread));
  if (trace == run_trace::none) {
    what.erases.push_back({{kind::run, plan.who->tenant, plan.run_id}});
    what.checkpoint_erases.push_back({plan.who->tenant, plan.thread_id, plan.run_id});
  } else {
    what.puts.push_back({to_record(plan, outcome.status(), &outcome)});
  }
  return what;
}

} // namespace behalf::runs
