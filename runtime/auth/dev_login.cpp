// The browser's half of the development issuer: authorization requests and the login page.
#include "runtime/auth/issuer_forms.hpp"
#include "runtime/auth/login_page.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/url.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::chrono::seconds code_lifetime{60};
constexpr std::chrono::seconds login_lifetime{600};
constexpr std::size_t max_pending = 1000;

// No frames, no scripts, no referrer, no copies (RFC 9700 4.2, 4.16).
header_list page_headers() {
  return {{"Content-Type", "text/html; charset=utf-8"},
          {"Cache-Control", "no-store"},
          {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; "
                                      "frame-ancestors 'none'; base-uri 'none'"},
          {"Referrer-Policy", "no-referrer"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"}};
}

issuer_reply page(unsigned status, std::string html) {
  return {status, page_headers(), std::move(html)};
}

issuer_reply redirect(std::string_view to, std::string_view issuer, std::string_view state,
                      std::initializer_list<std::pair<std::string_view, std::string_view>> more) {
  auto url = std::string(to);
  auto separator = to.find('?') == to.npos ? '?' : '&';
  auto add = [&](std::string_view name, std::string_view value) {
    url.append(1, separator).append(name).append(1, '=').append(percent_encode(value));
    separator = '&';
  };
  for (const auto& [name, value] : more)
    add(name, value);
  if (!state.empty())
    add("state", state);
  add("iss", issuer); // RFC 9207
  return {303,
          {{"Location", std::move(url)},
           {"Cache-Control", "no-store"},
           {"Referrer-Policy", "no-referrer"}},
          {}};
}

// http on this machine: where RFC 8252 7.3 leaves the port to the client.
bool is_local_http(const checked_url& url) {
  return !url.where.tls() && is_local_name(url.where.host);
}

bool same_but_port(const checked_url& a, const checked_url& b) {
  return a.where.host == b.where.host && a.target == b.target;
}

bool valid_challenge(std::string_view text) {
  auto bytes = base64url_decode(text);
  return bytes && bytes->size() == 32;
}

std::vector<std::string> names_of(const std::vector<dev_user>& users) {
  std::vector<std::string> names;
  for (const auto& u : users)
    names.push_back(u.username);
  return names;
}

} // namespace

struct dev_issuer::checked_request {
  std::optional<login_request> good;
  issuer_reply refusal; // when not good
};

bool dev_issuer::redirect_allowed(std::string_view uri) const {
  if (uri.find('#') != uri.npos) // RFC 6749 3.1.2
    return false;
  const auto& known = options_.redirect_uris;
  if (std::find(known.begin(), known.end(), uri) != known.end())
    return true;
  auto url = check_url(uri);
  if (!url || !is_local_http(*url))
    return false;
  return known.empty() || std::any_of(known.begin(), known.end(), [&](const std::string& one) {
           auto registered = check_url(one);
           return registered && is_local_http(*registered) && same_but_port(*registered, *url);
         });
}

bool dev_issuer::client_allowed(std::string_view id) const {
  const auto& ids = options_.client_ids;
  return !id.empty() && (ids.empty() || std::find(ids.begin(), ids.end(), id) != ids.end());
}

// Faults of client and redirect URI are told to the person, never sent on (RFC 6749 4.1.2.1);
// other faults go back to the client.
dev_issuer::checked_request dev_issuer::check_request(const form_fields& query) const {
  if (repeats(query))
    return {{}, page(400, problem_page("A parameter was sent twice."))};
  login_request r;
  r.client_id = form_field(query, "client_id");
  r.redirect_uri = form_field(query, "redirect_uri");
  r.state = form_field(query, "state");
  r.challenge = form_field(query, "code_challenge");
  r.scope = form_field(query, "scope");
  r.nonce = form_field(query, "nonce");
  if (!client_allowed(r.client_id))
    return {{}, page(400, problem_page("The client_id is missing or not known here."))};
  if (!redirect_allowed(r.redirect_uri))
    return {{},
            page(400, problem_page("The redirect_uri is missing or not one this client "
                                   "registered; by default it must be http on 127.0.0.1, [::1] "
                                   "or localhost."))};
  auto back = [&](std::string_view code, std::string_view why) {
    return checked_request{{},
                           redirect(r.redirect_uri, options_.issuer, r.state,
                                    {{"error", code}, {"error_description", why}})};
  };
  if (form_field(query, "response_type") != "code")
    return back("unsupported_response_type", "response_type must be code");
  if (form_field(query, "code_challenge_method") != "S256" || !valid_challenge(r.challenge))
    return back("invalid_request", "PKCE is required: code_challenge and "
                                   "code_challenge_method=S256");
  return {std::move(r), {}};
}

void dev_issuer::forget_expired(time_point now) {
  std::erase_if(logins_, [now](const auto& l) { return l.second.expires <= now; });
  std::erase_if(codes_, [now](const auto& c) { return c.second.expires <= now; });
}

issuer_reply dev_issuer::authorize(const form_fields& query, time_point now) {
  auto checked = check_request(query);
  if (!checked.good)
    return std::move(checked.refusal);
  forget_expired(now);
  if (logins_.size() >= max_pending)
    return page(503, problem_page("Too many logins are under way; try again in some minutes."));
  auto id = random_hex(32);
  checked.good->expires = now + login_lifetime;
  auto html = login_page(options_.issuer + "/login", id, checked.good->client_id,
                         names_of(options_.users), {});
  logins_.emplace(std::move(id), std::move(*checked.good));
  return page(200, std::move(html));
}

issuer_reply dev_issuer::login(const form_fields& form, time_point now) {
  forget_expired(now);
  auto pending = logins_.find(form_field(form, "request"));
  if (pending == logins_.end())
    return page(400, problem_page("This login is over or was never begun. Go back to the "
                                  "application and log in again."));
  const auto* user = check_password(form_field(form, "username"), form_field(form, "password"));
  if (!user)
    return page(401,
                login_page(options_.issuer + "/login", pending->first, pending->second.client_id,
                           names_of(options_.users), "User or password is wrong."));
  auto request = std::move(pending->second);
  logins_.erase(pending);
  auto code = random_hex(32);
  auto reply = redirect(request.redirect_uri, options_.issuer, request.state, {{"code", code}});
  codes_.emplace(sha256_hex(code),
                 code_grant{std::move(request), user->username, now + code_lifetime});
  return reply;
}

} // namespace behalf
