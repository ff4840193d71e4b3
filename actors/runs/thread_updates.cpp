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

const assistant_defaults& assistant_of(const start_run& m, const catalog_entry* entry) {
  static const assistant_defaults none;
  return m.assistant ? *m.assistant : entry ? entry->defaults : none;
}

// [] makes room for another member even where there is one of that name.
void replace(json::object& o, std::string_view name, json::value with) {
  if (auto* is = o.if_contains(name))
    *is = std::move(with);
  else
    o[name] = std::move(with);
}

void merge_config(const app_context& app, const start_run& m, const record* thread) {
  auto& plan = *m.plan;
  const auto* entry = app.graphs.by_graph(plan.graph_id);
  const auto* who = plan.who->identity.empty() ? nullptr : plan.who.get();
  const auto& assistant = assistant_of(m, entry);
  const json::value made_context = m.assistant ? json::value(assistant.context) : no_context;
  auto merged = merge_run_config({assistant.config, assistant.metadata,
                                  m.assistant ? made_context
                                  : entry     ? entry->context
                                              : no_context},
                                 {nothing, thread ? thread->metadata : nothing, no_context},
                                 {m.config, m.metadata, m.context}, who,
                                 ids_of(plan, thread != nullptr), m.headers, {},
                                 entry && entry->flow ? entry->flow->context_schema() : no_context);
  if (entry && !entry->version.empty()) {
    merged.metadata["agent_version"] = entry->version;
    merged.config["metadata"] = merged.metadata;
  }
  replace(plan.kwargs, "config", std::move(merged.config));
  replace(plan.kwargs, "context", std::move(merged.context));
  plan.metadata = std::move(merged.metadata);
}

json::object graph_of(const run_plan& plan) {
  return {{"graph_id", plan.graph_id}, {"assistant_id", plan.assistant_id}};
}

json::object new_thread_metadata(const start_run& m) {
  auto metadata = graph_of(*m.plan);
  merge(metadata, m.thread_metadata ? *m.thread_metadata : m.metadata);
  merge(metadata, graph_of(*m.plan)); // whatever the client says of them
  return metadata;
}

record new_thread(const app_context& app, const start_run& m, json::object config) {
  const auto& plan = *m.plan;
  record row;
  row.type = kind::thread;
  row.tenant = plan.who->tenant;
  row.id = plan.thread_id;
  row.status = "busy";
  row.metadata = new_thread_metadata(m);
  row.created_at = row.state_updated_at = row.updated_at = now();
  row.doc = {{"config", std::move(config)},
             {"values", nullptr},
             {"settled", "idle"}}; // the status after a run that leaves no trace
  row.listed = !plan.drop_thread;
  if (row.listed)
    row.owner = plan.who->key().text();
  if (const auto& kept = app.options->threads; !m.stateless && kept.ttl.count() > 0)
    row.expires = expiry{row.created_at + kept.ttl, kept.ttl, kept.keep_latest};
  auto stays = app.options->runs.stateless_ttl;
  if (m.stateless && !plan.drop_thread && stays.count() > 0)
    row.expires = expiry{row.created_at + stays, stays};
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

result<void> complete(const app_context& app, const start_run& m, const record* thread,
                      bool starts) {
  auto& plan = *m.plan;
  plan.new_thread = !thread && !plan.delayed; // a delayed run may find a state that other runs left
  plan.stored_pending = !starts;
  merge_config(app, m, thread);
  const auto& bounds = app.options->shape;
  if (auto ok = check_copied(plan, bounds); !ok)
    return ok;
  if (const auto* entry = app.graphs.by_graph(plan.graph_id))
    if (auto ok = entry->check_config(object_or_empty(plan.kwargs, "config")); !ok)
      return ok;
  if (auto ok = check_channels(app, plan); !ok)
    return ok;
  return thread ? result<void>{} : check_metadata(new_thread_metadata(m), bounds);
}

bool answers_once(const run_plan& plan) {
  const auto* resume = member(object_or_empty(plan.kwargs, "command"), "resume");
  return plan.multitask_strategy == "reject" && plan.checkpoint_id.empty() && resume
         && !resume->is_null();
}

write_batch creation(const app_context& app, const start_run& m, const record* thread, bool busy) {
  const auto& plan = *m.plan;
  auto config = m.config;
  const auto* entry = app.graphs.by_graph(plan.graph_id);
  config["configurable"] = object_or_empty(assistant_of(m, entry).config, "configurable");
  write_batch what;
  if (thread) {
    write_batch::thread_change change{plan.who->tenant, plan.thread_id, m.auth_filter};
    if (!busy)
      change.metadata = graph_of(plan);
    change.doc.emplace_back("config", dump(config));
    change.at = now();
    if (answers_once(plan))
      change.expected = thread->revision;
    what.thread_changes.push_back(std::move(change));
  } else {
    what.puts.push_back(
      {new_thread(app, m, std::move(config)), 0, false, app.options->stored.threads});
  }
  what.puts.push_back({to_record(plan, plan.stored_pending ? "pending" : "running"), 0});
  return what;
}

write_batch::thread_change touched(const std::string& tenant, const std::string& thread_id) {
  write_batch::thread_change thread{tenant, thread_id};
  thread.doc.emplace_back("ran", "true");
  thread.at = now();
  thread.new_state = true;
  return thread;
}

write_batch::thread_change showing(const run_outcome& outcome, const std::string& tenant,
                                   const std::string& thread_id) {
  auto thread = touched(tenant, thread_id);
  if (outcome.values)
    thread.doc.emplace_back("values", text_of(*outcome.values));
  thread.doc.emplace_back("error", dump(outcome.error));
  thread.doc.emplace_back("interrupts", dump(outcome.interrupts_by_task()));
  thread.settled = outcome.thread_status();
  return thread;
}

write_batch of_run(const run_plan& plan) {
  write_batch what;
  what.held.push_back({plan.who->tenant, plan.thread_id, plan.run_id, plan.fence});
  return what;
}

write_batch ending_on(const run_plan& plan, const run_outcome& outcome, run_trace trace,
                      const json::object& usage) {
  auto thread = trace == run_trace::full ? showing(outcome, plan.who->tenant, plan.thread_id)
                                         : touched(plan.who->tenant, plan.thread_id);
  auto what = of_run(plan);
  what.thread_changes.push_back(std::move(thread));
  if (trace == run_trace::none) {
    what.erases.push_back({{kind::run, plan.who->tenant, plan.run_id}});
    what.checkpoint_erases.push_back({plan.who->tenant, plan.thread_id, plan.run_id});
  } else {
    what.puts.push_back({to_record(plan, outcome.status(), &outcome, usage)});
  }
  return what;
}

} // namespace behalf::runs
