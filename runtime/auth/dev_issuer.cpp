#include "runtime/auth/dev_issuer.hpp"

#include "runtime/auth/challenge.hpp"
#include "runtime/auth/issuer_forms.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"

#include <openssl/crypto.h>

namespace behalf {
namespace {

issuer_reply json_reply(unsigned status, const json::object& body) {
  return {
    status, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, dump(body)};
}

// RFC 6749 5.2.
issuer_reply oauth_error(std::string_view code, std::string_view why) {
  return json_reply(400, {{"error", code}, {"error_description", why}});
}

std::string challenge_of(std::string_view verifier) {
  auto hash = sha256(verifier);
  return base64url({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

// RFC 7636 4.1.
bool valid_verifier(std::string_view text) {
  constexpr std::string_view allowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  return text.size() >= 43 && text.size() <= 128
         && text.find_first_not_of(allowed) == std::string_view::npos;
}

int64_t unix_seconds(time_point t) {
  return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

json::object profile(const dev_user& user) {
  json::object o{{"sub", user.username},
                 {"name", user.name.empty() ? user.username : user.name},
                 {"preferred_username", user.username}};
  if (!user.email.empty())
    o["email"] = user.email;
  for (const auto& [name, v] : user.claims)
    if (!o.contains(name))
      o[name] = v;
  return o;
}

} // namespace

dev_issuer::dev_issuer(dev_issuer_options options, signing_key key)
  : options_(std::move(options)), key_(std::move(key)), salt_(random_hex(32)) {
  for (const auto& user : options_.users)
    passwords_[user.username] = sha256(salt_ + user.password);
}

json::object dev_issuer::discovery() const {
  const auto& base = options_.issuer;
  return {{"issuer", base},
          {"authorization_endpoint", base + "/authorize"},
          {"token_endpoint", base + "/token"},
          {"userinfo_endpoint", base + "/userinfo"},
          {"jwks_uri", base + "/jwks"},
          {"response_types_supported", json::array{"code"}},
          {"response_modes_supported", json::array{"query"}},
          {"grant_types_supported", json::array{"authorization_code", "password"}},
          {"subject_types_supported", json::array{"public"}},
          {"id_token_signing_alg_values_supported", json::array{"ES256"}},
          {"token_endpoint_auth_methods_supported", json::array{"none"}},
          {"code_challenge_methods_supported", json::array{"S256"}},
          {"scopes_supported", json::array{"openid", "profile", "email"}},
          {"authorization_response_iss_parameter_supported", true}};
}

issuer_rules dev_issuer::rules() const {
  issuer_rules r;
  r.issuer = options_.issuer;
  r.audiences = {options_.audience};
  r.algorithms = {signature_algorithm::es256};
  return r;
}

const dev_user* dev_issuer::find_user(std::string_view username) const {
  for (const auto& user : options_.users)
    if (user.username == username)
      return &user;
  return nullptr;
}

// The same work whether the user exists or not.
const dev_user* dev_issuer::check_password(std::string_view username,
                                           std::string_view password) const {
  static constexpr std::array<unsigned char, 32> nobody{};
  auto given = sha256(salt_ + std::string(password));
  auto known = passwords_.find(username);
  const auto& wanted = known == passwords_.end() ? nobody : known->second;
  bool same = CRYPTO_memcmp(given.data(), wanted.data(), given.size()) == 0;
  return same && known != passwords_.end() ? find_user(username) : nullptr;
}

issuer_reply dev_issuer::token(const form_fields& form, time_point now) {
  forget_expired(now);
  if (repeats(form))
    return oauth_error("invalid_request", "a parameter was sent twice");
  auto grant = form_field(form, "grant_type");
  if (grant.empty())
    return oauth_error("invalid_request", "grant_type is missing");
  if (grant == "authorization_code")
    return redeem_code(form, now);
  if (grant == "password")
    return redeem_password(form, now);
  return oauth_error("unsupported_grant_type", "expected authorization_code or password");
}

issuer_reply dev_issuer::redeem_code(const form_fields& form, time_point now) {
  auto found = codes_.find(sha256_hex(form_field(form, "code")));
  if (found == codes_.end())
    return oauth_error("invalid_grant", "the code is unknown, used, or older than 60 s");
  auto grant = std::move(found->second);
  codes_.erase(found); // whatever comes of it: a code is good for one attempt
  const auto& r = grant.request;
  auto verifier = form_field(form, "code_verifier");
  if (form_field(form, "client_id") != r.client_id
      || form_field(form, "redirect_uri") != r.redirect_uri)
    return oauth_error("invalid_grant", "the code was issued for another client or redirect_uri");
  if (!valid_verifier(verifier) || challenge_of(verifier) != r.challenge)
    return oauth_error("invalid_grant", "the code_verifier does not fit the code_challenge");
  const auto* user = find_user(grant.username);
  return user ? tokens_for(*user, r, now) : oauth_error("invalid_grant", "the user is gone");
}

issuer_reply dev_issuer::redeem_password(const form_fields& form, time_point now) {
  login_request r;
  r.client_id = form_field(form, "client_id");
  r.scope = form_field(form, "scope");
  if (!r.client_id.empty() && !client_allowed(r.client_id))
    return oauth_error("invalid_client", "the client_id is not known here");
  const auto* user = check_password(form_field(form, "username"), form_field(form, "password"));
  return user ? tokens_for(*user, r, now)
              : oauth_error("invalid_grant", "user or password is wrong");
}

std::string dev_issuer::access_token(const dev_user& user, std::string_view client_id,
                                     std::string_view scope, time_point now) const {
  auto all = profile(user);
  std::string granted;
  for (const auto& permission : user.permissions)
    granted += (granted.empty() ? "" : " ") + permission;
  for (std::string_view word : {"openid", "profile", "email"})
    if (asks_for(scope, word))
      granted += (granted.empty() ? "" : " ") + std::string(word);
  all["iss"] = options_.issuer;
  all["aud"] = options_.audience;
  all["exp"] = unix_seconds(now + options_.token_lifetime);
  all["iat"] = unix_seconds(now);
  all["jti"] = uuid4();
  all["client_id"] = client_id;
  all["scope"] = granted;
  return key_.sign({{"typ", "at+jwt"}}, all);
}

issuer_reply dev_issuer::tokens_for(const dev_user& user, const login_request& r,
                                    time_point now) const {
  auto client = r.client_id.empty() ? std::string("behalf-cli") : r.client_id;
  json::object body{{"access_token", access_token(user, client, r.scope, now)},
                    {"token_type", "Bearer"},
                    {"expires_in", options_.token_lifetime.count()}};
  if (asks_for(r.scope, "openid")) {
    auto id = profile(user);
    id["iss"] = options_.issuer;
    id["aud"] = client;
    id["exp"] = unix_seconds(now + options_.token_lifetime);
    id["iat"] = unix_seconds(now);
    if (!r.nonce.empty())
      id["nonce"] = r.nonce;
    body["id_token"] = key_.sign({{"typ", "JWT"}}, id);
  }
  return json_reply(200, body);
}

result<json::object> dev_issuer::userinfo(std::string_view token, time_point now) const {
  if (token.empty())
    return missing_token();
  auto keys = key_set::parse(key_.jwks());
  if (!keys)
    return keys.error();
  auto proven = verify(token, rules(), *keys, now);
  if (!proven)
    return proven.error();
  const auto* user = find_user(proven->subject);
  if (!user)
    return invalid_token("the token's user is gone");
  return profile(*user);
}

} // namespace behalf
