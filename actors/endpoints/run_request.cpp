#include "actors/endpoints/run_request.hpp"

#include "actors/endpoints/body.hpp"
#include "actors/runs/webhook_url.hpp"
#include "runtime/base/id.hpp"
#include "runtime/graph/run_spec.hpp"

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

// {namespace: checkpoint id}, of the run's own graph and those inside, as states show it.
json::object read_checkpoint_map(body_reader& in, const json::object& checkpoint) {
  constexpr std::size_t most_levels = 64;
  const auto* given = member(checkpoint, "checkpoint_map");
  if (!given || given->is_null())
    return {};
  const auto* map = given->if_object();
  auto is_id = [](const auto& one) {
    return one.value().is_string() && one.value().get_string().size() <= longest_id;
  };
  if (map && map->size() <= most_levels && std::all_of(map->begin(), map->end(), is_id))
    return *map;
  in.refuse(fail(errc::invalid_argument, "Invalid checkpoint_map: {namespace: checkpoint ID}"));
  return {};
}

// Where a run starts, as `checkpoint`, `checkpoint_id` or else its configuration names it.
json::object named_checkpoint(body_reader& in) {
  auto found = in.object("checkpoint", &shape_limits::fields).value_or(json::object{});
  if (auto id = in.text("checkpoint_id", true))
    found["checkpoint_id"] = *id;
  const auto* config = in.any("config");
  if (found.contains("checkpoint_id") || !config || !config->is_object())
    return found;
  const auto& configurable = object_or_empty(config->get_object(), "configurable");
  for (auto key : {"checkpoint_id", "checkpoint_ns", "checkpoint_map"})
    if (const auto* v = configurable.if_contains(key))
      found[key] = *v;
  return found;
}

std::string read_checkpoint(body_reader& in, const json::object& found,
                            const shape_limits& bounds) {
  auto id = std::string(string_or(found, "checkpoint_id"));
  const auto* given = member(found, "checkpoint_id");
  const bool odd = given && !given->is_null() && !given->is_string();
  if (odd || (!id.empty() && !parse_uuid(id, "checkpoint")))
    in.refuse(fail(errc::invalid_argument, "Invalid checkpoint ID"));
  body_reader of{found, bounds};
  of.text("thread_id", true);
  const auto ns = of.text("checkpoint_ns", true).value_or("");
  if (of.fault())
    in.refuse(*of.fault());
  if (ns.empty())
    return id;
  // A place inside: the run's own graph starts where the map says.
  const auto map = read_checkpoint_map(in, found);
  return std::string(string_or(map, ""));
}

json::value read_webhook(body_reader& in, const runs::webhook_options& webhooks) {
  auto url = in.text("webhook");
  if (!url)
    return nullptr;
  if (auto ok = runs::check_webhook(*url, webhooks); !ok)
    in.refuse(ok.error());
  return json::value(*url);
}

json::object read_kwargs(body_reader& in, bool temporary, const shape_limits& bounds,
                         const runs::webhook_options& webhooks) {
  auto config = read_config(in, bounds);
  auto context = in.merged("context", &shape_limits::config_bytes);
  if (context && !context->empty() && !object_or_empty(config, "configurable").empty())
    in.refuse(
      fail(errc::bad_request, "Cannot specify both configurable and context. Use context."));
  auto command = read_command(in, bounds);
  const auto* input = in.any("input");
  auto lasting = durability(in);
  json::object kwargs{{"input", input ? *input : json::value(nullptr)},
                      {"command", command ? json::value(*command) : json::value(nullptr)},
                      {"config", config},
                      {"context", context.value_or(json::object{})},
                      {"stream_mode", modes(in)},
                      {"interrupt_before", breakpoints(in, "interrupt_before")},
                      {"interrupt_after", breakpoints(in, "interrupt_after")},
                      {"webhook", read_webhook(in, webhooks)},
                      {"feedback_keys", names(in, "feedback_keys")},
                      {"temporary", temporary},
                      {"subgraphs", in.flag("stream_subgraphs").value_or(false)},
                      {"resumable", in.flag("stream_resumable").value_or(false)},
                      {"checkpoint_during", lasting != "exit"},
                      {"durability", lasting}};
  if (in.flag("strict_resume").value_or(false))
    kwargs["strict_resume"] = true;
  return kwargs;
}

bool is_target(const json::value& one) {
  const auto* node = member(one, "node");
  return one.is_string() || (node && node->is_string());
}

bool all_targets(const json::value& go_to) {
  if (!go_to.is_array())
    return is_target(go_to);
  return std::all_of(go_to.get_array().begin(), go_to.get_array().end(), is_target);
}

} // namespace

std::optional<json::object> read_command(body_reader& in, const shape_limits& bounds) {
  auto command = in.object("command", &shape_limits::fields, true);
  if (!command)
    return command;
  body_reader of{*command, bounds};
  if (auto* resume = command->if_contains("resume"); of.any("resume") && resume) {
    auto plain = plain_answers(std::move(*resume));
    if (!plain)
      in.refuse(plain.error());
    else
      *resume = std::move(*plain);
  }
  const auto* update = of.any("update");
  if (update && !update->is_object() && !update->is_array() && !update->is_null())
    in.refuse(fail(errc::invalid_argument, "command.update must be an object, or a list of pairs"));
  const auto* go_to = of.any("goto");
  if (go_to && go_to->is_array())
    of.list("goto", &shape_limits::names);
  if (go_to && !go_to->is_null() && !all_targets(*go_to))
    in.refuse(
      fail(errc::invalid_argument,
           "command.goto must be a node's name, {\"node\", \"input\"}, or a list of these"));
  if (of.fault())
    in.refuse(*of.fault());
  return command;
}

json::object read_config(body_reader& in, const shape_limits& bounds) {
  auto config = in.merged("config", &shape_limits::config_bytes).value_or(json::object{});
  body_reader of{config, bounds};
  of.texts("tags", &shape_limits::names);
  of.object("configurable", &shape_limits::fields);
  of.merged("metadata", &shape_limits::metadata_bytes, true);
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

std::optional<checkpoint_place> read_place(body_reader& in, const shape_limits& bounds) {
  const auto checkpoint = in.object("checkpoint", &shape_limits::fields);
  if (!checkpoint)
    return std::nullopt;
  body_reader of{*checkpoint, bounds};
  of.text("thread_id", true);
  of.object("checkpoint_map", &shape_limits::fields, true);
  checkpoint_place place{of.text("checkpoint_ns", true).value_or(""),
                         of.text("checkpoint_id", true).value_or("")};
  if (of.fault())
    in.refuse(*of.fault());
  return place;
}

result<run_request> run_request::parse(const json::value& body, bool stateless,
                                       const shape_limits& bounds,
                                       const runs::webhook_options& webhooks) {
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
             {"kwargs", read_kwargs(in, stateless && !keep_thread, bounds, webhooks)}};
  r.cancel_on_disconnect = in.one_of("on_disconnect", {"cancel", "continue"}) == "cancel";
  const auto checkpoint = named_checkpoint(in);
  auto checkpoint_id = read_checkpoint(in, checkpoint, bounds);
  if (!stateless) {
    r.checkpoint_id = std::move(checkpoint_id);
    if (auto map = read_checkpoint_map(in, checkpoint); !map.empty())
      r.value["kwargs"].get_object()["checkpoint_map"] = std::move(map);
  }
  if (in.fault())
    return *in.fault();
  return r;
}

} // namespace behalf::endpoints
