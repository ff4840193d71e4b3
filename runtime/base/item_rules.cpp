#include "runtime/base/item_rules.hpp"

namespace behalf {

result<void> check_labels(const std::vector<std::string>& labels) {
  for (const auto& label : labels)
    if (label.empty() || label.find('.') != label.npos)
      return fail(errc::invalid_argument,
                  "Namespace label '" + label + "' must be a non-empty string without periods");
  return {};
}

result<void> check_namespace(const std::vector<std::string>& labels, bool may_be_empty) {
  if (labels.empty() && !may_be_empty)
    return fail(errc::bad_request, "Namespace cannot be empty.");
  if (auto ok = check_labels(labels); !ok)
    return ok.error();
  if (!labels.empty() && labels.front() == "langgraph")
    return fail(errc::bad_request, "Root label for namespace cannot be 'langgraph'");
  return {};
}

result<void> check_item_key(std::string_view key) {
  if (key.empty())
    return fail(errc::bad_request, "Key is required");
  return {};
}

result<void> check_ttl(double minutes) {
  if (minutes >= 0 && minutes <= max_ttl_minutes)
    return {};
  return fail(errc::invalid_argument, "a ttl is a number of minutes from 0 to "
                                        + std::to_string(static_cast<int64_t>(max_ttl_minutes)));
}

} // namespace behalf
