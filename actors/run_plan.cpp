#include "actors/run_plan.hpp"

namespace behalf {

record to_record(const run_plan& plan, std::string_view status) {
  record row;
  row.type = kind::run;
  row.tenant = plan.who->tenant;
  row.id = plan.run_id;
  row.parent = plan.thread_id;
  row.status = status;
  row.metadata = plan.metadata;
  row.created_at = plan.created_at;
  row.updated_at = now();
  row.doc = {{"assistant_id", plan.assistant_id},
             {"graph_id", plan.graph_id},
             {"kwargs", plan.kwargs},
             {"multitask_strategy", plan.multitask_strategy},
             {"principal", plan.who->to_json()},
             {"from_checkpoint", plan.checkpoint_id},
             {"request_id", plan.request_id},
             {"attempt", plan.attempt},
             {"crashes", plan.crashes},
             {"drop_thread", plan.drop_thread}};
  return row;
}

result<run_plan> plan_from(const record& row) {
  auto who = principal::from_json(row.doc.at("principal"));
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
  plan.request_id = string_or(row.doc, "request_id");
  plan.attempt = static_cast<int>(int_or(row.doc, "attempt", 1));
  plan.crashes = static_cast<int>(int_or(row.doc, "crashes", 0));
  plan.temporary = bool_or(plan.kwargs, "temporary");
  plan.drop_thread = bool_or(row.doc, "drop_thread");
  return plan;
}

} // namespace behalf
