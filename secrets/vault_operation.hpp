// One operation on Vault: logs in when needed, or waits for another operation's login, then makes
// its call, and repeats it once when Vault asks for that.
#pragma once

#include "secrets/vault_login.hpp"
#include "secrets/vault_path.hpp"

#include <functional>
#include <memory>
#include <string>

namespace behalf {

/// What operations of one vault_store share. One thread.
struct vault_shared {
  vault_shared(vault_options o, vault_path p)
    : options(std::move(o)), path(std::move(p)), sessions(options.sessions) {}

  vault_options options;
  vault_path path;
  vault_sessions sessions;
};

/// The request an operation makes once it has a token.
struct vault_request {
  std::string method;
  result<std::string> path; // below /v1; an error ends the operation
  std::shared_ptr<const wiped_string> body;
  std::string doing; // "read the github token", for errors
  /// Reads a reply that is none of those the operation handles itself (403, 412, 429, 47x, 5xx).
  std::function<result<secret_answer>(const secret_reply&, time_point now)> read;
};

class vault_operation final : public secret_operation {
public:
  /// `who` is empty where the server acts for itself. `token`: the user's own; may be null.
  vault_operation(std::shared_ptr<vault_shared> shared, principal_key who, inbound_token_ptr token,
                  vault_request operation);
  ~vault_operation() override;
  vault_operation(const vault_operation&) = delete;
  vault_operation& operator=(const vault_operation&) = delete;

  secret_step start(time_point now) override;
  secret_step resume(result<secret_reply> reply, time_point now) override;

private:
  enum class phase : uint8_t { login, renew, operate };

  secret_step proceed(time_point now);
  secret_step renew();
  secret_step log_in();
  secret_step end(error why);
  void end_turn(std::optional<error> failure);
  secret_step operate(std::chrono::milliseconds delay);
  secret_step after_login(const result<secret_reply>& reply, time_point now);
  secret_step after_renewal(const result<secret_reply>& reply, time_point now);
  secret_step after_call(const result<secret_reply>& reply, time_point now);
  secret_step after_refusal(const secret_reply& reply);

  std::shared_ptr<vault_shared> shared_;
  vault_session_key session_; // whose Vault token is used
  inbound_token_ptr token_;
  vault_request operation_;
  vault_login login_;
  phase phase_ = phase::operate;
  bool fresh_ = false; // the login was this operation's, or one it waited for
  bool leads_ = false; // others wait for the login or renewal of this operation
  std::shared_ptr<vault_turn> awaited_;
  secret_ptr used_; // the Vault token of the call under way
  int retries_ = 0;
};

} // namespace behalf
