#include "actors/endpoints/views.hpp"

#include "runtime/storage/query.hpp"

namespace behalf::endpoints {
namespace {

json::value doc_value(const record& row, std::string_view key) {
  const auto* v = member(row.doc, key);
  return v ? *v : json::value(nullptr);
}

} // namespace

json::object thread_view(const record& row) {
  json::object shown{{"thread_id", row.id},
                     {"created_at", iso8601(row.created_at)},
                     {"updated_at", iso8601(row.updated_at)},
                     {"state_updated_at", iso8601(row.state_updated_at)},
                     {"metadata", row.metadata},
                     {"status", row.status},
                     {"config", doc_value(row, "config")},
                     {"values", doc_value(row, "values")}};
  if (bool_or(row.doc, "ran")) {
    shown["error"] = doc_value(row, "error");
    shown["interrupts"] = object_or_empty(row.doc, "interrupts");
  }
  return shown;
}

json::value ttl_view(const record& row) {
  if (!row.expires)
    return nullptr;
  return json::object{
    {"strategy", row.expires->keep_latest ? "keep_latest" : "delete"},
    {"ttl_minutes", std::chrono::duration<double, std::ratio<60>>(row.expires->ttl).count()},
    {"expires_at", iso8601(row.expires->at)}};
}

sort_key sort_of(std::string_view name) {
  return name == "created_at"         ? sort_key::created_at
         : name == "updated_at"       ? sort_key::updated_at
         : name == "state_updated_at" ? sort_key::state_updated_at
         : name == "status"           ? sort_key::status
         : name == "name"             ? sort_key::name
         : name == "graph_id"         ? sort_key::graph_id
                                      : sort_key::id;
}

json::object assistant_view(const record& row) {
  return {{"assistant_id", row.id},
          {"graph_id", row.graph_id},
          {"config", object_or_empty(row.doc, "config")},
          {"context", object_or_empty(row.doc, "context")},
          {"metadata", row.metadata},
          {"name", row.name},
          {"created_at", iso8601(row.created_at)},
          {"updated_at", iso8601(row.updated_at)},
          {"version", int_or(row.doc, "version", 1)},
          {"description", doc_value(row, "description")}};
}

json::object item_view(const record& row) {
  return {{"namespace", json::value_from(decode_namespace(row.parent))},
          {"key", row.id},
          {"value", row.doc},
          {"created_at", iso8601(row.created_at)},
          {"updated_at", iso8601(row.updated_at)}};
}

const projectable thread_fields{{"thread_id", "created_at", "updated_at", "state_updated_at",
                                 "metadata", "config", "status", "values", "interrupts"},
                                {"values", "metadata", "config", "interrupts"}};
const projectable assistant_fields{{"assistant_id", "graph_id", "name", "description", "config",
                                    "context", "created_at", "updated_at", "metadata", "version"}};
const projectable run_fields{{"run_id", "thread_id", "assistant_id", "created_at", "updated_at",
                              "status", "metadata", "kwargs", "multitask_strategy"}};

header_list pagination(int64_t offset, int64_t limit, std::size_t shown, bool more) {
  header_list headers{
    {"X-Pagination-Total", std::to_string(offset + static_cast<int64_t>(shown) + (more ? 1 : 0))}};
  if (more)
    headers.emplace_back("X-Pagination-Next", std::to_string(offset + limit));
  return headers;
}

} // namespace behalf::endpoints
