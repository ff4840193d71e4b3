// What providers say when they refuse or fail, in the words every wire uses for it.
#include "agents/models/wire.hpp"
#include "behalf/time.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t most_said = 500; // bytes of a provider's sentence in an error
constexpr std::chrono::milliseconds most_wait = std::chrono::hours{24};

struct known_code {
  std::string_view code, kind;
};

// Where two providers use one word they mean the same by it.
constexpr std::array known_codes{
  known_code{"insufficient_quota", "model_quota_spent"},
  known_code{"credit_balance_exhausted", "model_quota_spent"},
  known_code{"billing_hard_limit_reached", "model_quota_spent"},
  known_code{"billing_not_active", "model_quota_spent"},
  known_code{"billing_error", "model_quota_spent"},
  known_code{"enforced_spend_limit_reached", "model_quota_spent"},
  known_code{"context_length_exceeded", "model_context_too_long"},
  known_code{"string_above_max_length", "model_context_too_long"},
  known_code{"exceed_context_size_error", "model_context_too_long"}, // llama.cpp
  known_code{"request_too_large", "model_context_too_long"},
  known_code{"content_filter", "model_content_filtered"},
  known_code{"content_policy_violation", "model_content_filtered"},
  known_code{"ResponsibleAIPolicyViolation", "model_content_filtered"}, // Azure
  known_code{"image_content_policy_violation", "model_content_filtered"},
  known_code{"misalignment_policy_violation", "model_content_filtered"},
  known_code{"bio_policy", "model_content_filtered"},
  known_code{"invalid_prompt", "model_content_filtered"}, // OpenAI: flagged by its usage policy
  known_code{"invalid_encrypted_content", "model_thinking_refused"},
  known_code{"model_not_found", "model_unknown"},
  known_code{"DeploymentNotFound", "model_unknown"}, // Azure
  known_code{"not_found_error", "model_unknown"},
  known_code{"NOT_FOUND", "model_unknown"},
  known_code{"invalid_api_key", "model_refused_key"},
  known_code{"authentication_error", "model_refused_key"},
  known_code{"permission_error", "model_refused_key"},
  known_code{"UNAUTHENTICATED", "model_refused_key"},
  known_code{"PERMISSION_DENIED", "model_refused_key"},
  known_code{"rate_limit_exceeded", "model_rate_limited"},
  known_code{"rate_limit_error", "model_rate_limited"},
  known_code{"RESOURCE_EXHAUSTED", "model_rate_limited"},
  known_code{"overloaded_error", "model_overloaded"},
  known_code{"server_overloaded", "model_overloaded"},
  known_code{"slow_down", "model_overloaded"},
  known_code{"UNAVAILABLE", "model_overloaded"},
  known_code{"server_error", "model_unavailable"},
  known_code{"api_error", "model_unavailable"},
  known_code{"timeout_error", "model_unavailable"},
  known_code{"INTERNAL", "model_unavailable"},
  known_code{"DEADLINE_EXCEEDED", "model_unavailable"},
};

// Many servers have no code for a prompt that is too long: only the sentence tells it from others.
constexpr std::array too_long_phrases{
  "maximum context length", "context length exceeded",
  "prompt is too long",     "exceeds the maximum number of tokens",
  "exceeds the context",    "exceed context limit"};

std::string_view kind_of(int status, std::string_view message) {
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
    break;
  }
  if (status < 400 || status >= 500 || status == 408 || status == 409)
    return "model_unavailable";
  const auto said = ascii_lower(message);
  return std::any_of(too_long_phrases.begin(), too_long_phrases.end(),
                     [&](std::string_view phrase) { return said.find(phrase) != said.npos; })
           ? "model_context_too_long"
           : "model_bad_request";
}

std::string_view kind_of(int status, std::string_view message, std::string_view code) {
  const auto* known = std::find_if(known_codes.begin(), known_codes.end(),
                                   [&](const known_code& one) { return one.code == code; });
  return known != known_codes.end() ? known->kind : kind_of(status, message);
}

// For who chats, and may not know what a provider's number or sentence means.
std::string meaning_of(std::string_view kind) {
  if (kind == "model_refused_key")
    return "the model's provider does not take the key; it ";
  if (kind == "model_quota_spent")
    return "the quota at the model's provider is spent; it ";
  if (kind == "model_unknown")
    return "the model's provider does not have the model, or not any more; it ";
  if (kind == "model_context_too_long")
    return "the conversation is too long for the model; its provider ";
  if (kind == "model_thinking_refused")
    return "the model's provider does not take back what was thought before; it ";
  return "the model's provider ";
}

// One line of UTF-8, however much the provider said.
std::string sentence(std::string_view said) {
  auto text =
    valid_utf8(std::string(said.substr(0, most_said + 4))); // its end may be half a letter
  std::replace_if(
    text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text.size() <= most_said ? text : std::string(cut_utf8(text, most_said)) + "…";
}

// A positive number of milliseconds or seconds, with or without a fraction.
std::optional<std::chrono::milliseconds> number_of(std::string_view text, double in_ms) {
  double amount = 0;
  const auto* last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data(), last, amount);
  if (failed != std::errc{} || end != last || !(amount > 0))
    return {};
  const auto most = static_cast<double>(most_wait.count());
  return std::chrono::milliseconds{static_cast<int64_t>(std::min(amount * in_ms, most))};
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) as how long that is from now.
std::optional<std::chrono::milliseconds> until_date(std::string_view text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT"))
    return {};
  const auto month = months.find(text.substr(8, 3));
  if (month == months.npos || month % 3 != 0)
    return {};
  const auto number = std::to_string(month / 3 + 1);
  std::string iso{text.substr(12, 4)};
  iso.append(number.size() == 1 ? "-0" : "-").append(number).append("-").append(text.substr(5, 2));
  iso.append("T").append(text.substr(17, 8)).append("Z");
  const auto then = parse_iso8601(iso);
  if (!then)
    return {};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(*then - now());
  if (wait.count() <= 0)
    return {};
  return std::min(wait, most_wait);
}

std::optional<std::chrono::milliseconds> wait_of(const header_list& headers) {
  if (const auto* ms = find_header(headers, "retry-after-ms"))
    if (const auto wait = number_of(*ms, 1))
      return wait;
  const auto* after = find_header(headers, "retry-after");
  if (!after)
    return {};
  const auto wait = number_of(*after, 1000);
  return wait ? wait : until_date(*after);
}

} // namespace

std::string request_id_of(const header_list& headers) {
  constexpr std::size_t longest = 100;
  for (const auto* name : {"request-id", "x-request-id"})
    if (const auto* id = find_header(headers, name);
        id && !id->empty() && id->size() <= longest && made_of(*id, "-_.:"))
      return *id;
  return {};
}

model_failure failure_of(int status, const header_list& headers, std::string_view message,
                         std::string_view code) {
  model_failure f;
  const auto kind = kind_of(status, message, code);
  auto text = meaning_of(kind)
              + (status != 200 ? "answered " + std::to_string(status) : "failed while it answered");
  f.why = fail(errc::upstream, message.empty() ? text : text + ": " + sentence(message));
  f.why.kind = kind;
  if (f.why.kind == "model_quota_spent")
    return f; // whatever the headers say: trying again costs and changes nothing
  f.retry = f.why.kind == "model_rate_limited" || f.why.kind == "model_overloaded"
            || f.why.kind == "model_unavailable";
  if (const auto* said = find_header(headers, "x-should-retry"))
    f.retry = *said == "true";
  f.after = wait_of(headers);
  return f;
}

error unreadable_answer(std::string_view what) {
  return {
    errc::upstream, "the model's provider sent " + std::string(what), {}, "model_unavailable"};
}

error cut_answer() {
  return {errc::upstream,
          "the model's provider broke off in the middle of its answer",
          {},
          "model_stream_cut"};
}

} // namespace behalf
