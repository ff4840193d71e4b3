#include "runtime/auth/introspection.hpp"

#include "runtime/auth/challenge.hpp"
#include "runtime/auth/claim_checks.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::string_view not_responsible_kind = "NotResponsible";

error not_responsible(std::string why) {
  auto e = invalid_token(std::move(why));
  e.kind = not_responsible_kind;
  return e;
}

error malformed(std::string what) {
  return fail(errc::upstream, "the introspection endpoint answered " + std::move(what));
}

} // namespace

wiped_string introspection_body(std::string_view token) {
  wiped_string body;
  body.reserve(token.size() + 64);
  body.append("token=");
  append_percent(body, token);
  body.append("&token_type_hint=access_token");
  return body;
}

wiped_string basic_authorization(std::string_view client_id, std::string_view client_secret) {
  wiped_string pair;
  pair.reserve(3 * (client_id.size() + client_secret.size()) + 1);
  append_percent(pair, client_id);
  pair.push_back(':');
  append_percent(pair, client_secret);
  wiped_string value{"Basic "};
  append_base64(value, pair.view());
  return value;
}

result<claims> read_introspection(const json::value& answer, const introspection_rules& rules,
                                  time_point now) {
  const auto* active = member(answer, "active");
  if (!active || !active->is_bool())
    return malformed("without 'active'");
  if (!active->get_bool())
    return inactive_token();
  const auto& all = answer.get_object();
  const auto* iss = member(all, "iss");
  if (iss && !rules.issuer.empty() && *iss != json::string(rules.issuer))
    return not_responsible("the token is from another issuer");
  if (!rules.audiences.empty())
    if (auto ok = check_audience(all, rules.audiences); !ok)
      return ok.error();
  auto limit = std::clamp(rules.cache_for, std::chrono::seconds{0}, std::chrono::seconds{60});
  auto dates = check_dates(all, rules.skew, now, expiry_demand::optional);
  if (!dates)
    return dates.error();
  auto subject = check_subject(all);
  if (!subject)
    return subject.error();
  if (auto ok = check_client(all, rules.clients); !ok)
    return ok.error();
  auto until = now + limit;
  auto issuer = rules.issuer.empty() ? std::string("introspection") : rules.issuer;
  return claims{std::move(issuer), std::move(*subject), std::min(dates->value_or(until), until),
                all};
}

bool is_not_responsible(const error& e) {
  return e.code == errc::unauthenticated && e.kind == not_responsible_kind;
}

error inactive_token() {
  return not_responsible("the token is not active: it has expired, was revoked, or is unknown");
}

} // namespace behalf
