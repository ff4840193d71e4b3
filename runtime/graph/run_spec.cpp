#include "runtime/graph/run_spec.hpp"

#include "runtime/base/json.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/run_config.hpp"

#include <algorithm>

namespace behalf {
namespace {

std::string_view text_of(const json::value& v) {
  return {v.get_string().data(), v.get_string().size()};
}

template <class Take>
void each_name(const json::value& v, Take take) {
  if (v.is_string())
    return take(text_of(v));
  if (v.is_array())
    for (const auto& one : v.get_array())
      if (one.is_string())
        take(text_of(one));
}

std::optional<json::value> given(const json::object& o, std::string_view key) {
  const auto* v = member(o, key);
  return v && !v->is_null() ? std::optional<json::value>{*v} : std::nullopt;
}

// What a checkpoint says about its run: its metadata and the scalars of configurable, whose ids are
// the server's own.
json::object metadata_for_checkpoints(const run_facts& facts) {
  auto all = facts.metadata;
  for (const auto& [key, v] : facts.configurable())
    if (goes_into_checkpoints(key, v))
      all[key] = v;
  for (auto key : {"checkpoint_id", "checkpoint_ns"})
    all.erase(key);
  return all;
}

result<void> check_name(const graph& flow, std::string_view name) {
  if (!flow.hides(name))
    return {};
  return error{errc::invalid_argument,
               "At key '" + std::string(name) + "': the channel is private to the graph's nodes",
               {},
               "InvalidUpdateError"};
}

// {channel: value}, or a list of [channel, value].
result<void> check_names(const graph& flow, const json::value& update) {
  if (const auto* all = update.if_object())
    for (const auto& [name, v] : *all)
      if (auto ok = check_name(flow, {name.data(), name.size()}); !ok)
        return ok;
  if (const auto* all = update.if_array())
    for (const auto& one : *all)
      if (const auto* pair = one.if_array(); pair && !pair->empty() && (*pair)[0].is_string())
        if (auto ok = check_name(flow, text_of((*pair)[0])); !ok)
          return ok;
  return {};
}

// A node, {node, input} or a list of them.
result<void> check_sent(const graph& flow, const json::value& go_to) {
  if (const auto* one = go_to.if_object()) {
    if (flow.closed())
      return error{errc::invalid_argument,
                   "'goto': nodes of this graph take no input from clients",
                   {},
                   "InvalidUpdateError"};
    if (const auto* input = member(*one, "input"))
      return check_names(flow, *input);
  }
  if (const auto* all = go_to.if_array())
    for (const auto& one : *all)
      if (auto ok = check_sent(flow, one); !ok)
        return ok;
  return {};
}

} // namespace

result<void> check_given(const graph& flow, const json::value* input, const json::value* update,
                         const json::value* go_to) {
  if (flow.hidden().empty() && !flow.closed())
    return {};
  for (const auto* one : {input, update})
    if (one)
      if (auto ok = check_names(flow, *one); !ok)
        return ok;
  return go_to ? check_sent(flow, *go_to) : result<void>{};
}

run_command run_command::parse(const json::object& o) {
  return {given(o, "resume"), given(o, "update"), given(o, "goto")};
}

result<json::value> run_command::update_object(json::value otherwise) const {
  const auto* pairs = update ? update->if_array() : nullptr;
  if (!pairs)
    return update ? *update : std::move(otherwise);
  json::object all;
  for (const auto& one : *pairs) {
    const auto* pair = one.if_array();
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string())
      return error{
        errc::invalid_argument, "Expected dict, got " + excerpt(*update), {}, "InvalidUpdateError"};
    all[(*pair)[0].get_string()] = (*pair)[1];
  }
  return json::value(std::move(all));
}

stream_modes stream_modes::parse(const json::value& names) {
  stream_modes m;
  each_name(names, [&](std::string_view name) {
    m.values = m.values || name == "values";
    m.updates = m.updates || name == "updates";
    m.messages = m.messages || name == "messages";
    m.messages_tuple = m.messages_tuple || name == "messages-tuple";
    m.custom = m.custom || name == "custom";
    m.tasks = m.tasks || name == "tasks";
    m.checkpoints = m.checkpoints || name == "checkpoints";
    m.debug = m.debug || name == "debug";
    m.events = m.events || name == "events";
  });
  return m;
}

breakpoint_set breakpoint_set::parse(const json::value& v) {
  breakpoint_set b;
  each_name(v, [&](std::string_view name) {
    if (name == "*")
      b.all = true;
    else
      b.nodes.emplace_back(name);
  });
  return b;
}

bool breakpoint_set::stops(std::string_view node) const {
  return all || std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

run_spec run_spec::from_kwargs(std::shared_ptr<const json::object> kwargs,
                               std::shared_ptr<const run_facts> facts) {
  static const json::value none;
  auto value = [&](std::string_view key) -> const json::value& {
    const auto* v = member(*kwargs, key);
    return v ? *v : none;
  };
  run_spec s;
  s.checkpointing = !bool_or(*kwargs, "temporary");
  if (s.checkpointing)
    s.checkpoint_metadata = metadata_for_checkpoints(*facts);
  s.recursion_limit = int_or(*facts->config, "recursion_limit", s.recursion_limit);
  s.facts = std::move(facts);
  s.input = value_ptr{kwargs, &value("input")};
  if (const auto* c = value("command").if_object())
    s.command = run_command::parse(*c);
  s.before = breakpoint_set::parse(value("interrupt_before"));
  s.after = breakpoint_set::parse(value("interrupt_after"));
  s.modes = stream_modes::parse(value("stream_mode"));
  s.checkpoint_map = object_or_empty(*kwargs, "checkpoint_map");
  s.stream_subgraphs = bool_or(*kwargs, "subgraphs");
  s.strict_resume = bool_or(*kwargs, "strict_resume");
  auto lasting = string_or(*kwargs, "durability", "async");
  s.lasting = lasting == "exit"   ? durability_mode::exit
              : lasting == "sync" ? durability_mode::sync
                                  : durability_mode::async;
  return s;
}

namespace {

bool looks_like_interrupt_id(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

} // namespace

result<json::value> plain_answers(json::value resume) {
  const auto* map =
    resume.is_object() ? member(resume.get_object(), "__agui_resume_map__") : nullptr;
  if (!map)
    return resume;
  const auto refused = fail(errc::invalid_argument, "__agui_resume_map__ must be {interrupt id: "
                                                    "{\"status\": \"resolved\" or \"cancelled\", "
                                                    "\"payload\": …}, …}, with nothing beside it");
  if (!map->is_object() || map->get_object().empty() || resume.get_object().size() > 1)
    return refused;
  json::object plain;
  for (const auto& [id, one] : map->get_object()) {
    if (!looks_like_interrupt_id({id.data(), id.size()}) || !one.is_object())
      return refused;
    const auto& answer = one.get_object();
    const auto* payload = member(answer, "payload");
    const auto status = string_or(answer, "status");
    if (status != "resolved" && status != "cancelled")
      return refused;
    if (status == "cancelled")
      plain[id] = json::object{{cancelled_answer, true}};
    else
      plain[id] = payload ? *payload : json::value(nullptr);
  }
  return json::value(std::move(plain));
}

const json::object* answers_by_id(const json::value& resume) {
  const auto* map = resume.if_object();
  if (!map || map->empty())
    return nullptr;
  for (const auto& [key, v] : *map)
    if (!looks_like_interrupt_id({key.data(), key.size()}))
      return nullptr;
  return map;
}

} // namespace behalf
