#include "actors/storage/store_items.hpp"

#include <algorithm>

namespace behalf::storage {

result<std::string> checked_namespace(const std::vector<std::string>& labels, bool may_be_empty) {
  if (labels.empty() && !may_be_empty)
    return fail(errc::bad_request, "Namespace cannot be empty.");
  for (const auto& label : labels)
    if (label.empty() || label.find('.') != label.npos)
      return fail(errc::invalid_argument,
                  "Namespace label '" + label + "' must be a non-empty string without periods");
  if (!labels.empty() && labels.front() == "langgraph")
    return fail(errc::bad_request, "Root label for namespace cannot be 'langgraph'");
  return encode_namespace(labels);
}

result<void> check_ttl(double minutes) {
  if (minutes >= 0 && minutes <= max_ttl_minutes)
    return {};
  return fail(errc::invalid_argument, "a ttl is a number of minutes from 0 to "
                                        + std::to_string(static_cast<int64_t>(max_ttl_minutes)));
}

expiry expiry_in(double minutes, time_point from) {
  expiry e;
  e.ttl = std::chrono::milliseconds(
    static_cast<int64_t>(std::clamp(minutes, 0.0, max_ttl_minutes) * 60'000));
  e.at = from + e.ttl;
  return e;
}

} // namespace behalf::storage
