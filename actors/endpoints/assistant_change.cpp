#include "actors/endpoints/assistant_change.hpp"

#include "actors/endpoints/run_request.hpp"

#include <cstdio>

namespace behalf::endpoints {
namespace {

constexpr std::string_view configurable = "configurable";

bool gives_settings(const std::optional<json::object>& config) {
  return config && !object_or_empty(*config, configurable).empty();
}

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::value or_null(const std::optional<json::object>& object) {
  return object ? json::value(*object) : json::value(nullptr);
}

std::string number_text(int64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%010lld", static_cast<long long>(number));
  return text;
}

json::value doc_value(const record& row, std::string_view key) {
  const auto* v = member(row.doc, key);
  return v ? *v : json::value(nullptr);
}

void take_config(json::object& doc, const std::optional<json::object>& config,
                 const std::optional<json::object>& context) {
  if (config && !config->empty())
    doc["config"] = *config;
  auto& kept = doc["config"].get_object();
  if (context) {
    doc["context"] = *context;
    if (context->empty())
      kept.erase(configurable);
    else
      kept[configurable] = *context;
  } else if (gives_settings(config)) {
    doc["context"] = object_or_empty(*config, configurable);
  }
}

} // namespace

const std::vector<std::string_view> assistant_change::may_change{"graph_id", "config", "context",
                                                                 "metadata", "name"};

assistant_change assistant_change::read(body_reader& in, const shape_limits& bounds) {
  assistant_change c;
  c.graph_id = in.text("graph_id");
  c.name = in.text("name");
  c.description = in.text("description", true);
  if (in.any("config"))
    c.config = read_config(in, bounds);
  c.context = in.merged("context", &shape_limits::config_bytes);
  c.metadata = in.metadata();
  if (gives_settings(c.config) && c.context && !c.context->empty())
    in.refuse(fail(errc::bad_request, "Cannot specify both configurable and context. Prefer "
                                      "setting context alone. Context was introduced in LangGraph "
                                      "0.6.0 and is the long term planned replacement for "
                                      "configurable."));
  if (gives_settings(c.config))
    c.context.reset(); // an empty one beside settings says nothing
  return c;
}

json::object assistant_change::value(const std::string& assistant_id) const {
  return {{"assistant_id", assistant_id},
          {"graph_id", or_null(graph_id)},
          {"config", or_null(config)},
          {"context", or_null(context)},
          {"metadata", metadata.value_or(json::object{})},
          {"name", or_null(name)}};
}

void assistant_change::take(admission::granted_reader& granted) {
  const auto text = [&](std::string_view key, std::optional<std::string>& into) {
    if (granted.has(key))
      into = granted.text(key);
    else
      into.reset();
  };
  const auto object = [&](std::string_view key, std::optional<json::object>& into) {
    if (granted.has(key))
      into = granted.object(key);
    else
      into.reset();
  };
  text("graph_id", graph_id);
  text("name", name);
  object("config", config);
  object("context", context);
  object("metadata", metadata);
}

result<void> assistant_change::apply_to(record& assistant, const shape_limits& bounds) const {
  if (graph_id)
    assistant.graph_id = *graph_id;
  if (name)
    assistant.name = *name;
  if (description)
    assistant.doc["description"] = *description;
  for (auto key : {"config", "context"})
    if (!assistant.doc[key].is_object())
      assistant.doc[key] = json::object{};
  take_config(assistant.doc, config, context);
  if (metadata)
    merge(assistant.metadata, *metadata);
  const auto* maker = member(assistant.metadata, "created_by");
  if (maker && maker->is_string() && maker->get_string() == "system")
    assistant.metadata.erase("created_by"); // what only the server says, of its own
  if (assistant.metadata.size() > bounds.fields)
    return fail(errc::invalid_argument,
                "metadata would have more than " + std::to_string(bounds.fields) + " members");
  return check_metadata(assistant.metadata, bounds);
}

void begin_versions(record& assistant, time_point at) {
  assistant.created_at = assistant.updated_at = at;
  assistant.doc["version"] = 1;
  assistant.doc["newest"] = 1;
}

int64_t newest_version(const record& assistant) {
  return int_or(assistant.doc, "newest", int_or(assistant.doc, "version", 1));
}

void next_version(record& assistant, time_point at) {
  const auto number = newest_version(assistant) + 1;
  assistant.doc["version"] = number;
  assistant.doc["newest"] = number;
  assistant.updated_at = at;
}

void restore_version(record& assistant, const record& version, time_point at) {
  const auto newest = newest_version(assistant);
  assistant.metadata = version.metadata;
  assistant.doc = version.doc;
  assistant.name = string_or(version.doc, "name");
  assistant.graph_id = string_or(version.doc, "graph_id");
  assistant.doc["newest"] = newest;
  assistant.doc.erase("name");
  assistant.doc.erase("graph_id");
  assistant.updated_at = at;
}

record_key version_key(const std::string& tenant, const std::string& assistant_id, int64_t number) {
  return {kind::assistant_version, tenant, number_text(number), assistant_id};
}

record version_of(const record& assistant) {
  record row;
  row.type = kind::assistant_version;
  row.tenant = assistant.tenant;
  row.parent = assistant.id;
  row.id = number_text(int_or(assistant.doc, "version", 1));
  row.metadata = assistant.metadata;
  row.created_at = row.updated_at = assistant.updated_at;
  row.doc = assistant.doc;
  row.doc["name"] = assistant.name;
  row.doc["graph_id"] = assistant.graph_id;
  row.doc.erase("newest");
  return row;
}

json::object version_view(const record& version) {
  return {{"assistant_id", version.parent},
          {"version", int_or(version.doc, "version", 1)},
          {"graph_id", doc_value(version, "graph_id")},
          {"config", object_or_empty(version.doc, "config")},
          {"context", object_or_empty(version.doc, "context")},
          {"metadata", version.metadata},
          {"created_at", iso8601(version.created_at)},
          {"name", doc_value(version, "name")},
          {"description", doc_value(version, "description")}};
}

} // namespace behalf::endpoints
