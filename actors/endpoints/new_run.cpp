#include "actors/endpoints/new_run.hpp"

#include "actors/admission/granted.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/options.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/webhook_call.hpp"
#include "actors/runs/webhook_url.hpp"
#include "runtime/base/id.hpp"
#include "runtime/graph/run_spec.hpp"

namespace behalf::endpoints {
namespace {

json::value taken(json::object& from, std::string_view key) {
  auto* v = from.if_contains(key);
  return v ? std::move(*v) : json::value(nullptr);
}

json::object taken_object(json::object& from, std::string_view key) {
  auto v = taken(from, key);
  return v.is_object() ? std::move(v.get_object()) : json::object{};
}

void check_breakpoints(admission::granted_reader& in, std::string_view key,
                       const json::object& kwargs) {
  const auto* v = member(kwargs, key);
  if (v && !v->is_null() && !(v->is_string() && v->get_string() == "*"))
    in.texts(key);
}

bool names_no_question(const json::object& kwargs) {
  const auto* resume = member(object_or_empty(kwargs, "command"), "resume");
  return resume && !resume->is_null() && !answers_by_id(*resume);
}

// Handlers may write anything into `kwargs`: checks that a run can be made of it.
std::optional<error> fault_of_kwargs(const json::object& kwargs) {
  admission::granted_reader in{kwargs};
  admission::granted_reader config{in.object("config")};
  if (config.has("configurable"))
    config.object("configurable");
  in.object("context");
  if (in.has("command"))
    in.object("command");
  in.texts("stream_mode");
  for (auto key : {"interrupt_before", "interrupt_after"})
    check_breakpoints(in, key, kwargs);
  for (auto key : {"temporary", "subgraphs", "resumable", "checkpoint_during"})
    in.flag(key);
  if (in.has("strict_resume"))
    in.flag("strict_resume");
  in.one_of("durability", {"sync", "async", "exit"});
  if (in.has("webhook"))
    in.text("webhook");
  return in.fault() ? in.fault() : config.fault();
}

} // namespace

result<new_run> read_new_run(json::value body, const std::string& thread_id,
                             const system_options& options) {
  // Moved, not copied: it may be most of the body.
  auto input = body.is_object() ? taken(body.get_object(), "input") : json::value(nullptr);
  auto parsed = run_request::parse(body, thread_id.empty(), options.shape, options.webhooks);
  if (!parsed)
    return parsed.error();
  new_run run{std::move(parsed->value), std::make_shared<start_run>(),
              parsed->cancel_on_disconnect};
  run.order->plan = std::make_shared<runs::run_plan>();
  run.order->plan->run_id = uuid7();
  run.order->plan->checkpoint_id = std::move(parsed->checkpoint_id);
  auto& value = run.value;
  value.at("kwargs").at("input") = std::move(input); // is there: [] would make room for another
  value["thread_id"] = thread_id.empty() ? json::value(nullptr) : json::value(thread_id);
  value["run_id"] = run.order->plan->run_id;
  value["status"] = "pending";
  value["prevent_insert_if_inflight"] = string_or(value, "multitask_strategy") == "reject";
  return run;
}

result<void> take_grant(start_run& order, grant& granted, const std::string& thread_id,
                        const system_options& options) {
  auto& plan = *order.plan;
  admission::granted_reader in{granted.value};
  in.text("assistant_id");
  plan.multitask_strategy =
    in.one_of("multitask_strategy", {"enqueue", "reject", "interrupt", "rollback"});
  order.create_thread = in.one_of("if_not_exists", {"create", "reject"}) == "create";
  auto after_seconds = in.number("after_seconds", 0, run_request::longest_delay);
  in.object("metadata");
  const auto& kwargs = in.object("kwargs");
  auto fault = fault_of_kwargs(kwargs);
  if (in.fault() || fault)
    return in.fault() ? *in.fault() : *fault;
  if (const auto* webhook = runs::webhook_of(kwargs))
    if (auto ok = runs::check_webhook(*webhook, options.webhooks); !ok)
      return ok;
  plan.thread_id = thread_id.empty() ? uuid7() : thread_id;
  plan.who = granted.who;
  plan.kwargs = taken_object(granted.value, "kwargs");
  auto delay = std::chrono::microseconds(static_cast<int64_t>(after_seconds * 1e6));
  plan.created_at = now() + delay;
  plan.delayed = delay.count() > 0;
  if (plan.delayed && names_no_question(plan.kwargs))
    return fail(errc::invalid_argument,
                "a delayed answer must say to which question it is: {\"resume\": {\"<interrupt "
                "id>\": <answer>}}. Another one may be open by then");
  plan.temporary = plan.drop_thread = bool_or(plan.kwargs, "temporary");
  order.config = taken_object(plan.kwargs, "config");
  order.context = taken(plan.kwargs, "context");
  order.metadata = taken_object(granted.value, "metadata");
  order.auth_filter = granted.auth_filter;
  order.sealed = granted.sealed;
  order.stateless = thread_id.empty();
  return {};
}

} // namespace behalf::endpoints
