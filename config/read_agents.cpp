// agents: declared agents by name, each a model, a prompt and tools: of services, and other agents.
#include "agents/configured.hpp"
#include "agents/declaration.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/builtin.hpp"
#include "config/sections.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace behalf {
namespace {

constexpr std::size_t longest_prompt = 1 << 20;
constexpr std::size_t longest_schema = 64 << 10;
constexpr int64_t most_calls = 10'000;

const service_options* service_named(const config& c, std::string_view name) {
  auto found = std::find_if(c.services.begin(), c.services.end(),
                            [&](const auto& one) { return !one.own && one.name == name; });
  return found == c.services.end() ? nullptr : &*found;
}

bool is_builtin(const std::string& name) {
  return among(builtin_names(), name);
}

// `agent`: the key by which the service is an agent of another server; empty: it has tools.
void check_service(yaml_section& in, const std::string& name, std::string_view agent,
                   const config& c) {
  if (name.empty()) {
    if (in.has("service"))
      in.fault("service", "is empty");
    return;
  }
  const auto* service = service_named(c, name);
  if (!service)
    in.fault("service",
             "there is no '" + name + "' in `services`"
               + (is_builtin(name) ? "; the tool is built in: { builtin: [" + name + "] }"
                                   : std::string{}));
  else if (!agent.empty() && service->type != service_type::http)
    in.fault(agent,
             "'" + name + "' is of type mcp; an agent of another server is a service of type http");
  else if (agent.empty() && service->type != service_type::mcp && !c.documents.contains(name))
    in.fault("service",
             "'" + name + "' is of type http and has no `openapi` document, so it has no tools");
}

// What is wrong with the name of an operation; empty when it has one.
std::string no_operation(const api_document& document, const std::string& service,
                         const std::string& name) {
  if (document.operations.contains(name))
    return {};
  const auto where = "services." + service + ".openapi";
  if (auto found = document.left_out.find(name); found != document.left_out.end())
    return "'" + name + "' of " + where + " cannot be a tool: " + found->second;
  std::string nearest;
  auto least = name.size() / 3 + 1;
  for (const auto& [other, operation] : document.operations)
    if (const auto distance = edit_distance(ascii_lower(name), ascii_lower(other));
        distance < least) {
      least = distance;
      nearest = other;
    }
  return "'" + name + "' is no operation of " + where
         + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

std::string twice(const std::string& tool) {
  return "'" + tool + "' stands twice: without `if`, each tool stands in one of the lists";
}

void check_tool(yaml_section& in, std::string_view key, const std::string& tool,
                const service_options* service, const api_document* document) {
  if (tool.empty()) {
    if (in.has(key))
      in.fault(key, "a tool's name is missing");
  } else if (tool != "*" && service && !service->allows_tool(tool))
    in.fault(key, "'" + tool + "' is not among the tools that services." + service->name
                    + ".tools lists");
  else if (auto why = tool == "*" || !document ? std::string{}
                                               : no_operation(*document, service->name, tool);
           !why.empty())
    in.fault(key, why);
}

// Of calls whose arguments match `if`.
void read_condition(yaml_section& in, tool_condition what, tool_source& o) {
  if (what.tool == "*")
    in.fault("tool", "a rule with `if` is about one tool, by its name");
  else if (auto unread = unread_keyword(what.arguments))
    in.fault("if", "'" + *unread
                     + "' is not understood here, so that nothing would depend on it; a pattern is "
                       "a plain text, with ^ before it or $ behind it");
  else
    o.conditions.push_back(std::move(what));
}

// "*" stands for all the tools that no list names.
void read_rules(yaml_section& in, std::string_view key, tool_rule rule,
                std::vector<std::string>& list, tool_source& o, const service_options* service,
                const api_document* document, std::set<std::string>& elsewhere) {
  if (in.kind(key) == 's') { // a single name
    in.texts(key, list);
    check_tool(in, key, list.front(), service, document);
    if (!elsewhere.insert(list.front()).second)
      in.fault(key, twice(list.front()));
    return;
  }
  for (auto& one : in.sections(key, "tool")) {
    std::string tool;
    one.require("tool");
    one.text("tool", tool);
    check_tool(one, "tool", tool, service, document);
    json::object arguments;
    one.object("if", arguments);
    if (one.has("if"))
      read_condition(one, {rule, tool, std::move(arguments)}, o);
    else if (!elsewhere.insert(tool).second)
      one.fault("tool", twice(tool));
    else
      list.push_back(tool);
    one.finish();
  }
}

void read_reads(yaml_section& in, tool_source& o, const service_options* service,
                const api_document* document, std::set<std::string>& elsewhere) {
  in.texts("reads", o.reads);
  for (const auto& tool : o.reads) {
    check_tool(in, "reads", tool, service, document);
    if (!elsewhere.insert(tool).second)
      in.fault("reads", twice(tool));
  }
}

void read_timeouts(yaml_section& in, tool_source& o, const service_options* service) {
  in.duration("timeout", o.timeout);
  auto each = in.section("timeouts");
  if (!each)
    return;
  for (const auto& tool : each->keys()) {
    each->duration(tool, o.timeouts[tool]);
    if (each->has(tool))
      check_tool(*each, tool, tool, service, o.document.get());
  }
  each->finish();
}

tool_source read_source(yaml_section in, const config& c) {
  tool_source o;
  in.text("service", o.service);
  if (in.kind("service") == 0)
    in.fault("", "lacks the key 'service'");
  in.flag("a2a", o.a2a);
  in.text("assistant", o.assistant);
  if (in.has("assistant") && o.assistant.empty())
    in.fault("assistant", "is empty");
  in.text("description", o.description);
  if (o.a2a && in.has("assistant"))
    in.fault("assistant",
             "stands beside `a2a`; an agent of another server is asked by one of them");
  const bool is_agent = o.a2a || in.has("assistant");
  check_service(in, o.service, o.a2a ? "a2a" : is_agent ? "assistant" : "", c);
  const auto* service = service_named(c, o.service);
  if (auto found = c.documents.find(o.service); service && !is_agent && found != c.documents.end())
    o.document = found->second;
  std::set<std::string> named;
  read_rules(in, "allow", tool_rule::allow, o.allow, o, service, o.document.get(), named);
  read_rules(in, "ask", tool_rule::ask, o.ask, o, service, o.document.get(), named);
  read_rules(in, "deny", tool_rule::deny, o.deny, o, service, o.document.get(), named);
  read_reads(in, o, service, o.document.get(), named);
  in.flag("trusted", o.trusted);
  in.texts("return_direct", o.return_direct);
  for (const auto& tool : o.return_direct) {
    check_tool(in, "return_direct", tool, service, o.document.get());
    if (tool == "*")
      in.fault("return_direct", "lists tools by their names");
  }
  read_timeouts(in, o, service);
  o.personal = !service || service->takes_credential();
  in.finish();
  return o;
}

// Which graphs there are, and who gives tasks to whom, is known once libraries are loaded.
void read_other_agent(yaml_section in, std::string name, bool hand_off, agent_options& o) {
  if (in.has("service"))
    in.fault("agent", "stands beside `service`; an entry of `tools` has one of them");
  in.finish();
  if (std::any_of(o.agents.begin(), o.agents.end(),
                  [&](const auto& one) { return one.name == name; })
      || among(o.hand_offs, name))
    in.fault("agent", "'" + name + "' stands above already");
  if (hand_off && name == o.name)
    in.fault("agent", "an agent cannot hand the conversation over to itself");
  if (hand_off)
    o.hand_offs.push_back(std::move(name));
  else
    o.agents.push_back({std::move(name), {}});
}

void read_function(yaml_section in, std::string name, const std::string& approval,
                   agent_options& o) {
  function_use one;
  in.duration("timeout", one.timeout);
  if (in.has("service") || in.has("agent"))
    in.fault("function", "stands beside another tool; an entry of `tools` has one of them");
  in.finish();
  using rule = function_use::rule;
  one.what.what.name = std::move(name);
  one.approval = approval == "allow" ? rule::allow : approval == "ask" ? rule::ask : rule::by_hints;
  for (const auto& other : o.functions)
    if (other.what.what.name == one.what.what.name)
      in.fault("function", "'" + one.what.what.name + "' stands above already");
  o.functions.push_back(std::move(one));
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& one : names)
    all += (all.empty() ? "" : ", ") + one;
  return all;
}

void read_builtin(yaml_section in, std::vector<std::string> given,
                  std::vector<std::string>& names) {
  const auto known = builtin_names();
  for (const auto* other : {"service", "agent", "function"})
    if (in.has(other))
      in.fault("builtin",
               "stands beside another kind of tools; an entry of `tools` has one of them");
  for (auto& name : given)
    if (!is_builtin(name))
      in.fault("builtin", "there is no '" + name + "'; there are: " + joined(known));
    else if (among(names, name))
      in.fault("builtin", "'" + name + "' stands twice");
    else
      names.push_back(std::move(name));
  in.finish();
}

void read_tools(yaml_section& in, agent_options& o, const config& c) {
  std::set<std::string> services;
  for (auto& one : in.sections("tools", "service")) {
    std::string other, function, approval;
    std::vector<std::string> builtin;
    one.text("agent", other);
    one.text("function", function);
    one.texts("builtin", builtin);
    if (one.has("builtin")) {
      read_builtin(one, std::move(builtin), o.builtin);
      continue;
    }
    bool hand_off = false;
    one.one_of("approval", approval, {"allow", "ask"});
    one.flag("hand_off", hand_off);
    if (one.has("approval") && !one.has("function"))
      one.fault("approval", "stands beside `function` alone; a service's tools have allow and ask");
    if (one.has("hand_off") && !one.has("agent"))
      one.fault("hand_off", "stands beside `agent` alone");
    if (one.has("function")) {
      read_function(one, std::move(function), approval, o);
      continue;
    }
    if (one.has("agent")) {
      read_other_agent(one, std::move(other), hand_off, o);
      continue;
    }
    o.tools.push_back(read_source(one, c));
    const auto& service = o.tools.back().service;
    if (!service.empty() && !services.insert(service).second)
      one.fault("service", "'" + service + "' stands above already");
  }
}

void read_choices(yaml_section in, agent_choices& o, const model_directory& models) {
  in.flag("prompt", o.prompt);
  in.texts("model", o.models);
  for (const auto& name : o.models)
    if (!models.find(name))
      in.fault("model", no_model(models, name));
  in.flag("temperature", o.temperature);
  in.flag("tools", o.tools);
  in.flag("limits", o.limits);
  in.finish();
}

// What is served by a library under its own name is known once it is loaded.
bool is_a_graph(const config& c, const std::string& name) {
  return std::any_of(c.graphs.begin(), c.graphs.end(), [&](const graph_source& one) {
    return (one.name.empty() ? one.graph : one.name) == name;
  });
}

// "60000 tokens", or the number alone.
void read_tokens(yaml_section& in, std::string_view key, int64_t& tokens) {
  constexpr int64_t least = 100, most = 100'000'000;
  constexpr std::string_view unit = "tokens";
  const auto given = in.any(key);
  if (!given)
    return;
  if (given->is_int64())
    tokens = given->get_int64();
  else if (const auto* text = given->if_string()) {
    const auto end = text->data() + text->size();
    const auto [rest, ec] = std::from_chars(text->data(), end, tokens);
    const std::string_view after(rest, static_cast<std::size_t>(end - rest));
    if (ec != std::errc{}
        || after.substr(std::min(after.find_first_not_of(' '), after.size())) != unit)
      tokens = 0;
  }
  if (tokens < least || tokens > most)
    in.fault(key, "must be a number of tokens from 100 to 100000000: 60000 tokens");
}

void read_memory(yaml_section in, memory_options& o) {
  in.flag("remember", o.remember);
  read_tokens(in, "summarise_above", o.summarise_above);
  read_tokens(in, "trim_above", o.trim_above);
  read_tokens(in, "clear_tool_results_above", o.clear_tool_results_above);
  in.finish();
}

void read_schema(yaml_section& in, json::object& schema) {
  const auto kind = in.kind("schema");
  in.require("schema");
  if (kind == 'm' || kind == 0)
    in.object("schema", schema);
  if (kind != 'm') {
    std::string text;
    in.text_or_file("schema", text, longest_schema);
    if (kind == 0 || text.empty())
      return;
    auto read = parse_json(text);
    if (!read || !read->is_object())
      return in.fault("schema", "is no JSON object, here or in a file: file:answer.schema.json");
    schema = std::move(read->get_object());
  }
  if (string_or(schema, "type") != "object")
    in.fault("schema", "must be a JSON Schema of an object (type: object)");
}

void read_response(yaml_section in, response_options& o) {
  std::string strategy = "auto";
  read_schema(in, o.schema);
  in.one_of("strategy", strategy, {"auto", "provider", "tool"});
  o.strategy = strategy == "provider" ? response_strategy::provider
               : strategy == "tool"   ? response_strategy::tool
                                      : response_strategy::automatic;
  in.finish();
}

// Whoever may answer must have prices: the agent's model, those that an assistant may take, and
// those that stand in for them.
void check_prices(yaml_section& in, const agent_options& o, const model_directory& all) {
  const auto cost = limit_of_cost(o.limits.spending);
  if (cost.empty())
    return;
  auto names = o.choices.models;
  names.insert(names.begin(), o.model);
  for (auto at = names.size(); at-- > 0;)
    if (const auto* one = all.find(names[at]))
      names.insert(names.end(), one->fallback.begin(), one->fallback.end());
  for (const auto& name : names)
    if (const auto* one = all.find(name); one && !one->prices.given)
      return in.fault("limits", std::string(cost) + " " + never_holds(name));
}

// `o` has its tools and its memory.
void read_limits(yaml_section in, agent_options& o) {
  constexpr int64_t most_by_day = 1'000'000'000;
  in.integer("model_calls", o.limits.model_calls, 1, most_calls);
  in.integer("tool_calls", o.limits.tool_calls, 0, most_calls);
  in.integer("tool_calls_per_user_per_day", o.limits.tool_calls_per_user_per_day, 1, most_by_day);
  if (auto each = in.section("per_tool")) {
    for (const auto& name : each->keys()) {
      each->integer(name, o.limits.per_tool[name], 0, most_calls);
      if (auto why = no_such_tool(o, name); !why.empty() && each->has(name))
        each->fault(name, "there is " + why);
    }
    each->finish();
  }
  read_spending(in, o.limits.spending);
  in.finish();
}

agent_options read_agent(const std::string& name, yaml_section in, const config& c) {
  agent_options o;
  o.name = name;
  if (is_a_graph(c, name))
    in.fault("", "there is a graph of this name; give one of them another");
  in.require("model");
  in.text("model", o.model);
  if (in.kind("model") == 's' && !c.models.find(o.model))
    in.fault("model", no_model(c.models, o.model));
  in.text("description", o.description);
  in.text_or_file("prompt", o.prompt, longest_prompt);
  read_tools(in, o, c);
  if (auto safety = in.section("safety")) {
    std::string rule = "ask";
    safety->one_of("rule_of_two", rule, {"ask", "deny", "off"});
    o.rule_of_two = rule == "deny"  ? tainted_calls::deny
                    : rule == "off" ? tainted_calls::off
                                    : tainted_calls::ask;
    safety->finish();
  }
  if (auto memory = in.section("memory"))
    read_memory(std::move(*memory), o.memory);
  if (auto limits = in.section("limits"))
    read_limits(std::move(*limits), o);
  if (auto response = in.section("response", "schema"))
    read_response(std::move(*response), o.response);
  if (auto choices = in.section("configurable"))
    read_choices(std::move(*choices), o.choices, c.models);
  check_prices(in, o, c.models);
  in.finish();
  return o;
}

} // namespace

void read_agents(yaml_section in, config& out) {
  for (const auto& name : in.keys())
    if (!in.has(name) && name != "*")
      in.fault(name, "is empty; an agent needs a model at least");
    else if (auto ok = check_agent_name(name); name != "*" && !ok)
      in.fault(name, ok.error().message);
    else if (auto one = in.section(name))
      out.agents.push_back(read_agent(name, std::move(*one), out));
}

} // namespace behalf
