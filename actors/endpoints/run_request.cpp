#include "actors/endpoints/run_request.hpp"

#include "actors/endpoints/body.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr std::array stream_modes{"values",  "messages", "messages-tuple", "tasks", "checkpoints",
                                  "updates", "events",   "debug",          "custom"};

constexpr std::size_t longest_id = 256; // of a checkpoint: they are UUIDs

// A field that may be one string or a list of them; `*` stays a string.
std::optional<json::array> one_or_many(body_reader& in, std::string_view key) {
  const auto* v = in.any(key);
  if (!v || !v->is_string())
    return in.list(key, &shape_limits::names);
  return json::array{*v};
}

json::array modes(body_reader& in) {
  json::array unique;
  for (const auto& one : one_or_many(in, "stream_mode").value_or(json::array{})) {
    auto known = one.is_string()
                 && std::find(stream_modes.begin(), stream_modes.end(),
                              std::string_view{one.get_string().data(), one.get_string().size()})
                      != stream_modes.end();
    if (!known)
      in.refuse(fail(errc::invalid_argument, excerpt(one)
                                               + " is not a stream mode: values, messages, "
                                                 "messages-tuple, tasks, checkpoints, updates, "
                                                 "events, debug or custom"));
    else if (std::find(unique.begin(), unique.end(), one) == unique.end())
      unique.push_back(one); // duplicates are dropped, which bounds it
  }
  if (unique.empty())
    unique.emplace_back("values");
  return unique;
}

json::value names(body_reader& in, std::string_view key) {
  auto all = in.texts(key, &shape_limits::names);
  return all ? json::value_from(*all) : json::value(nullptr);
}

json::value breakpoints(body_reader& in, std::string_view key) {
  const auto* v = in.any(key);
  if (v && v->is_string() && v->get_string() == "*")
    return *v;
  return names(in, key);
}

// `durability` overrides the older `checkpoint_during`; both are shown.
std::string durability(body_reader& in) {
  auto given = in.one_of("durability", {"sync", "async", "exit"});
  auto during = in.flag("checkpoint_during");
  if (given)
    return *given;
  return during.value_or(true) ? "async" : "exit";
}

std::string read_checkpoint(body_reader& in) {
  auto found = in.object("checkpoint", &shape_limits::fields, true).value_or(json::object{});
  if (auto id = in.text("checkpoint_id", true))
    found["checkpoint_id"] = *id;
  auto id = std::string(string_or(found, "checkpoint_id"));
  const auto* given = member(found, "checkpoint_id");
  if (id.size() > longest_id || (given && !given->is_null() && !given->is_string()))
    in.refuse(fail(errc::invalid_argument, "Invalid checkpoint ID"));
  return id;
}

// config, whose parts are bounded each, as runs merge it key by key.
json::object read_config(body_reader& in, const shape_limits& bounds) {
  auto config = in.merged("config", &shape_limits::config_bytes).value_or(json::object{});
  body_reader of{config, bounds};
  of.object("configurable", &shape_limits::fields, true);
  of.metadata();
  if (of.fault())
    in.refuse(*of.fault());
  const auto* limit = of.any("recursion_limit");
  if (limit && !limit->is_int64())
    in.refuse(fail(errc::invalid_argument, "config.recursion_limit must be an integer"));
  else if (limit && std::cmp_greater(limit->get_int64(), bounds.recursion_limit))
    in.refuse(fail(errc::invalid_argument, "config.recursion_limit must be "
                                             + std::to_string(bounds.recursion_limit)
                                             + " at most"));
  return config;
}

// {resume, update, goto}: `update` is input, `goto` names nodes or sends to them.
std::optional<json::object> read_command(body_reader& in, const shape_limits& bounds) {
  auto command = in.object("command", &shape_limits::fields, true);
  if (!command)
    return command;
  body_reader of{*command, bounds};
  of.any("resume");
  of.any("update");
  if (const auto* go_to = of.any("goto"); go_to && go_to->is_array())
    of.list("goto", &shape_limits::names);
  if (of.fault())
    in.refuse(*of.fault());
  return command;
}

json::object read_kwargs(body_reader& in, bool temporary, const shape_limits& bounds) {
  auto config = read_config(in, bounds);
  auto context = in.merged("context", &shape_limits::config_bytes);
  if (context && !context->empty() && !object_or_empty(config, "configurable").empty())
    in.refuse(
      fail(errc::bad_request, "Cannot specify both configurable and context. Use context."));
  auto command = read_command(in, bounds);
  const auto* input = in.any("input");
  auto lasting = durability(in);
  return {{"input", input ? *input : json::value(nullptr)},
          {"command", command ? json::value(*command) : json::value(nullptr)},
          {"config", config},
          {"context", context.value_or(json::object{})},
          {"stream_mode", modes(in)},
          {"interrupt_before", breakpoints(in, "interrupt_before")},
          {"interrupt_after", breakpoints(in, "interrupt_after")},
          {"webhook", nullptr},
          {"feedback_keys", names(in, "feedback_keys")},
          {"temporary", temporary},
          {"subgraphs", in.flag("stream_subgraphs").value_or(false)},
          {"resumable", in.flag("stream_resumable").value_or(false)},
          {"checkpoint_during", lasting != "exit"},
          {"durability", lasting}};
}

} // namespace

result<run_request> run_request::parse(const json::value& body, bool stateless,
                                       const shape_limits& bounds) {
  body_reader in{body, bounds};
  in.require("assistant_id");
  auto keep_thread = in.one_of("on_completion", {"delete", "keep"}) == "keep";
  auto strategy = in.one_of("multitask_strategy", {"enqueue", "reject", "interrupt", "rollback"})
                    .value_or("enqueue");
  auto create_thread = in.one_of("if_not_exists", {"create", "reject"}) == "create";
  auto delay = in.number("after_seconds", -longest_delay, longest_delay).value_or(0);
  run_request r;
  r.value = {{"assistant_id", in.text("assistant_id").value_or("")},
             {"metadata", in.metadata().value_or(json::object{})},
             {"multitask_strategy", stateless ? "enqueue" : strategy},
             {"if_not_exists", create_thread ? "create" : "reject"},
             {"after_seconds", std::max(0.0, delay)}, // a time in the past means now
             {"kwargs", read_kwargs(in, stateless && !keep_thread, bounds)}};
  r.cancel_on_disconnect = in.one_of("on_disconnect", {"cancel", "continue"}) == "cancel";
  auto checkpoint_id = read_checkpoint(in);
  if (!stateless)
    r.checkpoint_id = std::move(checkpoint_id);
  if (in.any("webhook") && !in.any("webhook")->is_null())
    in.refuse(fail(errc::invalid_argument, "webhook is not supported by this server yet"));
  if (in.fault())
    return *in.fault();
  return r;
}

} // namespace behalf::endpoints
