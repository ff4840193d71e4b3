// What verified JWTs and introspection answers must satisfy alike; for the .cpp files of this
// folder.
#pragma once

#include "behalf/time.hpp"
#include "runtime/base/json.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

enum class expiry_demand : uint8_t { required, optional };

/// `exp`, `nbf` and `iat`, each a JSON integer of seconds since 1970 where present: not over, begun
/// and issued by now, the latter two give or take `skew` (60 s at most). Answers `exp`.
/// Errors of all checks: unauthenticated.
result<std::optional<time_point>> check_dates(const json::object& all, std::chrono::seconds skew,
                                              time_point now, expiry_demand demand);

/// `aud`, text or a list of texts, names one of ours.
result<void> check_audience(const json::object& all, const std::vector<std::string>& ours);

/// `sub`: text, not empty, at most 1024 bytes, no control characters.
result<std::string> check_subject(const json::object& all);

/// `azp`, or `client_id` where there is none, is one of `clients`; an empty list takes any.
result<void> check_client(const json::object& all, const std::vector<std::string>& clients);

} // namespace behalf
