// What a cron's record says: when it fires, and the run that it starts.
//
// The record's document: {payload, schedule, timezone, end_time, on_run_completed, principal}. The
// payload is what the client sent, with the id of the assistant and, in config.configurable, the
// cron's own.
#pragma once

#include "behalf/principal.hpp"
#include "runtime/calendar/next_firing.hpp"
#include "runtime/storage/records.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace behalf::endpoints {

/// When a cron fires.
class cron_times {
public:
  /// `zone`, `end`: empty for UTC and for no end. Errors: invalid_argument, as the API words them.
  static result<cron_times> read(const std::string& schedule, const std::string& zone,
                                 const std::string& end);
  static result<cron_times> of(const json::object& doc);

  /// The first firing after `t`; none when there is none before the end.
  std::optional<time_point> after(time_point t) const;
  std::optional<time_point> end() const { return end_; }
  /// Whether the schedule names no time that there is, whatever the end.
  bool never(time_point from) const { return !next_firing(schedule_, zone_, from); }

private:
  cron_schedule schedule_;
  time_zone zone_;
  std::optional<time_point> end_;
};

/// The fields of a payload that are the run's, beside its input and metadata.
inline constexpr std::array<std::string_view, 13> run_fields_of_cron{
  "assistant_id",    "config",        "context",           "webhook",          "interrupt_before",
  "interrupt_after", "stream_mode",   "stream_subgraphs",  "stream_resumable", "checkpoint_during",
  "durability",      "feedback_keys", "multitask_strategy"};

/// The body of the run that a cron starts, without its input: its payload, but for what is the
/// cron's own. `on_thread`: else it is a stateless one.
json::object run_body_of(const json::object& payload, const json::object& metadata, bool on_thread,
                         std::string_view on_run_completed);

/// Whom the cron acts for: the user who made it, by identity alone. What a token said beside it,
/// permissions among it, is not known any more.
result<principal> owner_of(const json::object& doc);

json::object cron_view(const record& row);

} // namespace behalf::endpoints
