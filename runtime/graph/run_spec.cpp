#include "runtime/graph/run_spec.hpp"

#include "runtime/graph/run_config.hpp"

#include <algorithm>

namespace behalf {
namespace {

template <class Take>
void each_name(const json::value& v, Take take) {
  if (v.is_string())
    return take(std::string_view{v.get_string().data(), v.get_string().size()});
  if (v.is_array())
    for (const auto& one : v.get_array())
      if (one.is_string())
        take(std::string_view{one.get_string().data(), one.get_string().size()});
}

std::optional<json::value> given(const json::object& o, std::string_view key) {
  const auto* v = member(o, key);
  return v && !v->is_null() ? std::optional<json::value>{*v} : std::nullopt;
}

run_command read_command(const json::object& o) {
  return {given(o, "resume"), given(o, "update"), given(o, "goto")};
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

} // namespace

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
    s.command = read_command(*c);
  s.before = breakpoint_set::parse(value("interrupt_before"));
  s.after = breakpoint_set::parse(value("interrupt_after"));
  s.modes = stream_modes::parse(value("stream_mode"));
  auto lasting = string_or(*kwargs, "durability", "async");
  s.lasting = lasting == "exit"   ? durability_mode::exit
              : lasting == "sync" ? durability_mode::sync
                                  : durability_mode::async;
  return s;
}

} // namespace behalf
