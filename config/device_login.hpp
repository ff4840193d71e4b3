// Logging in from a terminal at the issuer of a server's tokens: the device authorization grant
// (RFC 8628). Whose tokens a server takes is in its metadata (RFC 9728), where an issuer gives
// codes and tokens in its own (RFC 8414, OpenID Connect Discovery). Tokens stay in memory.
#pragma once

#include "behalf/time.hpp"
#include "runtime/auth/identity_provider.hpp"
#include "runtime/base/secret.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// What somebody wants to log in for.
struct login_request {
  std::string server;    // its URL, without a slash at the end
  std::string issuer;    // empty: the one that the server names
  std::string client_id; // of a public client, which the issuer knows
  std::string scope = "openid";
};

struct login_reply {
  unsigned status = 0;
  std::shared_ptr<const wiped_string> body;
};

/// The world of a login.
struct login_world {
  std::function<result<login_reply>(provider_call)> send;
  std::function<bool(std::chrono::seconds)> wait;     // false: it was given up
  std::function<void(const std::string& lines)> tell; // printable, to the person
  std::function<deadline()> now;
};

/// One person's tokens, from the first code until the program ends.
class device_login {
public:
  device_login(login_request what, login_world world);

  /// Sees to a token that is valid now: renews an old one, or has the person log in. True: there
  /// is another one than before. Errors: invalid_argument (nobody says which issuer), denied (the
  /// person or the issuer refused), timeout (the code was not used), upstream.
  result<bool> ensure();

  /// The token is not taken any more: the next `ensure` sees to another one.
  void expire();

  /// Empty before `ensure`.
  const secret& access_token() const { return access_; }

private:
  result<void> find_endpoints();
  result<void> log_in();
  result<bool> renew(); // false: the issuer refused
  result<void> wait_for_token(const secret& code, std::chrono::seconds interval, deadline end);
  void take(std::string_view body);
  result<login_reply> post(const std::string& url, wiped_string form);

  login_request what_;
  login_world world_;
  std::string code_url_, token_url_; // empty: not yet known
  secret access_, refresh_;
  std::optional<deadline> due_; // when the token is to be renewed; none: not known
  deadline ends_{};             // until then a renewal that fails is tried again later
};

} // namespace behalf
