#include "actors/runs/run_plan.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/base/text.hpp"
#include "runtime/storage/write_batch.hpp"

#include <algorithm>

namespace behalf::runs {

namespace {

record row_of(const run_plan& plan, std::string_view status) {
  record row;
  row.type = kind::run;
  row.tenant = plan.who->tenant;
  row.id = plan.run_id;
  row.parent = plan.thread_id;
  row.status = status;
  row.metadata = plan.metadata;
  row.created_at = plan.created_at;
  // Only a delayed run is written before it is due, also when the clock is set back.
  row.updated_at = plan.delayed ? now() : std::max(now(), plan.created_at);
  return row;
}

json::value shown(const record& row, std::string_view member_name) {
  const auto* v = member(row.doc, member_name);
  return v ? *v : json::value(nullptr);
}

// Stored text that may not be UTF-8, as text that JSON can hold.
std::string safe_text(const std::string& raw) {
  return is_utf8(raw) ? raw : "hexadecimal: " + to_hex(raw);
}

std::string document(const run_plan& plan, const run_outcome* end, const json::object& usage) {
  json_writer doc;
  doc.object();
  doc.member("assistant_id", plan.assistant_id);
  doc.member("graph_id", plan.graph_id);
  doc.member("kwargs", plan.kwargs);
  doc.member("multitask_strategy", plan.multitask_strategy);
  doc.member("principal", plan.who->to_json());
  doc.member("from_checkpoint", plan.checkpoint_id);
  doc.member("request_id", plan.request_id);
  doc.member("attempt", plan.attempt);
  doc.member("crashes", plan.crashes);
  doc.member("drop_thread", plan.drop_thread);
  if (!end && plan.suspect)
    doc.member("suspect", true);
  if (!end && plan.apart)
    doc.member("apart", true);
  if (const auto& used = usage.empty() ? plan.usage : usage; !end && !used.empty())
    doc.member("usage", used);
  if (!end && !plan.crashed_at.empty())
    doc.member("crashed_at", plan.crashed_at);
  if (end) {
    doc.member("error", end->error);
    doc.member("checkpoint_id", end->checkpoint_id);
    if (!end->interrupts.empty())
      doc.member("interrupts", end->shown_interrupts());
  }
  return doc.take();
}

} // namespace

record to_record(const run_plan& plan, std::string_view status, const run_outcome* end,
                 const json::object& usage) {
  auto row = row_of(plan, status);
  if (end && !usage.empty())
    row.metadata["usage"] = usage;
  row.doc_text = document(plan, end, usage);
  return row;
}

record shown_record(const run_plan& plan, std::string_view status) {
  auto row = row_of(plan, status);
  row.doc = {{"assistant_id", plan.assistant_id},
             {"kwargs", plan.kwargs},
             {"multitask_strategy", plan.multitask_strategy}};
  return row;
}

json::object run_view(const record& row) {
  return {{"run_id", row.id},
          {"thread_id", row.parent},
          {"assistant_id", shown(row, "assistant_id")},
          {"metadata", row.metadata},
          {"status", row.status},
          {"kwargs", shown(row, "kwargs")},
          {"multitask_strategy", shown(row, "multitask_strategy")},
          {"created_at", iso8601(row.created_at)},
          {"updated_at", iso8601(row.updated_at)},
          {"langsmith_session_name", nullptr}};
}

result<principal> principal_of(const record& row) {
  if (!row.doc_text.empty())
    return fail(errc::internal, "the stored run is no readable JSON");
  const auto* who = member(row.doc, "principal");
  return principal::from_json(who ? *who : json::value(nullptr));
}

result<run_plan> plan_from(const record& row) {
  auto who = principal_of(row);
  if (!who)
    return who.error();
  run_plan plan;
  plan.run_id = row.id;
  plan.thread_id = row.parent;
  plan.assistant_id = string_or(row.doc, "assistant_id");
  plan.graph_id = string_or(row.doc, "graph_id");
  plan.who = std::make_shared<const principal>(std::move(*who));
  plan.kwargs = object_or_empty(row.doc, "kwargs");
  plan.metadata = row.metadata;
  plan.multitask_strategy = string_or(row.doc, "multitask_strategy");
  plan.checkpoint_id = string_or(row.doc, "from_checkpoint");
  plan.created_at = row.created_at;
  plan.delayed = waits_for_its_time(row);
  plan.request_id = string_or(row.doc, "request_id");
  plan.attempt = static_cast<int>(int_or(row.doc, "attempt", 1));
  plan.crashes = static_cast<int>(int_or(row.doc, "crashes", 0));
  plan.crashed_at = string_or(row.doc, "crashed_at");
  plan.usage = object_or_empty(row.doc, "usage");
  plan.suspect = bool_or(row.doc, "suspect");
  plan.apart = bool_or(row.doc, "apart");
  plan.temporary = bool_or(plan.kwargs, "temporary");
  plan.drop_thread = bool_or(row.doc, "drop_thread");
  plan.fence = row.fence;
  return plan;
}

std::shared_ptr<const run_facts> facts_of(const std::shared_ptr<const run_plan>& shared,
                                          std::shared_ptr<const model_directory> models,
                                          std::shared_ptr<run_spending> spending) {
  const auto& plan = *shared;
  auto facts = std::make_shared<run_facts>();
  facts->run_id = plan.run_id;
  facts->thread_id = plan.thread_id;
  facts->graph_id = plan.graph_id;
  facts->assistant_id = plan.assistant_id;
  facts->temporary = plan.drop_thread;
  facts->models = std::move(models);
  facts->spending = std::move(spending);
  facts->owner = plan.who->key().text();
  facts->config = {shared, &object_or_empty(plan.kwargs, "config")};
  if (const auto* context = member(plan.kwargs, "context"))
    facts->run_context = {shared, context};
  facts->metadata = plan.metadata;
  facts->metadata["run_id"] = plan.run_id;
  facts->metadata["thread_id"] = plan.thread_id;
  facts->metadata["graph_id"] = plan.graph_id;
  facts->metadata["run_attempt"] = plan.attempt;
  return facts;
}

write_batch set_aside(const record& row, std::string_view why, bool with_thread) {
  json::object failure{{"error", "UnreadableRun"}, {"message", why}};
  write_batch what;
  what.held.push_back({row.tenant, row.parent, row.id, row.fence});
  auto kept = row;
  kept.status = "error";
  kept.updated_at = now();
  kept.doc_text.clear();
  if (!row.doc_text.empty())
    kept.doc = {{"unreadable", safe_text(row.doc_text)}};
  kept.doc["error"] = failure;
  what.puts.push_back({std::move(kept)});
  if (with_thread) {
    write_batch::thread_change change{row.tenant, row.parent};
    change.doc.emplace_back("error", dump(failure));
    change.settled = "error";
    change.at = now();
    change.new_state = true;
    what.thread_changes.push_back(std::move(change));
  }
  return what;
}

} // namespace behalf::runs
