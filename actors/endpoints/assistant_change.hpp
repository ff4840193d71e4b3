// What an assistant is made of, and how a change makes its next version.
#pragma once

#include "actors/admission/granted.hpp"
#include "actors/endpoints/body.hpp"
#include "runtime/storage/records.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

/// The fields that a request gives of an assistant, or that it changes. `context` and
/// `config.configurable` are the same settings: who gives one of them gives both.
struct assistant_change {
  std::optional<std::string> graph_id, name, description;
  std::optional<json::object> config, context, metadata;

  /// Faults are the reader's; bad_request when both `context` and `config.configurable` are given.
  static assistant_change read(body_reader& in, const shape_limits& bounds);

  /// As authorization handlers see it: null for what is not given, but for `metadata`.
  json::object value(const std::string& assistant_id) const;
  /// What they left, of the fields they may change.
  void take(admission::granted_reader& granted);
  static const std::vector<std::string_view> may_change;

  /// Puts the change on top: `metadata` is merged key by key, everything else is replaced. An empty
  /// `config` changes nothing, as in the reference. Error: as of `check_metadata`.
  result<void> apply_to(record& assistant, const shape_limits& bounds) const;
};

/// How many versions of an assistant are kept: the newest.
inline constexpr int64_t most_versions = 1'000;

/// The first version. `at`: when it is made.
void begin_versions(record& assistant, time_point at);
/// Counts on: no number comes twice, also after an older version was made the latest.
void next_version(record& assistant, time_point at);
/// Makes it what it was; the number that the next change gets stays.
void restore_version(record& assistant, const record& version, time_point at);

/// The row of its present version.
record version_of(const record& assistant);
record_key version_key(const std::string& tenant, const std::string& assistant_id, int64_t number);
/// The greatest number a change was given.
int64_t newest_version(const record& assistant);

/// An assistant as this version of it.
json::object version_view(const record& version);

} // namespace behalf::endpoints
