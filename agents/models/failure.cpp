// What providers say when they refuse or fail, in the words every wire uses for it.
#include "agents/models/wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace behalf {
namespace {

constexpr std::array spent{"insufficient_quota", "credit_balance_exhausted",
                           "billing_hard_limit_reached", "billing_error",
                           "enforced_spend_limit_reached"};

// A number of milliseconds or seconds, with or without a fraction.
std::optional<std::chrono::milliseconds> wait_of(const std::string* text, double in_ms) {
  double amount = 0;
  if (!text)
    return {};
  const auto* last = text->data() + text->size();
  const auto [end, failed] = std::from_chars(text->data(), last, amount);
  if (failed != std::errc{} || end != last || !(amount >= 0))
    return {};
  constexpr double most = 24.0 * 3600 * 1000;
  return std::chrono::milliseconds{static_cast<int64_t>(std::min(amount * in_ms, most))};
}

std::string_view kind_of(int status) {
  switch (status) {
  case 401:
  case 403:
    return "model_refused_key";
  case 402:
    return "model_quota_spent";
  case 404:
    return "model_unknown";
  case 413:
    return "model_context_too_long";
  case 429:
    return "model_rate_limited";
  case 503:
  case 529:
    return "model_overloaded";
  default:
    return status >= 500 || status == 408 || status == 409 ? "model_unavailable"
                                                           : "model_bad_request";
  }
}

} // namespace

model_failure failure_of(int status, const header_list& headers, std::string_view message,
                         std::string_view code) {
  model_failure f;
  f.why = fail(errc::upstream, "the model's provider answered " + std::to_string(status)
                                 + (message.empty() ? "" : ": " + std::string(message)));
  f.why.kind = kind_of(status);
  f.retry = status == 408 || status == 409 || status == 429 || status >= 500;
  if (std::find(spent.begin(), spent.end(), code) != spent.end()) {
    f.why.kind = "model_quota_spent";
    f.retry = false;
    return f;
  }
  if (const auto* said = find_header(headers, "x-should-retry"))
    f.retry = *said == "true";
  f.after = wait_of(find_header(headers, "retry-after-ms"), 1);
  if (!f.after)
    f.after = wait_of(find_header(headers, "retry-after"), 1000);
  return f;
}

} // namespace behalf
