#include "runtime/auth/introspection.hpp"

#include "runtime/auth/challenge.hpp"
#include "runtime/auth/claim_checks.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace behalf {
namespace {

constexpr std::string_view not_responsible_kind = "NotResponsible";

error not_responsible(std::string why) {
  auto e = invalid_token(std::move(why));
  e.kind = not_responsible_kind;
  return e;
}

// application/x-www-form-urlencoded, without leaving a copy behind.
void append_form(wiped_string& to, std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  for (unsigned char c : text) {
    bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                 || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      to.push_back(static_cast<char>(c));
    } else {
      to.push_back('%');
      to.push_back(hex[c >> 4]);
      to.push_back(hex[c & 15]);
    }
  }
}

error malformed(std::string what) {
  return fail(errc::upstream, "the introspection endpoint answered " + std::move(what));
}

} // namespace

wiped_string introspection_body(std::string_view token) {
  wiped_string body;
  body.reserve(token.size() + 64);
  body.append("token=");
  append_form(body, token);
  body.append("&token_type_hint=access_token");
  return body;
}

wiped_string basic_authorization(std::string_view client_id, std::string_view client_secret) {
  wiped_string pair;
  pair.reserve(3 * (client_id.size() + client_secret.size()) + 1);
  append_form(pair, client_id);
  pair.push_back(':');
  append_form(pair, client_secret);
  constexpr std::string_view scheme = "Basic ";
  wiped_string value{scheme};
  auto length = (pair.size() + 2) / 3 * 4;
  value.resize(scheme.size() + length + 1); // EncodeBlock ends with a zero
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(value.data()) + scheme.size(),
                  reinterpret_cast<const unsigned char*>(pair.data()),
                  static_cast<int>(pair.size()));
  value.resize(scheme.size() + length);
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
  auto dates = check_dates(all, rules.skew, now, expiry::optional);
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
