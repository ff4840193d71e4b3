// Vault tokens: login, cache and renewal.
#pragma once

#include "secrets/secret_call.hpp"
#include "secrets/secret_source.hpp"
#include "secrets/vault.hpp"

#include <map>
#include <optional>
#include <string>

namespace behalf {

/// Whose Vault token it is, and with which of their own tokens they logged in: another one has not
/// been verified by Vault. Both are empty when the server logs in for itself.
struct vault_session_key {
  principal_key who;
  std::string token; // its digest

  auto operator<=>(const vault_session_key&) const = default;
};

struct vault_session {
  secret_ptr token;
  time_point expires_at;
  std::chrono::microseconds ttl{0}; // when it was got
  bool renewable = false;
  int64_t uses_left = -1; // -1: unlimited
};

/// The calls that get and renew a token, and their replies.
class vault_login {
public:
  explicit vault_login(const vault_options& options) : options_(options) {}
  explicit vault_login(const vault_options&&) = delete;

  /// A call to `path` below /v1 with what every call has; `token` may be null.
  secret_call call(std::string method, const std::string& path, const secret_ptr& token) const;

  /// With the user's own token; `token` must not be null.
  secret_call by_jwt(const inbound_token_ptr& token) const;
  secret_call by_approle() const;
  secret_call renew(const vault_session& session) const;

  /// The reply to any of them. Errors as in secret_source.
  result<vault_session> session(const secret_reply& reply, time_point now) const;

private:
  std::string mount() const;

  const vault_options& options_;
};

/// A login or renewal under way: other operations that need the token wait for it.
struct vault_turn : secret_turn {
  std::optional<error> failure; // once it is over
};

/// The tokens kept: with JWT login one per user and token, with AppRole one for all (the
/// empty key).
class vault_sessions {
public:
  enum class advice : uint8_t { use, renew, login };

  explicit vault_sessions(std::size_t capacity) : capacity_(capacity) {}

  advice look(const vault_session_key& whose, time_point now) const;
  /// Valid until the next change; null when there is none.
  const vault_session* find(const vault_session_key& whose) const;
  /// Counts a use of the token.
  void used(const vault_session_key& whose);
  void keep(const vault_session_key& whose, vault_session session, time_point now);
  /// The token was refused: it was revoked, or has reached its maximum lifetime.
  void drop(const vault_session_key& whose) { sessions_.erase(whose); }

  /// The login or renewal under way for them; null: none.
  std::shared_ptr<vault_turn> turn_of(const vault_session_key& whose) const;
  /// A renewal that continues as a login is still the same turn.
  void begin_turn(const vault_session_key& whose);
  void end_turn(const vault_session_key& whose, std::optional<error> failure);

  /// Wipes the tokens that have expired.
  void sweep(time_point now);

  std::size_t size() const { return sessions_.size(); }

private:
  std::size_t capacity_;
  std::map<vault_session_key, vault_session> sessions_;
  std::map<vault_session_key, std::shared_ptr<vault_turn>> turns_;
};

/// The error of a status that ends the operation: 403, 429, 472, 473, 5xx, and unexpected ones.
/// `doing`: "read the github token".
error vault_status(const secret_reply& reply, const std::string& doing);

/// No reply came.
error vault_unreachable(const error& why);

} // namespace behalf
