#include "runtime/auth/jwt.hpp"

#include "runtime/auth/challenge.hpp"
#include "runtime/auth/claim_checks.hpp"
#include "runtime/net/codec.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::string_view unknown_key_kind = "UnknownKey";

// The three parts of a compact JWS. `signed_part` is the text that was signed.
struct segments {
  std::string_view header, payload, signature, signed_part;
};

std::optional<segments> split(std::string_view token) {
  auto first = token.find('.');
  auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos)
    return {};
  return segments{token.substr(0, first), token.substr(first + 1, second - first - 1),
                  token.substr(second + 1), token.substr(0, second)};
}

struct decoded {
  json::object header;
  std::string payload, signature;
};

result<decoded> decode(const segments& parts) {
  auto header = base64url_decode(parts.header), payload = base64url_decode(parts.payload),
       signature = base64url_decode(parts.signature);
  if (!header || !payload || !signature)
    return invalid_token("the token is not base64url without padding");
  auto parsed = parse_json_strict(*header);
  if (!parsed || !parsed->is_object())
    return invalid_token("the token's header is not a JSON object with unique names");
  return decoded{std::move(parsed->get_object()), std::move(*payload), std::move(*signature)};
}

result<signature_algorithm> check_algorithm(const json::object& header, const issuer_rules& rules) {
  auto alg = parse_algorithm(string_or(header, "alg"));
  const auto& allowed = rules.algorithms;
  if (alg && std::find(allowed.begin(), allowed.end(), *alg) != allowed.end())
    return *alg;
  std::string names;
  for (auto a : allowed)
    names += (names.empty() ? "" : ", ") + std::string(to_string(a));
  return invalid_token("the token's algorithm is not accepted from this issuer, only: " + names);
}

// Types are compared without case and may carry the prefix "application/" (RFC 7515 4.1.9).
result<void> check_type(const json::object& header, const issuer_rules& rules) {
  const auto* typ = member(header, "typ");
  if (!typ && rules.allow_generic_jwt_typ)
    return {};
  if (!typ || !typ->is_string())
    return invalid_token("the token has no type: expected at+jwt");
  std::string_view name{typ->get_string().data(), typ->get_string().size()};
  if (boost::algorithm::istarts_with(name, "application/"))
    name.remove_prefix(12);
  if (boost::algorithm::iequals(name, "at+jwt")
      || (rules.allow_generic_jwt_typ && boost::algorithm::iequals(name, "jwt")))
    return {};
  return invalid_token("the token is no access token: expected type at+jwt");
}

// We understand no extension, so naming a critical one is reason enough (RFC 7515 4.1.11). `b64`
// would change what was signed (RFC 7797).
result<void> check_extensions(const json::object& header) {
  if (header.contains("crit") || header.contains("b64"))
    return invalid_token("the token demands an extension that is not supported");
  return {};
}

result<const public_key*> choose_key(const json::object& header, signature_algorithm alg,
                                     const key_set& keys) {
  std::optional<std::string_view> kid;
  if (const auto* v = member(header, "kid")) {
    if (!v->is_string())
      return invalid_token("the token's key id is not text");
    kid = std::string_view{v->get_string().data(), v->get_string().size()};
  }
  if (const auto* key = keys.find(kid, alg))
    return key;
  if (keys.knows(kid, alg))
    return invalid_token(kid ? "the token's key does not fit its algorithm"
                             : "the token does not say which of the issuer's keys signed it");
  auto unknown = invalid_token("the token is signed with a key its issuer does not publish");
  unknown.kind = unknown_key_kind;
  return unknown;
}

// Where `typ` cannot tell, these can: only ID tokens bind a nonce or hashes of other tokens, and
// some issuers name the kind of token in a claim.
result<void> refuse_id_token(const json::object& all) {
  const auto* typ = member(all, "typ");
  bool other_kind =
    typ && (!typ->is_string() || !boost::algorithm::iequals(typ->get_string(), "bearer"));
  for (auto name : {"nonce", "at_hash", "c_hash", "s_hash", "events"})
    other_kind = other_kind || all.contains(name);
  if (other_kind)
    return invalid_token("the token is no access token");
  return {};
}

result<claims> check_claims(json::object all, const issuer_rules& rules, time_point now) {
  const auto* iss = member(all, "iss");
  if (!iss || !iss->is_string() || iss->get_string() != rules.issuer || rules.issuer.empty())
    return invalid_token("the token is from another issuer");
  if (auto ok = check_audience(all, rules.audiences); !ok)
    return ok.error();
  auto expires = check_dates(all, rules.skew, now, expiry_demand::required);
  if (!expires)
    return expires.error();
  auto subject = check_subject(all);
  if (!subject)
    return subject.error();
  if (auto ok = check_client(all, rules.clients); !ok)
    return ok.error();
  if (rules.allow_generic_jwt_typ)
    if (auto ok = refuse_id_token(all); !ok)
      return ok.error();
  return claims{rules.issuer, std::move(*subject), **expires, std::move(all)};
}

} // namespace

result<claims> verify(std::string_view token, const issuer_rules& rules, const key_set& keys,
                      time_point now) {
  if (token.size() > max_token_size)
    return invalid_token("the token is larger than 16 KB");
  auto parts = split(token);
  if (!parts)
    return invalid_token("the token is no signed JWT: expected three parts separated by dots");
  auto jws = decode(*parts);
  if (!jws)
    return jws.error();
  auto alg = check_algorithm(jws->header, rules);
  if (!alg)
    return alg.error();
  if (auto ok = check_extensions(jws->header); !ok)
    return ok.error();
  if (auto ok = check_type(jws->header, rules); !ok)
    return ok.error();
  auto key = choose_key(jws->header, *alg, keys);
  if (!key)
    return key.error();
  if (!verify_signature(**key, *alg, parts->signed_part, jws->signature))
    return invalid_token("the token's signature is wrong");
  auto payload = parse_json_strict(jws->payload);
  if (!payload || !payload->is_object())
    return invalid_token("the token's claims are not a JSON object with unique names");
  return check_claims(std::move(payload->get_object()), rules, now);
}

bool is_unknown_key(const error& e) {
  return e.code == errc::unauthenticated && e.kind == unknown_key_kind;
}

std::optional<token_origin> peek_origin(std::string_view token) {
  auto parts = token.size() <= max_token_size ? split(token) : std::nullopt;
  if (!parts)
    return {};
  auto header = base64url_decode(parts->header), payload = base64url_decode(parts->payload);
  if (!header || !payload)
    return {};
  auto head = parse_json(*header), body = parse_json(*payload);
  if (!head || !body || !head->is_object() || !body->is_object())
    return {};
  auto issuer = string_or(body->get_object(), "iss");
  if (issuer.empty())
    return {};
  return token_origin{std::string(issuer), std::string(string_or(head->get_object(), "kid"))};
}

} // namespace behalf
