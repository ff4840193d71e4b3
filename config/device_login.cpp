#include "config/device_login.hpp"

#include "config/chat_stream.hpp"
#include "runtime/auth/discovery.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/url.hpp"
#include "secrets/secret_json.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace behalf {
namespace {

using std::chrono::seconds;

constexpr seconds default_interval{5}, longest_interval{60}; // between two questions for a token
constexpr seconds longest_code{1800};
constexpr seconds unknown_life{300}; // of a token whose issuer does not say
constexpr std::size_t longest_token = 16u << 10;
constexpr std::size_t longest_address = 2'000, longest_user_code = 64;

std::string one_line(std::string_view text) {
  auto line = printable(cut_utf8(text, 500));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// "https://h/t" and "x" give "https://h/.well-known/x/t" (RFC 8414 3.1, RFC 9728 3.1).
std::string well_known(std::string_view url, std::string_view name) {
  const auto host = url.find("://");
  const auto path = std::min(url.find('/', host + 3), url.size());
  auto rest = url.substr(path);
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  return std::string(url.substr(0, path)) + "/.well-known/" + std::string(name) + std::string(rest);
}

std::string_view without_slash(std::string_view url) {
  while (url.ends_with('/'))
    url.remove_suffix(1);
  return url;
}

// What a 200 says; null: nothing that is an object.
json::value document_in(const login_reply& reply) {
  if (reply.status != 200)
    return nullptr;
  auto parsed = parse_secret_json(reply.body->view());
  return parsed && parsed->is_object() ? std::move(*parsed) : json::value{};
}

// Only who is on this machine sends people to it.
bool may_name(std::string_view by, std::string_view url) {
  const auto from = parse_origin(by), to = parse_origin(url);
  return from && to && (!is_local_name(to->host) || is_local_name(from->host));
}

result<std::string> issuer_of(const json::object& metadata, std::string_view server) {
  const auto resource = string_or(metadata, "resource");
  if (without_slash(resource) != server)
    return fail(errc::invalid_argument,
                "the server calls itself " + one_line(resource) + ", and not " + std::string(server)
                  + ": its server.public_url may not be set. --issuer says who issues its tokens");
  std::string all;
  std::size_t count = 0;
  if (const auto* listed = member(metadata, "authorization_servers"); listed && listed->is_array())
    for (const auto& one : listed->get_array())
      if (one.is_string()) {
        ++count;
        all += (all.empty() ? "" : ", ") + std::string(one.get_string());
      }
  if (count == 1)
    return all;
  return fail(errc::invalid_argument, count == 0 ? "the server names no issuer of its tokens: "
                                                   "--issuer says which it is"
                                                 : "the server takes tokens of several issuers, "
                                                   "--issuer says which: "
                                                     + one_line(all));
}

struct given_code {
  secret code;
  std::string user_code, address, whole_address; // the last with the code in it; or empty
  seconds lasts, interval;
};

// Addresses are shown to a person, who will open them.
bool is_shown(std::string_view address) {
  return address.size() <= longest_address && check_provider_url(address, "", false).has_value();
}

result<given_code> code_in(const json::object& said) {
  given_code code{secret(string_or(said, "device_code")),
                  printable(string_or(said, "user_code")),
                  std::string(string_or(said, "verification_uri")),
                  std::string(string_or(said, "verification_uri_complete")),
                  seconds(std::clamp<int64_t>(int_or(said, "expires_in"), 0, longest_code.count())),
                  seconds(std::clamp<int64_t>(int_or(said, "interval", default_interval.count()), 1,
                                              longest_interval.count()))};
  if (code.code.empty() || code.code.size() > longest_token || code.user_code.empty()
      || code.user_code.size() > longest_user_code || code.user_code.find('\n') != std::string::npos
      || !is_shown(code.address) || code.lasts.count() == 0)
    return fail(errc::upstream, "the issuer gave no code that can be used");
  if (!is_shown(code.whole_address))
    code.whole_address.clear();
  return code;
}

std::string asking(const given_code& code, std::string_view issuer) {
  auto text = "Log in at " + code.address + " (of " + std::string(issuer)
              + ") with the code\n\n    " + code.user_code + "\n\n";
  if (!code.whole_address.empty())
    text += "or open " + code.whole_address + "\n";
  const auto minutes = (code.lasts.count() + 59) / 60;
  return text + "It is valid for " + std::to_string(minutes)
         + (minutes == 1 ? " minute." : " minutes.");
}

// What an issuer says when it gives nothing (RFC 6749 5.2).
error refusal_of(const login_reply& reply) {
  auto parsed = parse_secret_json(reply.body->view());
  const auto* said = parsed ? parsed->if_object() : nullptr;
  const auto kind = said ? string_or(*said, "error") : "";
  if (kind.empty())
    return fail(errc::upstream, "the issuer answered " + std::to_string(reply.status));
  auto why = fail(errc::denied,
                  "the issuer refuses: " + one_line(string_or(*said, "error_description", kind)));
  why.kind = std::string(cut_utf8(kind, 100));
  return why;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= longest_token
         && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

} // namespace

device_login::device_login(login_request what, login_world world)
  : what_(std::move(what)), world_(std::move(world)) {}

result<bool> device_login::ensure() {
  if (!access_.empty() && (!due_ || world_.now() < *due_))
    return false;
  if (token_url_.empty())
    if (auto ok = find_endpoints(); !ok)
      return ok.error();
  auto renewed = refresh_.empty() ? result<bool>(false) : renew();
  if (!renewed && !access_.empty() && world_.now() < ends_)
    return false;
  if (!renewed || *renewed)
    return renewed;
  if (auto ok = log_in(); !ok)
    return ok.error();
  return true;
}

void device_login::expire() {
  due_ = ends_ = deadline::min();
}

result<void> device_login::find_endpoints() {
  if (what_.issuer.empty()) {
    auto reply = world_.send({well_known(what_.server, "oauth-protected-resource")});
    if (!reply)
      return reply.error();
    const auto metadata = document_in(*reply);
    if (!metadata.is_object())
      return fail(errc::invalid_argument,
                  "the server does not say who issues its tokens: --issuer says it");
    auto issuer = issuer_of(metadata.get_object(), what_.server);
    if (!issuer)
      return issuer.error();
    if (!may_name(what_.server, *issuer))
      return fail(errc::denied, "the server names an issuer on this machine");
    what_.issuer = std::move(*issuer);
  }
  const auto& issuer = what_.issuer;
  if (auto ok = check_provider_url(issuer, "the issuer's URL", false); !ok)
    return ok;
  const auto plain = discovery_url(issuer);
  std::vector<std::string> places{well_known(issuer, "oauth-authorization-server"),
                                  well_known(issuer, "openid-configuration")};
  if (plain != places.back())
    places.push_back(plain);
  std::optional<error> other;
  for (const auto& place : places) {
    auto reply = world_.send({place});
    if (!reply)
      return reply.error();
    const auto document = document_in(*reply);
    const auto* metadata = document.if_object();
    if (!metadata)
      continue;
    if (string_or(*metadata, "issuer") != issuer) { // that of the host's root, say (RFC 8414 3.3)
      other = fail(errc::denied, "what is at " + place + " is of another issuer");
      continue;
    }
    const std::string code_url(string_or(*metadata, "device_authorization_endpoint"));
    const std::string token_url(string_or(*metadata, "token_endpoint"));
    if (code_url.empty() || token_url.empty())
      return fail(errc::invalid_argument,
                  "the issuer " + issuer + " has no login for devices (RFC 8628)");
    for (const auto& url : {code_url, token_url}) {
      if (auto ok = check_provider_url(url, "an endpoint of the issuer", false); !ok)
        return ok;
      if (!may_name(issuer, url))
        return fail(errc::denied, "an endpoint of the issuer is on this machine");
    }
    code_url_ = code_url;
    token_url_ = token_url;
    return {};
  }
  return other ? *other
               : fail(errc::invalid_argument, "there is no metadata of an issuer at " + issuer);
}

result<login_reply> device_login::post(const std::string& url, wiped_string form) {
  form.append("&client_id=");
  append_percent(form, what_.client_id);
  return world_.send({.url = url, .form = std::make_shared<const wiped_string>(std::move(form))});
}

result<void> device_login::log_in() {
  refresh_ = {};
  wiped_string form{"scope="};
  append_percent(form, what_.scope);
  auto reply = post(code_url_, std::move(form));
  if (!reply)
    return reply.error();
  const auto said = document_in(*reply);
  if (!said.is_object())
    return refusal_of(*reply);
  auto code = code_in(said.get_object());
  if (!code)
    return code.error();
  world_.tell(asking(*code, what_.issuer));
  return wait_for_token(code->code, code->interval, world_.now() + code->lasts);
}

result<void> device_login::wait_for_token(const secret& code, seconds interval, deadline end) {
  while (world_.now() < end) {
    if (!world_.wait(interval))
      return fail(errc::denied, "the login was given up");
    wiped_string form{
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code="};
    append_percent(form, code.expose());
    auto reply = post(token_url_, std::move(form));
    if (!reply || reply->status >= 500 || reply->status == 429) { // it may be back soon (3.5)
      interval = std::min(2 * interval, longest_interval);
      continue;
    }
    if (reply->status == 200) {
      take(reply->body->view());
      return access_.empty() ? fail(errc::upstream, "the issuer gave no token that can be used")
                             : result<void>{};
    }
    auto why = refusal_of(*reply);
    if (why.kind == "slow_down")
      interval = std::min(interval + seconds(5), longest_interval);
    else if (why.kind == "access_denied")
      return fail(errc::denied, "the login was refused");
    else if (why.kind == "expired_token")
      break;
    else if (why.kind != "authorization_pending")
      return why;
  }
  return fail(errc::timeout, "the code was not used in time");
}

result<bool> device_login::renew() {
  wiped_string form{"grant_type=refresh_token&refresh_token="};
  append_percent(form, refresh_.expose());
  auto reply = post(token_url_, std::move(form));
  if (!reply)
    return reply.error();
  if (reply->status >= 500 || reply->status == 429)
    return refusal_of(*reply);
  if (reply->status == 200)
    take(reply->body->view());
  return reply->status == 200 && !access_.empty();
}

// The tokens of an answer; without a new one to refresh with, the old one stays (RFC 6749 6).
void device_login::take(std::string_view body) {
  access_ = {};
  auto parsed = parse_secret_json(body);
  const auto* said = parsed ? parsed->if_object() : nullptr;
  if (!said || !is_token(string_or(*said, "access_token"))
      || !same_ignoring_case(string_or(*said, "token_type"), "bearer"))
    return;
  access_ = secret(string_or(*said, "access_token"));
  if (const auto fresh = string_or(*said, "refresh_token"); is_token(fresh))
    refresh_ = secret(fresh);
  const auto told = int_or(*said, "expires_in");
  if (told <= 0 && refresh_.empty()) {
    due_.reset();
    return;
  }
  const auto life = told > 0 ? seconds(std::min<int64_t>(told, 86'400)) : unknown_life;
  const auto early = refresh_.empty() ? seconds(0) : std::min(seconds(60), life / 10);
  ends_ = world_.now() + life;
  due_ = ends_ - early;
}

} // namespace behalf
