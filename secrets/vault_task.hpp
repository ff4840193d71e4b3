// One operation on Vault under way: log in if need be, then call, and once more if Vault says so.
#pragma once

#include "secrets/vault_login.hpp"
#include "secrets/vault_path.hpp"

#include <functional>
#include <memory>
#include <string>

namespace behalf {

/// What tasks of one vault_store share. One thread.
struct vault_shared {
  vault_shared(vault_options o, vault_path p)
    : options(std::move(o)), path(std::move(p)), sessions(options.sessions) {}

  vault_options options;
  vault_path path;
  vault_sessions sessions;
};

/// What a task does once it has a token.
struct vault_operation {
  std::string method;
  result<std::string> path; // below /v1; an error ends the task
  std::shared_ptr<const wiped_string> body;
  std::string doing; // "read the github token", for errors
  /// Reads a reply that is none of those the task handles itself (403, 412, 429, 47x, 5xx).
  std::function<result<secret_answer>(const secret_reply&, time_point now)> read;
};

class vault_task final : public secret_task {
public:
  /// `who` is empty where the server acts for itself. `token`: the user's own; may be null.
  vault_task(std::shared_ptr<vault_shared> shared, principal_key who, inbound_token_ptr token,
             vault_operation operation);

  secret_step start(time_point now) override;
  secret_step resume(result<secret_reply> reply, time_point now) override;

private:
  enum class phase : uint8_t { login, renew, operate };

  secret_step proceed(time_point now);
  secret_step log_in();
  secret_step operate(std::chrono::milliseconds delay);
  secret_step after_login(const result<secret_reply>& reply, time_point now);
  secret_step after_renewal(const result<secret_reply>& reply, time_point now);
  secret_step after_call(const result<secret_reply>& reply, time_point now);

  std::shared_ptr<vault_shared> shared_;
  principal_key session_; // whose Vault token is used
  inbound_token_ptr token_;
  vault_operation operation_;
  vault_login login_;
  phase phase_ = phase::operate;
  bool fresh_ = false; // this task has logged in itself
  int retries_ = 0;
};

} // namespace behalf
