#include "agents/configured.hpp"

#include "agents/tools/builtin.hpp"
#include "agents/tools/kept_results.hpp"
#include "agents/tools/openapi.hpp"
#include "agents/tools/other_agent.hpp"
#include "runtime/base/among.hpp"

#include <algorithm>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t longest_prompt = 64 << 10; // of an assistant: each of its runs stores it
constexpr std::size_t most_tools = 512;
constexpr double hottest = 2;

error off(const agent_options& agent, std::string_view what) {
  return fail(errc::invalid_argument,
              "The agent '" + agent.name + "' " + std::string(what) + " (config.configurable)");
}

error not_open(const agent_options& agent, std::string_view key) {
  return off(agent, "does not let its assistants set '" + std::string(key) + "'");
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& one : names)
    all += (all.empty() ? "" : ", ") + one;
  return all;
}

// Nothing: the services say what tools there are.
std::optional<std::vector<std::string>> possible_tools(const agent_options& agent) {
  auto all = builtin_tools_of(builtin_of(agent));
  if (!agent.agents.empty())
    all.emplace_back(task_tool_name); // by which it gives tasks to others
  for (const auto& one : agent.functions)
    all.push_back(one.what.what.name);
  for (const auto& name : agent.hand_offs)
    all.push_back(hand_off_tool_name(name));
  for (const auto& source : agent.tools) {
    const auto before = all.size();
    if (source.is_agent())
      all.push_back(ask_tool_name(source));
    for (const auto* list : {&source.allow, &source.ask, &source.reads})
      all.insert(all.end(), list->begin(), list->end());
    const bool lists_all = all.size() != before && !among(all, "*") && source.conditions.empty();
    if (!lists_all && !source.document)
      return std::nullopt;
    if (!lists_all) {
      std::erase(all, "*");
      for (const auto& [name, operation] : source.document->operations)
        if (!among(source.deny, name))
          all.push_back(name);
    }
  }
  return all;
}

// The names that an assistant may choose: of tools, services and what is built in. Nothing: as
// above.
std::optional<std::vector<std::string>> possible_choices(const agent_options& agent) {
  auto all = possible_tools(agent);
  if (!all)
    return std::nullopt;
  for (const auto& group : builtin_of(agent))
    if (!among(*all, group))
      all->push_back(group);
  for (const auto& source : agent.tools)
    all->push_back(source.service);
  return all;
}

// Under its service's name, too, as the model is told of it where two services have one.
bool is_possible(const agent_options& agent, const std::vector<std::string>& possible,
                 std::string_view name) {
  return among(possible, name)
         || std::any_of(agent.tools.begin(), agent.tools.end(), [&](const tool_source& source) {
              const auto prefix = source.service + '_';
              return name.starts_with(prefix) && among(possible, name.substr(prefix.size()));
            });
}

result<void> take_prompt(agent_settings& to, const agent_options& agent, const json::value& v) {
  if (!agent.choices.prompt)
    return not_open(agent, "prompt");
  const auto* text = v.if_string();
  if (!text || text->size() > longest_prompt)
    return off(agent, "takes a text of at most 64 KiB as 'prompt'");
  to.prompt = std::string_view{*text};
  return {};
}

result<void> take_model(agent_settings& to, const agent_options& agent, const json::value& v) {
  const auto& models = agent.choices.models;
  if (models.empty())
    return not_open(agent, "model");
  const auto* text = v.if_string();
  if (!text || (*text != agent.model && !among(models, *text)))
    return off(agent, "takes one of these as 'model': " + joined(models));
  to.model = std::string_view{*text};
  return {};
}

result<void> take_temperature(agent_settings& to, const agent_options& agent,
                              const json::value& v) {
  if (!agent.choices.temperature)
    return not_open(agent, "temperature");
  boost::system::error_code ec;
  const auto value = v.is_number() ? v.to_number<double>(ec) : -1;
  if (!(value >= 0 && value <= hottest))
    return off(agent, "takes a number from 0 to 2 as 'temperature'");
  to.parameters["temperature"] = v;
  return {};
}

result<void> take_tools(agent_settings& to, const agent_options& agent, const json::value& v) {
  if (!agent.choices.tools)
    return not_open(agent, "tools");
  const auto* given = v.if_array();
  if (!given || given->size() > most_tools)
    return off(agent, "takes a list of names as 'tools'");
  const auto possible = possible_choices(agent);
  std::vector<std::string> names;
  for (const auto& one : *given) {
    const auto* name = one.if_string();
    if (!name)
      return off(agent, "takes a list of names as 'tools'");
    if (possible && !is_possible(agent, *possible, *name))
      return off(agent, "has no tool " + excerpt(one) + "; there are: " + joined(*possible));
    names.emplace_back(*name);
  }
  to.tools = std::move(names);
  return {};
}

// A limit of one run, and what an assistant may make of it.
struct run_limit {
  int64_t* value; // null: there is none of that name
  int64_t least, most;
};

run_limit limit_of(agent_limits& limits, std::string_view name) {
  constexpr int64_t boundless = int64_t{1} << 52; // where the declaration has none
  if (name == "model_calls")
    return {&limits.model_calls, 1, limits.model_calls};
  if (name == "tool_calls")
    return {&limits.tool_calls, 0, limits.tool_calls};
  auto& tokens = limits.spending.tokens_per_run; // 0: none
  if (name == "tokens_per_run")
    return {&tokens, 1, tokens > 0 ? tokens : boundless};
  return {nullptr, 0, 0};
}

result<void> take_count(int64_t& to, const run_limit& limit, const agent_options& agent,
                        std::string_view key, const json::value& value) {
  const auto* count = value.if_int64();
  if (!count || *count < limit.least || *count > limit.most)
    return off(agent, "takes a whole number from " + std::to_string(limit.least) + " to "
                        + std::to_string(limit.most) + " as 'limits." + std::string(key) + "'");
  to = *count;
  return {};
}

result<void> take_limits_of_tools(agent_settings& to, const agent_options& agent,
                                  const json::value& v) {
  const auto* given = v.if_object();
  if (!given || given->size() > most_tools)
    return off(agent, "takes an object of numbers as 'limits.per_tool'");
  for (const auto& [key, value] : *given) {
    const std::string name(key);
    if (auto why = no_such_tool(agent, name); !why.empty())
      return off(agent, "has " + why);
    const auto declared = agent.limits.per_tool.find(name);
    const auto most =
      declared == agent.limits.per_tool.end() ? agent.limits.tool_calls : declared->second;
    if (auto ok = take_count(to.limits.per_tool[name], {nullptr, 0, most}, agent,
                             "per_tool." + name, value);
        !ok)
      return ok.error();
  }
  return {};
}

result<void> take_limits(agent_settings& to, const agent_options& agent, const json::value& v) {
  if (!agent.choices.limits)
    return not_open(agent, "limits");
  const auto* given = v.if_object();
  if (!given)
    return off(agent, "takes an object of numbers as 'limits'");
  for (const auto& [key, value] : *given) {
    if (key == "per_tool") {
      if (auto ok = take_limits_of_tools(to, agent, value); !ok)
        return ok.error();
      continue;
    }
    const auto limit = limit_of(to.limits, key);
    if (!limit.value)
      return off(agent, "has no limit " + excerpt(json::value(key)));
    if (auto ok = take_count(*limit.value, limit, agent, key, value); !ok)
      return ok.error();
  }
  return {};
}

using take_setting = result<void> (*)(agent_settings&, const agent_options&, const json::value&);
constexpr std::pair<std::string_view, take_setting> settings[] = {
  {"prompt", take_prompt}, {"model", take_model},   {"temperature", take_temperature},
  {"tools", take_tools},   {"limits", take_limits},
};

agent_settings declared(const agent_options& agent) {
  return {agent.model, agent.prompt, agent.limits, {}, std::nullopt};
}

// A field as editors show it. `kind`: of OAP's fields.
json::object field(std::string_view type, std::string_view title, std::string_view kind,
                   json::value preset, json::object more = {}) {
  json::object shown{{"type", kind}, {"default", preset}, {"description", title}};
  merge(shown, more);
  json::array nodes{"model"};
  json::object about{{"x_oap_ui_config", std::move(shown)}};
  return {{"type", type},
          {"title", title},
          {"default", std::move(preset)},
          {"langgraph_nodes", std::move(nodes)},
          {"metadata", std::move(about)}};
}

json::object prompt_field(const agent_options& agent) {
  auto f = field("string", "What the model is told first", "textarea", json::value(agent.prompt));
  f["maxLength"] = longest_prompt;
  f["langgraph_type"] = "prompt";
  return f;
}

json::object model_field(const agent_options& agent) {
  auto names = agent.choices.models;
  if (!among(names, agent.model))
    names.insert(names.begin(), agent.model);
  json::array options;
  for (const auto& name : names)
    options.push_back(json::object{{"label", name}, {"value", name}});
  auto f = field("string", "The model", "select", json::value(agent.model),
                 json::object{{"options", std::move(options)}});
  f["enum"] = json::value_from(names);
  f["__template_metadata__"] = json::object{{"kind", "llm"}};
  return f;
}

json::object temperature_field() {
  json::object range{{"min", 0}, {"max", hottest}, {"step", 0.1}};
  auto f = field("number", "How freely the model words it", "slider", nullptr, std::move(range));
  f.erase("default");
  f["minimum"] = 0;
  f["maximum"] = hottest;
  return f;
}

json::object tools_field(const agent_options& agent) {
  auto f = field("array", "The tools it may use, all where none is named", "json", nullptr);
  f.erase("default");
  json::object items{{"type", "string"}};
  if (const auto possible = possible_choices(agent))
    items["enum"] = json::value_from(*possible);
  f["items"] = std::move(items);
  f["maxItems"] = most_tools;
  return f;
}

json::object limits_field(const agent_options& agent) {
  auto limits = agent.limits;
  json::object preset, properties;
  for (const auto* name : {"model_calls", "tool_calls", "tokens_per_run"}) {
    const auto limit = limit_of(limits, name);
    if (*limit.value > 0)
      preset[name] = *limit.value;
    properties[name] = {{"type", "integer"}, {"minimum", limit.least}, {"maximum", limit.most}};
  }
  json::object each{{"type", "integer"}, {"minimum", 0}, {"maximum", limits.tool_calls}};
  properties["per_tool"] = {{"type", "object"}, {"additionalProperties", std::move(each)}};
  auto f = field("object", "How much one run may do", "json", json::value(std::move(preset)));
  f["properties"] = std::move(properties);
  f["additionalProperties"] = false;
  return f;
}

} // namespace

std::string no_such_tool(const agent_options& agent, std::string_view name) {
  const auto possible = possible_tools(agent);
  if (!possible || name == kept_tool_name || is_possible(agent, *possible, name))
    return {};
  return "no tool " + excerpt(json::value(name)) + "; there are: " + joined(*possible);
}

result<agent_settings> settings_of(const agent_options& agent, const json::object& configurable) {
  auto made = declared(agent);
  for (const auto& [key, take] : settings)
    if (const auto* given = configurable.if_contains(key); given && !given->is_null())
      if (auto ok = take(made, agent, *given); !ok)
        return ok.error();
  return made;
}

result<agent_settings> configured(const agent_options& agent, const agent_options& first,
                                  const context& ctx) {
  const auto graph = string_or(ctx.configurable(), "graph_id");
  if (graph == agent.name)
    return settings_of(agent, ctx.configurable());
  auto made = declared(agent);
  if (graph != first.name)
    return made;
  auto set = settings_of(first, ctx.configurable());
  if (!set)
    return set.error();
  const auto& lowered = object_or_empty(ctx.configurable(), "limits");
  for (const auto& [key, value] : lowered)
    if (const auto own = limit_of(made.limits, key), lower = limit_of(set->limits, key); own.value)
      *own.value = std::clamp(*lower.value, own.least, own.most);
  for (const auto& [key, value] : object_or_empty(lowered, "per_tool")) {
    const std::string tool(key);
    const auto lower = set->limits.per_tool.at(tool);
    const auto own = made.limits.per_tool.emplace(tool, lower).first;
    own->second = std::min(own->second, lower);
  }
  return made;
}

void keep_chosen(std::vector<agent_tool>& tools, const agent_settings& settings) {
  if (!settings.tools)
    return;
  auto names = *settings.tools;
  const auto builtin = builtin_tools_of(names);
  names.insert(names.end(), builtin.begin(), builtin.end());
  std::erase_if(tools, [&](const agent_tool& one) {
    return !among(names, one.service) && !among(names, one.name) && !among(names, one.as_told.name);
  });
}

json::object settings_schema(const agent_options& agent) {
  const auto& open = agent.choices;
  json::object properties;
  if (open.prompt)
    properties["prompt"] = prompt_field(agent);
  if (!open.models.empty())
    properties["model"] = model_field(agent);
  if (open.temperature)
    properties["temperature"] = temperature_field();
  if (open.tools)
    properties["tools"] = tools_field(agent);
  if (open.limits)
    properties["limits"] = limits_field(agent);
  if (properties.empty())
    return {};
  return {{"title", agent.name}, {"type", "object"}, {"properties", std::move(properties)}};
}

} // namespace behalf
