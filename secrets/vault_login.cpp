#include "secrets/vault_login.hpp"

#include "runtime/base/json_writer.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/validity.hpp"
#include "secrets/secret_json.hpp"

#include <algorithm>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::microseconds unlimited_ttl = 1h; // of a token without an end: log in again

secret_call with_body(secret_call call, wiped_string body) {
  call.headers.emplace_back("Content-Type", "application/json");
  call.body = std::make_shared<const wiped_string>(std::move(body));
  return call;
}

validity lifetime(const vault_session& s) {
  return {s.expires_at - s.ttl, s.expires_at};
}

// A token is not used so shortly before its end that it could arrive too late.
bool usable(const vault_session& s, time_point now) {
  return lifetime(s).covers(now)
         && lifetime(s).covers(now + std::min<std::chrono::microseconds>(5s, s.ttl / 10));
}

error overloaded(std::string why, std::string retry_after) {
  return fail(errc::overloaded, std::move(why), "Retry-After", std::move(retry_after));
}

std::string retry_after(const secret_reply& reply, std::string otherwise) {
  const auto* given = find_header(reply.headers, "Retry-After");
  auto digits =
    given && !given->empty() && given->size() <= 4
    && std::all_of(given->begin(), given->end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? *given : std::move(otherwise);
}

} // namespace

secret_call vault_login::call(std::string method, const std::string& path,
                              const secret_ptr& token) const {
  secret_call made;
  made.method = std::move(method);
  made.url = options_.address + "/v1/" + path;
  made.timeout = options_.timeout;
  made.headers.emplace_back("X-Vault-Request", "true");
  if (!options_.name_space.empty())
    made.headers.emplace_back("X-Vault-Namespace", options_.name_space);
  if (token)
    made.secret_headers.emplace_back("X-Vault-Token", token);
  return made;
}

std::string vault_login::mount() const {
  if (!options_.mount.empty())
    return options_.mount;
  return options_.login == vault_login_kind::jwt ? "jwt" : "approle";
}

secret_call vault_login::by_jwt(const inbound_token_ptr& token) const {
  wiped_json_writer body;
  body.object();
  if (!options_.role.empty())
    body.member("role", options_.role);
  body.member("jwt", token->bytes_.view());
  return with_body(call("POST", "auth/" + mount() + "/login", nullptr), body.take());
}

secret_call vault_login::by_approle() const {
  wiped_json_writer body;
  body.object().member("role_id", options_.role_id->expose());
  if (options_.secret_id)
    body.member("secret_id", options_.secret_id->expose());
  return with_body(call("POST", "auth/" + mount() + "/login", nullptr), body.take());
}

secret_call vault_login::renew(const vault_session& session) const {
  return with_body(call("POST", "auth/token/renew-self", session.token), wiped_string{"{}"});
}

result<vault_session> vault_login::session(const secret_reply& reply, time_point now) const {
  if (reply.status == 400 || reply.status == 401 || reply.status == 403)
    return error{errc::denied,
                 "Vault refused the login at auth/" + mount() + " (" + std::to_string(reply.status)
                   + ")",
                 {},
                 "login_refused"};
  if (reply.status == 404)
    return fail(errc::upstream, "Vault has no login at auth/" + mount());
  if (reply.status != 200)
    return vault_status(reply, "log in");
  auto unreadable = fail(errc::upstream, "Vault's answer to the login has no token");
  auto parsed = parse_secret_json(reply.body ? reply.body->view() : std::string_view{});
  const auto* auth = parsed ? member(*parsed, "auth") : nullptr;
  if (!auth || !auth->is_object())
    return unreadable;
  const auto& o = auth->get_object();
  auto token = string_or(o, "client_token");
  if (token.empty())
    return unreadable;
  vault_session made;
  made.token = std::make_shared<const secret>(token);
  auto seconds = std::clamp<int64_t>(int_or(o, "lease_duration"), 0, 365 * 86'400);
  made.ttl = seconds == 0 ? unlimited_ttl : std::chrono::seconds{seconds};
  made.expires_at = now + made.ttl;
  made.renewable = bool_or(o, "renewable");
  if (auto uses = int_or(o, "num_uses"); uses > 0)
    made.uses_left = uses;
  return made;
}

vault_sessions::advice vault_sessions::look(const vault_session_key& whose, time_point now) const {
  const auto* s = find(whose);
  if (!s || s->uses_left == 0 || !usable(*s, now))
    return advice::login;
  return s->renewable && s->expires_at - now < s->ttl / 3 ? advice::renew : advice::use;
}

const vault_session* vault_sessions::find(const vault_session_key& whose) const {
  auto at = sessions_.find(whose);
  return at == sessions_.end() ? nullptr : &at->second;
}

void vault_sessions::used(const vault_session_key& whose) {
  if (auto at = sessions_.find(whose); at != sessions_.end() && at->second.uses_left > 0)
    --at->second.uses_left;
}

void vault_sessions::keep(const vault_session_key& whose, vault_session session, time_point now) {
  if (sessions_.size() >= capacity_ && !sessions_.count(whose)) {
    sweep(now);
    auto sooner = [](const auto& a, const auto& b) {
      return a.second.expires_at < b.second.expires_at;
    };
    if (sessions_.size() >= capacity_ && !sessions_.empty())
      sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), sooner));
  }
  sessions_.insert_or_assign(whose, std::move(session));
}

void vault_sessions::sweep(time_point now) {
  std::erase_if(sessions_, [&](const auto& s) { return !lifetime(s.second).covers(now); });
}

std::shared_ptr<vault_turn> vault_sessions::turn_of(const vault_session_key& whose) const {
  auto at = turns_.find(whose);
  return at == turns_.end() ? nullptr : at->second;
}

void vault_sessions::begin_turn(const vault_session_key& whose) {
  if (auto& turn = turns_[whose]; !turn)
    turn = std::make_shared<vault_turn>();
}

void vault_sessions::end_turn(const vault_session_key& whose, std::optional<error> failure) {
  auto turn = turns_.extract(whose);
  if (turn.empty())
    return;
  turn.mapped()->failure = std::move(failure);
  turn.mapped()->over = true;
}

error vault_status(const secret_reply& reply, const std::string& doing) {
  auto number = std::to_string(reply.status);
  switch (reply.status) {
  case 403:
    return fail(errc::denied, "Vault does not allow to " + doing + " (403)");
  case 412:
    return overloaded("Vault's replica has not caught up yet (412)", "1");
  case 429:
    return overloaded("Vault limits the rate of calls, or is a standby (429)",
                      retry_after(reply, "1"));
  case 472:
    return overloaded("Vault is a disaster recovery secondary (472)", "30");
  case 473:
    return overloaded("Vault is a performance standby (473)", "5");
  case 500:
    return fail(errc::upstream, "Vault failed to " + doing + " (500)");
  case 502:
    return fail(errc::upstream, "Vault could not reach what it depends on (502)");
  case 503:
    return overloaded("Vault is sealed or under maintenance (503)", retry_after(reply, "10"));
  default:
    if (reply.status >= 300 && reply.status < 400)
      return fail(errc::upstream, "Vault redirects (" + number
                                    + "): its address must be the active node or a load balancer");
    return fail(errc::upstream, "Vault answered " + number + " to: " + doing);
  }
}

// The error is shown to users: only the log names the address.
error vault_unreachable(const error& why) {
  log::warning("vault_unreachable", {{"reason", why.message}});
  return overloaded("Vault cannot be reached", "5");
}

} // namespace behalf
