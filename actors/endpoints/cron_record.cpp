#include "actors/endpoints/cron_record.hpp"

#include "runtime/base/text.hpp"

namespace behalf::endpoints {
namespace {

constexpr std::size_t shown_of_a_text = 200;

error bad_schedule(const std::string& schedule, const std::string& why) {
  return fail(errc::invalid_argument,
              "Invalid cron schedule: '" + std::string(cut_utf8(schedule, shown_of_a_text))
                + "'. Reason: " + why
                + "Ensure the schedule uses the standard cron format (minute hour day_of_month "
                  "month day_of_week). Example: '*/5 * * * *' for every 5 minutes.");
}

// A day alone is its beginning; a time without a zone is in UTC.
result<time_point> read_end(const std::string& text) {
  constexpr std::size_t day_alone = 10;
  auto end = parse_iso8601(text.size() == day_alone ? text + "T00:00:00Z" : text);
  if (end)
    return end;
  return fail(errc::invalid_argument, "Invalid end_time: '"
                                        + std::string(cut_utf8(text, shown_of_a_text))
                                        + "'. Use ISO 8601 (e.g. '2030-01-31T00:00:00Z').");
}

json::value doc_value(const record& row, std::string_view key) {
  const auto* v = member(row.doc, key);
  return v ? *v : json::value(nullptr);
}

json::value time_or_null(const std::optional<time_point>& t) {
  return t ? json::value(iso8601(*t)) : json::value(nullptr);
}

json::value refusal_of(const record& row) {
  auto told = row.refusal.empty() ? result<json::value>{nullptr} : parse_stored_json(row.refusal);
  return told ? std::move(*told) : json::value(nullptr);
}

} // namespace

result<cron_times> cron_times::read(const std::string& schedule, const std::string& zone,
                                    const std::string& end) {
  cron_times times;
  auto parsed = cron_schedule::parse(schedule);
  if (!parsed)
    return bad_schedule(schedule, parsed.error().message);
  times.schedule_ = *parsed;
  auto found = zone.empty() ? result<time_zone>{time_zone{}} : time_zone::find(zone);
  if (!found)
    return found.error();
  times.zone_ = *found;
  if (end.empty())
    return times;
  auto until = read_end(end);
  if (!until)
    return until.error();
  times.end_ = *until;
  return times;
}

result<cron_times> cron_times::of(const json::object& doc) {
  return read(std::string(string_or(doc, "schedule")), std::string(string_or(doc, "timezone")),
              std::string(string_or(doc, "end_time")));
}

std::optional<time_point> cron_times::after(time_point t) const {
  auto next = next_firing(schedule_, zone_, t);
  return next && end_ && *next > *end_ ? std::nullopt : next;
}

json::object run_body_of(const json::object& payload, const json::object& metadata, bool on_thread,
                         std::string_view on_run_completed) {
  json::object body;
  for (auto key : run_fields_of_cron)
    if (const auto* v = member(payload, key))
      body[key] = *v;
  if (!on_thread) {
    body.erase("multitask_strategy");
    body["on_completion"] = on_run_completed;
  }
  body["metadata"] = metadata;
  // The id is not the client's: beside a context it would be refused.
  if (auto* config = body.if_contains("config"); config && config->is_object())
    if (auto* of = config->get_object().if_contains("configurable"); of && of->is_object())
      of->get_object().erase("cron_id");
  return body;
}

result<principal> owner_of(const json::object& doc) {
  const auto* stored = member(doc, "principal");
  auto who = principal::from_json(stored ? *stored : json::value(nullptr));
  if (!who)
    return who.error();
  who->display_name = who->identity;
  who->permissions.clear();
  who->custom.clear();
  return who;
}

json::object cron_view(const record& row) {
  return {{"cron_id", row.id},
          {"assistant_id", row.assistant_id},
          {"thread_id", row.parent.empty() ? json::value(nullptr) : json::value(row.parent)},
          {"user_id", string_or(object_or_empty(row.doc, "principal"), "identity")},
          {"end_time", doc_value(row, "end_time")},
          {"schedule", doc_value(row, "schedule")},
          {"timezone", doc_value(row, "timezone")},
          {"payload", doc_value(row, "payload")},
          {"next_run_date", time_or_null(row.next_at)},
          {"metadata", row.metadata},
          {"on_run_completed", doc_value(row, "on_run_completed")},
          {"enabled", row.status == "enabled"},
          {"created_at", iso8601(row.created_at)},
          {"updated_at", iso8601(row.updated_at)},
          {"last_refusal", refusal_of(row)}};
}

} // namespace behalf::endpoints
