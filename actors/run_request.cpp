#include "actors/run_request.hpp"

#include "actors/endpoints/body.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::array stream_modes{"values",  "messages", "messages-tuple", "tasks", "checkpoints",
                                  "updates", "events",   "debug",          "custom"};

// A field that may be one string or a list of them; `*` stays a string.
std::optional<json::array> one_or_many(body_reader& in, std::string_view key) {
  const auto* v = in.any(key);
  if (!v || !v->is_string())
    return in.list(key);
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
      in.refuse(fail(errc::invalid_argument, dump(one)
                                               + " is not a stream mode: values, messages, "
                                                 "messages-tuple, tasks, checkpoints, updates, "
                                                 "events, debug or custom"));
    if (std::find(unique.begin(), unique.end(), one) == unique.end())
      unique.push_back(one);
  }
  if (unique.empty())
    unique.emplace_back("values");
  return unique;
}

json::value breakpoints(body_reader& in, std::string_view key) {
  const auto* v = in.any(key);
  if (v && v->is_string() && v->get_string() == "*")
    return *v;
  auto all = in.texts(key);
  return all ? json::value_from(*all) : json::value(nullptr);
}

// durability wins over the older checkpoint_during; both are shown.
std::string durability(body_reader& in) {
  auto given = in.one_of("durability", {"sync", "async", "exit"});
  auto during = in.flag("checkpoint_during");
  if (given)
    return *given;
  return during.value_or(true) ? "async" : "exit";
}

json::object read_checkpoint(body_reader& in) {
  auto found = in.object("checkpoint", true).value_or(json::object{});
  if (auto id = in.text("checkpoint_id", true))
    found["checkpoint_id"] = *id;
  const auto* id = member(found, "checkpoint_id");
  if (id && !id->is_string() && !id->is_null())
    in.refuse(fail(errc::invalid_argument, "Invalid checkpoint ID"));
  return found;
}

json::object read_kwargs(body_reader& in, bool temporary) {
  auto config = in.object("config", true).value_or(json::object{});
  auto context = in.object("context", true);
  const auto* limit = member(config, "recursion_limit");
  if (limit && !limit->is_int64())
    in.refuse(fail(errc::invalid_argument, "config.recursion_limit must be an integer"));
  const auto* configurable = member(config, "configurable");
  if (configurable && !configurable->is_object() && !configurable->is_null())
    in.refuse(fail(errc::invalid_argument, "config.configurable must be an object"));
  if (context && !context->empty() && !object_or_empty(config, "configurable").empty())
    in.refuse(
      fail(errc::bad_request, "Cannot specify both configurable and context. Use context."));
  auto command = in.object("command", true);
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
          {"feedback_keys", nullptr},
          {"temporary", temporary},
          {"subgraphs", in.flag("stream_subgraphs").value_or(false)},
          {"resumable", in.flag("stream_resumable").value_or(false)},
          {"checkpoint_during", lasting != "exit"},
          {"durability", lasting}};
}

} // namespace

result<run_request> run_request::parse(const json::value& body, bool stateless) {
  body_reader in{body};
  run_request r;
  in.require("assistant_id");
  r.assistant = in.text("assistant_id").value_or("");
  r.metadata = in.object("metadata", true).value_or(json::object{});
  r.keep_thread = in.one_of("on_completion", {"delete", "keep"}) == "keep";
  r.kwargs = read_kwargs(in, stateless && !r.keep_thread);
  r.multitask_strategy =
    in.one_of("multitask_strategy", {"enqueue", "reject", "interrupt", "rollback"})
      .value_or("enqueue");
  r.create_thread = in.one_of("if_not_exists", {"create", "reject"}) == "create";
  r.after_seconds = in.number("after_seconds").value_or(0);
  if (r.after_seconds > longest_delay)
    in.refuse(fail(errc::invalid_argument, "after_seconds must be at most 2592000 (30 days)"));
  r.cancel_on_disconnect = in.one_of("on_disconnect", {"cancel", "continue"}) == "cancel";
  r.checkpoint = read_checkpoint(in);
  if (in.any("webhook") && !in.any("webhook")->is_null())
    in.refuse(fail(errc::invalid_argument, "webhook is not supported by this server yet"));
  if (in.fault())
    return *in.fault();
  if (stateless) {
    r.multitask_strategy = "enqueue";
    r.checkpoint.clear();
  }
  return r;
}

} // namespace behalf
