#include "actors/run_plan.hpp"

namespace behalf {

namespace {

// One JSON object as text, member by member.
class object_text {
public:
  template <class T>
  void add(std::string_view name, const T& v) {
    member(name) += dump(json::value_from(v));
  }
  void add(std::string_view name, const json::value& v) { member(name) += dump(v); }
  void add(std::string_view name, const json::object& v) { member(name) += dump(v); }
  std::string take() { return std::move(text_) + '}'; }

private:
  std::string& member(std::string_view name) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    return text_.append(name).append("\":");
  }
  std::string text_ = "{";
};

record row_of(const run_plan& plan, std::string_view status) {
  record row;
  row.type = kind::run;
  row.tenant = plan.who->tenant;
  row.id = plan.run_id;
  row.parent = plan.thread_id;
  row.status = status;
  row.metadata = plan.metadata;
  row.created_at = plan.created_at;
  row.updated_at = now();
  return row;
}

std::string document(const run_plan& plan, const run_outcome* end) {
  object_text doc;
  doc.add("assistant_id", plan.assistant_id);
  doc.add("graph_id", plan.graph_id);
  doc.add("kwargs", plan.kwargs);
  doc.add("multitask_strategy", plan.multitask_strategy);
  doc.add("principal", plan.who->to_json());
  doc.add("from_checkpoint", plan.checkpoint_id);
  doc.add("request_id", plan.request_id);
  doc.add("attempt", plan.attempt);
  doc.add("crashes", plan.crashes);
  doc.add("drop_thread", plan.drop_thread);
  if (end) {
    doc.add("error", *end->error);
    doc.add("checkpoint_id", *end->checkpoint_id);
  }
  return doc.take();
}

} // namespace

record to_record(const run_plan& plan, std::string_view status, const run_outcome* end) {
  auto row = row_of(plan, status);
  row.doc_text = document(plan, end);
  return row;
}

record shown_record(const run_plan& plan, std::string_view status) {
  auto row = row_of(plan, status);
  row.doc = {{"assistant_id", plan.assistant_id},
             {"kwargs", plan.kwargs},
             {"multitask_strategy", plan.multitask_strategy}};
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
