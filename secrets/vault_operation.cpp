#include "secrets/vault_operation.hpp"

#include <utility>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr int most_retries = 3;

secret_step done(error why) {
  return result<secret_answer>{std::move(why)};
}

} // namespace

vault_operation::vault_operation(std::shared_ptr<vault_shared> shared, principal_key who,
                                 inbound_token_ptr token, vault_request operation)
  : shared_(std::move(shared)), token_(std::move(token)), operation_(std::move(operation)),
    login_(shared_->options) {
  if (shared_->options.login == vault_login_kind::jwt)
    session_ = {std::move(who), token_ ? token_->digest() : std::string{}};
}

vault_operation::~vault_operation() {
  end_turn(std::nullopt);
}

secret_step vault_operation::start(time_point now) {
  if (!operation_.path)
    return done(operation_.path.error());
  auto awaited = std::exchange(awaited_, nullptr);
  if (awaited && awaited->failure) // the login it waited for has failed
    return done(*awaited->failure);
  return proceed(now);
}

secret_step vault_operation::proceed(time_point now) {
  switch (shared_->sessions.look(session_, now)) {
  case vault_sessions::advice::use:
    return operate(0ms);
  case vault_sessions::advice::renew:
    // While another operation renews the token it is still valid.
    return shared_->sessions.turn_of(session_) ? operate(0ms) : renew();
  case vault_sessions::advice::login:
    break;
  }
  return log_in();
}

secret_step vault_operation::renew() {
  phase_ = phase::renew;
  leads_ = true;
  shared_->sessions.begin_turn(session_);
  shared_->sessions.used(session_);
  return login_.renew(*shared_->sessions.find(session_));
}

secret_step vault_operation::log_in() {
  phase_ = phase::login;
  if (auto other = leads_ ? nullptr : shared_->sessions.turn_of(session_)) {
    awaited_ = other;
    fresh_ = true;
    return secret_wait{std::move(other)};
  }
  const bool as_user = shared_->options.login == vault_login_kind::jwt;
  if (as_user && (!token_ || token_->empty()))
    return end({errc::denied,
                "the secret store opens only with the user's own token: sign in again",
                {},
                "needs_login"});
  leads_ = true;
  shared_->sessions.begin_turn(session_);
  return as_user ? login_.by_jwt(token_) : login_.by_approle();
}

// Ends the operation, and the login that others may wait for.
secret_step vault_operation::end(error why) {
  end_turn(why);
  return done(std::move(why));
}

void vault_operation::end_turn(std::optional<error> failure) {
  if (std::exchange(leads_, false))
    shared_->sessions.end_turn(session_, std::move(failure));
}

secret_step vault_operation::operate(std::chrono::milliseconds delay) {
  phase_ = phase::operate;
  const auto* session = shared_->sessions.find(session_);
  if (!session) // the session was dropped while this operation waited
    return done({errc::denied, "the session with the secret store has ended", {}, "needs_login"});
  used_ = session->token;
  auto call = login_.call(operation_.method, *operation_.path, used_);
  shared_->sessions.used(session_);
  if (operation_.body)
    call.headers.emplace_back("Content-Type", "application/json");
  call.body = operation_.body;
  call.delay = delay;
  return call;
}

secret_step vault_operation::resume(result<secret_reply> reply, time_point now) {
  switch (phase_) {
  case phase::login:
    return after_login(reply, now);
  case phase::renew:
    return after_renewal(reply, now);
  case phase::operate:
    break;
  }
  return after_call(reply, now);
}

secret_step vault_operation::after_login(const result<secret_reply>& reply, time_point now) {
  if (!reply)
    return end(vault_unreachable(reply.error()));
  auto session = login_.session(*reply, now);
  if (!session)
    return end(session.error());
  shared_->sessions.keep(session_, std::move(*session), now);
  fresh_ = true;
  end_turn(std::nullopt);
  return operate(0ms);
}

secret_step vault_operation::after_renewal(const result<secret_reply>& reply, time_point now) {
  const auto* old = shared_->sessions.find(session_);
  auto renewed = reply ? login_.session(*reply, now) : result<vault_session>{reply.error()};
  if (old && renewed) {
    // A token near its maximum lifetime is hardly extended: it is used until it ends, not renewed
    // again.
    if (renewed->ttl < old->ttl / 2)
      renewed->renewable = false;
    renewed->uses_left = old->uses_left;
    shared_->sessions.keep(session_, std::move(*renewed), now);
    end_turn(std::nullopt);
    return operate(0ms);
  }
  // Only the renewal failed: the token is valid until it ends.
  if (old && renewed.error().code != errc::denied) {
    end_turn(std::nullopt);
    return operate(0ms);
  }
  shared_->sessions.drop(session_);
  return log_in();
}

secret_step vault_operation::after_call(const result<secret_reply>& reply, time_point now) {
  if (!reply)
    return done(vault_unreachable(reply.error()));
  switch (reply->status) {
  case 403:
    return after_refusal(*reply);
  case 412:
    if (retries_ == most_retries)
      return done(vault_status(*reply, operation_.doing));
    return operate(100ms * (1 << retries_++));
  case 429:
  case 472:
  case 473:
    return done(vault_status(*reply, operation_.doing));
  default:
    if (reply->status >= 500)
      return done(vault_status(*reply, operation_.doing));
    return operation_.read(*reply, now);
  }
}

// A kept token may have been revoked or have expired: tries once more with a new one.
secret_step vault_operation::after_refusal(const secret_reply& reply) {
  if (fresh_)
    return done(vault_status(reply, operation_.doing));
  const auto* kept = shared_->sessions.find(session_);
  if (kept && kept->token != used_) { // another operation has logged in since
    fresh_ = true;
    return operate(0ms);
  }
  shared_->sessions.drop(session_);
  return log_in();
}

} // namespace behalf
