#include "runtime/graph/run_config.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

// What only the server says, wherever a graph may look for it; `user_id` too where there is a user.
constexpr std::array server_keys{"run_id",
                                 "thread_id",
                                 "graph_id",
                                 "assistant_id",
                                 "langgraph_request_id",
                                 "langgraph_auth_user",
                                 "langgraph_auth_user_id",
                                 "langgraph_auth_permissions"};

constexpr auto never_shown = inbound_credentials | header_class::caller;

// `*` stands for any characters. Linear in practice: one retry point suffices.
bool glob(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = pattern.npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool any_glob(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& one) { return glob(ascii_lower(one), name); });
}

bool may_show(const header_rules& rules, const std::string& name) {
  return !is_header(name, never_shown) && any_glob(rules.includes, name)
         && !any_glob(rules.excludes, name);
}

// The keys a client may not decide.
void add_server_keys(json::object& c, const principal* who, const run_ids& ids) {
  c["run_id"] = ids.run_id;
  c["thread_id"] = ids.thread_id;
  c["graph_id"] = ids.graph_id;
  c["assistant_id"] = ids.assistant_id;
  c["langgraph_request_id"] =
    ids.request_id.empty() ? json::value(nullptr) : json::value(ids.request_id);
  auto user = who ? who->to_auth_user() : json::object{};
  c["langgraph_auth_user"] = who ? json::value(std::move(user)) : json::value(nullptr);
  c["langgraph_auth_user_id"] = who ? who->identity : std::string{};
  c["langgraph_auth_permissions"] =
    who ? json::array(who->permissions.begin(), who->permissions.end()) : json::array{};
  if (who || !c.contains("user_id"))
    c["user_id"] = who ? who->identity : std::string{};
  // Where a run starts is decided by the request, not by what an assistant stored.
  c.erase("checkpoint_id");
  c.erase("checkpoint_ns");
  if (!ids.checkpoint_id.empty()) {
    c["checkpoint_id"] = ids.checkpoint_id;
    c["checkpoint_ns"] = ids.checkpoint_ns;
  }
}

// A context may be a copy of what was sent as configurable: what it says under a server's key is
// what the server says.
void correct_server_keys(json::object& context, const json::object& configurable) {
  const auto correct = [&](auto key) {
    if (auto* sent = context.if_contains(key))
      *sent = configurable.at(key);
  };
  for (auto key : server_keys)
    correct(key);
  correct("user_id");
}

void erase_server_keys(json::object& from) {
  for (auto key : server_keys)
    from.stable_erase(key);
}

// The members that the graph's context schema declares; null: all.
json::object declared(const json::object& all, const json::value& schema) {
  if (!schema.is_object())
    return all;
  json::object kept;
  for (const auto& [key, v] : all)
    if (object_or_empty(schema.get_object(), "properties").contains(key))
      kept[key] = v;
  return kept;
}

json::object merged_context(const config_layer& assistant, const config_layer& run,
                            const json::value& schema) {
  json::object all;
  if (const auto* context = assistant.context->if_object())
    all = *context;
  const auto* given = run.context->if_object();
  merge(all, given && !given->empty() ? *given : object_or_empty(*run.config, "configurable"));
  return declared(all, schema);
}

// A context shows in `configurable` too, for graphs that read their settings there.
json::object merged_configurable(const config_layer& assistant, const config_layer& thread,
                                 const config_layer& run, const json::value& context_schema) {
  json::object all;
  for (const auto* layer : {&assistant, &thread, &run}) {
    merge(all, object_or_empty(*layer->config, "configurable"));
    if (const auto* context = layer->context->if_object())
      merge(all, declared(*context, context_schema));
  }
  return all;
}

json::object merged_metadata(const config_layer& assistant, const config_layer& thread,
                             const config_layer& run, const run_ids& ids) {
  auto all = *assistant.metadata;
  merge(all, *thread.metadata);
  merge(all, object_or_empty(*run.config, "metadata"));
  merge(all, *run.metadata);
  erase_server_keys(all);
  all.stable_erase("run_attempt"); // added as the run starts, as its other ids are
  if (ids.thread_existed)
    all["graph_id"] = ids.graph_id;
  all["assistant_id"] = ids.assistant_id;
  return all;
}

} // namespace

merged_config merge_run_config(const config_layer& assistant, const config_layer& thread,
                               const config_layer& run, const principal* who, const run_ids& ids,
                               const header_list& headers, const header_rules& rules,
                               const json::value& context_schema) {
  merged_config m;
  m.config = *assistant.config;
  merge(m.config, *run.config);
  erase_server_keys(m.config);
  auto configurable = merged_configurable(assistant, thread, run, context_schema);
  for (const auto& [name, value] : headers)
    if (auto key = ascii_lower(name); may_show(rules, key))
      configurable[key] = value;
  add_server_keys(configurable, who, ids);
  auto context = merged_context(assistant, run, context_schema);
  correct_server_keys(context, configurable);
  m.config["configurable"] = std::move(configurable);
  m.metadata = merged_metadata(assistant, thread, run, ids);
  m.config["metadata"] = m.metadata;
  m.context = std::move(context);
  return m;
}

} // namespace behalf
