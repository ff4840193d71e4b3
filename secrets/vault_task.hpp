// One operation on Vault under way: log in if need be, or wait for who does, then call, and once
// more if Vault says so.
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
  ~vault_task() override;
  vault_task(const vault_task&) = delete;
  vault_task& operator=(const vault_task&) = delete;

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
  vault_operation operation_;
  vault_login login_;
  phase phase_ = phase::operate;
  bool fresh_ = false; // the login was this task's, or one it waited for
  bool leads_ = false; // others wait for the login or renewal of this task
  std::shared_ptr<vault_turn> awaited_;
  secret_ptr used_; // the Vault token of the call under way
  int retries_ = 0;
};

} // namespace behalf
