#include "runtime/auth/claim_checks.hpp"

#include "runtime/auth/challenge.hpp"

#include <algorithm>
#include <chrono>

namespace behalf {
namespace {

using std::chrono::seconds;

constexpr int64_t last_date = 253'402'300'799; // the end of the year 9999

// Whole seconds since 1970, as a JSON integer: no text, no fraction, no exponent, in range.
result<std::optional<time_point>> date(const json::object& all, std::string_view name) {
  const auto* v = member(all, name);
  if (!v)
    return std::optional<time_point>{};
  if (!v->is_int64() || v->get_int64() <= 0 || v->get_int64() > last_date)
    return invalid_token("the token's " + std::string(name)
                         + " is not a whole number of seconds since 1970");
  return std::optional{time_point{seconds{v->get_int64()}}};
}

bool one_of(const json::value& text, const std::vector<std::string>& list) {
  return text.is_string() && std::any_of(list.begin(), list.end(), [&](const std::string& s) {
           return text.get_string() == s;
         });
}

} // namespace

result<std::optional<time_point>> check_dates(const json::object& all, seconds skew, time_point now,
                                              expiry_demand demand) {
  skew = std::clamp(skew, seconds{0}, seconds{60});
  auto exp = date(all, "exp"), nbf = date(all, "nbf"), iat = date(all, "iat");
  for (const auto* d : {&exp, &nbf, &iat})
    if (!*d)
      return d->error();
  if (!*exp && demand == expiry_demand::required)
    return invalid_token("the token has no expiry");
  if (*exp && **exp <= now)
    return invalid_token("the token has expired");
  if (*nbf && **nbf > now + skew)
    return invalid_token("the token is not valid yet");
  if (*iat && **iat > now + skew)
    return invalid_token("the token was issued in the future");
  return *exp;
}

result<void> check_audience(const json::object& all, const std::vector<std::string>& ours) {
  const auto* aud = member(all, "aud");
  bool meant = false;
  if (aud && aud->is_string())
    meant = one_of(*aud, ours);
  else if (aud && aud->is_array())
    for (const auto& a : aud->get_array()) {
      if (!a.is_string())
        return invalid_token("the token's audience is neither text nor a list of texts");
      meant = meant || one_of(a, ours);
    }
  if (!meant)
    return invalid_token("the token was issued for another audience");
  return {};
}

result<std::string> check_subject(const json::object& all) {
  auto sub = string_or(all, "sub");
  if (sub.empty() || sub.size() > 1024
      || std::any_of(sub.begin(), sub.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return invalid_token("the token names no subject");
  return std::string(sub);
}

result<void> check_client(const json::object& all, const std::vector<std::string>& clients) {
  if (clients.empty())
    return {};
  const auto* client = member(all, "azp");
  if (!client)
    client = member(all, "client_id");
  if (!client || !one_of(*client, clients))
    return invalid_token("the token was issued to a client that is not accepted here");
  return {};
}

} // namespace behalf
