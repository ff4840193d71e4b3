// An OpenID provider small enough to live inside `behalf dev`: users from the configuration, one
// key, a plain login page. For development: it keeps codes in memory and knows public clients only.
#pragma once

#include "behalf/outbound.hpp"
#include "runtime/auth/jwt.hpp"
#include "runtime/auth/signing.hpp"

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

struct dev_user {
  std::string username; // also `sub`
  std::string password;
  std::string name, email;              // empty: username, none
  std::vector<std::string> permissions; // granted as `scope`
  json::object claims;                  // added to the token as they are
};

struct dev_issuer_options {
  std::string issuer; // "http://127.0.0.1:2024/dev": base of all endpoints
  std::string audience = "behalf";
  std::vector<dev_user> users;
  /// Compared byte for byte, except that a loopback one matches on any port (RFC 8252 7.3).
  /// Empty: any http URI on a loopback host.
  std::vector<std::string> redirect_uris;
  std::vector<std::string> client_ids; // empty: any
  std::chrono::seconds token_lifetime{3600};
};

/// Decoded fields of a query or a form, in order.
using form_fields = std::vector<std::pair<std::string, std::string>>;

/// An answer of the issuer, to be sent as it is: a page, JSON, or a redirect (303, Location).
struct issuer_reply {
  unsigned status = 200;
  header_list headers; // Content-Type included
  std::string body;
};

class dev_issuer {
public:
  dev_issuer(dev_issuer_options options, signing_key key);

  const dev_issuer_options& options() const { return options_; }
  json::object jwks() const { return key_.jwks(); }
  /// `<issuer>/.well-known/openid-configuration`
  json::object discovery() const;
  /// How our own server verifies its tokens.
  issuer_rules rules() const;

  /// GET `<issuer>/authorize`: the login page, or why not. Code flow with PKCE S256 only.
  issuer_reply authorize(const form_fields& query, time_point now);
  /// POST `<issuer>/login`: 303 to the client with a code, or the page again.
  issuer_reply login(const form_fields& form, time_point now);
  /// POST `<issuer>/token`: grant_type authorization_code or password. Errors as RFC 6749 5.2.
  issuer_reply token(const form_fields& form, time_point now);
  /// GET `<issuer>/userinfo`: the claims of the user a token names. Error: unauthenticated.
  result<json::object> userinfo(std::string_view token, time_point now) const;

private:
  struct login_request { // waits for the user to log in
    std::string client_id, redirect_uri, state, challenge, scope, nonce;
    time_point expires;
  };
  struct code_grant {
    login_request request;
    std::string username;
    time_point expires;
  };
  struct checked_request;

  const dev_user* find_user(std::string_view username) const;
  const dev_user* check_password(std::string_view username, std::string_view password) const;
  bool redirect_allowed(std::string_view uri) const;
  bool client_allowed(std::string_view id) const;
  checked_request check_request(const form_fields& query) const;
  issuer_reply redeem_code(const form_fields& form, time_point now);
  issuer_reply redeem_password(const form_fields& form, time_point now);
  issuer_reply tokens_for(const dev_user& user, const login_request& request, time_point now) const;
  std::string access_token(const dev_user& user, std::string_view client_id, std::string_view scope,
                           time_point now) const;
  void forget_expired(time_point now);

  dev_issuer_options options_;
  signing_key key_;
  std::string salt_;
  std::map<std::string, std::array<unsigned char, 32>, std::less<>> passwords_; // salted, hashed
  std::map<std::string, login_request, std::less<>> logins_;                    // by random id
  std::map<std::string, code_grant, std::less<>> codes_; // by SHA-256 of the code
};

/// With its lock, for use on several threads.
struct shared_issuer {
  std::mutex guard;
  dev_issuer issuer;
};

} // namespace behalf
