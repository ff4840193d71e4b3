#include "actors/runs/webhook_call.hpp"

#include "runtime/base/json_writer.hpp"
#include "runtime/graph/state.hpp"

namespace behalf::runs {
namespace {

std::string_view status_of(const run_outcome& outcome, run_trace trace) {
  return trace == run_trace::none ? std::string_view{"rollback"} : outcome.status();
}

json::value error_of(const run_outcome& outcome, run_trace trace) {
  if (trace == run_trace::none)
    return json::object{{"error", "UserRollback"},
                        {"message", "rollback requested via POST "
                                    "/threads/{thread_id}/runs/{run_id}/cancel"}};
  return outcome.error;
}

// The run as GET shows it and how it went, without the time of sending.
std::string body_of(const run_plan& plan, const run_outcome& outcome, run_trace trace,
                    std::optional<time_point> began, bool whole) {
  auto run = run_view(shown_record(plan, status_of(outcome, trace)));
  if (!whole)
    run["kwargs"] = nullptr;
  json_writer text;
  text.object();
  for (const auto& [name, value] : run)
    text.member(std::string_view{name.data(), name.size()}, value);
  text.member("run_started_at", began ? json::value(iso8601(*began)) : json::value(nullptr));
  text.member("run_ended_at", iso8601(now()));
  text.key("values");
  if (whole && outcome.values && trace != run_trace::none)
    outcome.values->write(text);
  else
    text.value(nullptr);
  if (!whole)
    text.member("omitted", json::array{"kwargs", "values"});
  if (auto error = error_of(outcome, trace); !error.is_null())
    text.member("error", error);
  return text.take();
}

} // namespace

const json::string* webhook_of(const json::object& kwargs) {
  const auto* url = member(kwargs, "webhook");
  return url ? url->if_string() : nullptr;
}

std::optional<record> webhook_call_of(const run_plan& plan, const run_outcome& outcome,
                                      run_trace trace, std::optional<time_point> began,
                                      std::size_t max_bytes) {
  const auto* url = webhook_of(plan.kwargs);
  if (!url)
    return std::nullopt;
  auto body = body_of(plan, outcome, trace, began, true);
  if (body.size() > max_bytes)
    body = body_of(plan, outcome, trace, began, false);
  record row;
  row.type = kind::webhook_call;
  row.tenant = plan.who->tenant;
  row.id = plan.run_id;
  row.created_at = row.updated_at = now();
  row.metadata = {{"user", plan.who->key().text()}, {"tries", 0}};
  json_writer doc;
  doc.object().member("url", *url).raw_member("body", body);
  row.doc_text = doc.take();
  return row;
}

int tries_of(const record& call) {
  return static_cast<int>(int_or(call.metadata, "tries", 0));
}

std::string user_of(const record& call) {
  return std::string(string_or(call.metadata, "user"));
}

record tried_again(const record& call, time_point due) {
  auto next = call;
  next.metadata["tries"] = tries_of(call) + 1;
  next.updated_at = due;
  return next;
}

result<webhook_message> message_of(const record& call) {
  const auto* body = member(call.doc, "body");
  if (!body || !body->is_object() || string_or(call.doc, "url").empty())
    return fail(errc::internal, "the stored call is not readable");
  auto sent = body->get_object();
  sent["webhook_sent_at"] = iso8601(now());
  return webhook_message{std::string(string_or(call.doc, "url")), dump(sent)};
}

} // namespace behalf::runs
