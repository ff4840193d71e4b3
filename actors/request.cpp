#include "actors/request.hpp"

#include "actors/endpoints/routes.hpp"
#include "actors/thread_pool.hpp"
#include "runtime/base/asked.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"
#include "runtime/graph/plugin.hpp"

#include <boost/beast/core/string.hpp>
#include <caf/send.hpp>

#include <charconv>

namespace behalf {
namespace {

void count(const request_state& s, unsigned status) {
  if (!s.where)
    return;
  auto took = std::chrono::steady_clock::now() - s.began;
  s.with->requests.count(*s.where, status, std::chrono::duration<double>(took).count());
  if (log::debug_on())
    log::debug("request", {{"method", s.ex->req().method_name},
                           {"route", s.where->pattern},
                           {"status", status},
                           {"request_id", s.ex->req().request_id},
                           {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

void respond(request_pointer self, unsigned status, header_list headers, std::string body,
             std::string type) {
  auto& s = self->state;
  count(s, status);
  s.ex->respond(status, std::move(headers), std::move(body), std::move(type));
  self->quit();
}

std::string_view query_of(const http_request& req) {
  auto at = req.target.find('?');
  return at == req.target.npos ? std::string_view{} : std::string_view{req.target}.substr(at + 1);
}

// Moves what the client sent to prove itself out of the exchange: from here on only the
// authenticator, and a secret store that acts with the user's own token, can see it.
presented_ptr take_credentials(exchange& ex) {
  auto p = std::make_shared<auth_request>();
  const auto& req = ex.req();
  p->authorization = ex.take_header("authorization");
  p->api_key = ex.take_header("x-api-key");
  p->cookie = ex.take_header("cookie");
  p->headers = req.headers;
  p->method = req.method_name;
  p->path = req.target.substr(0, req.target.find('?'));
  p->query = query_of(req);
  return p;
}

// Bodies of the operations that have one are JSON whatever their Content-Type says.
result<void> read_body(request_state& s) {
  if (s.ex->req().body.empty())
    return {};
  auto parsed = parse_json(s.ex->req().body, s.with->options.shape);
  if (!parsed)
    return parsed.error();
  s.body = std::move(*parsed);
  return {};
}

result<json::object> prepare(request_pointer self) {
  auto& s = self->state;
  if (!s.where->prepare)
    return json::object{};
  if (auto ok = read_body(s); !ok)
    return ok.error();
  return s.where->prepare(self);
}

void admit(request_pointer self) {
  auto& s = self->state;
  s.credentials = take_credentials(*s.ex);
  auto value = prepare(self);
  admission a;
  a.credentials = s.credentials;
  a.body_bytes = s.ex->req().body.size();
  if (value) {
    a.resource = s.where->who.resource;
    a.action = s.where->who.action;
    a.value = std::move(*value);
  }
  // Who may not come in must not learn what is wrong with the request: it is said afterwards.
  auto fault = value ? std::optional<error>{} : std::optional<error>{value.error()};
  ask_core(
    self, s.with->authenticator, std::move(a),
    [self, fault = std::move(fault)](grant& g) {
      if (fault)
        return refuse(self, *fault);
      doing(self->state.with->requests.work_of(*self->state.where));
      self->state.granted = std::move(g);
      self->state.where->run(self);
    },
    or_refuse(self));
}

// Answers what no route is for. Unknown paths are not told apart for strangers.
void no_route(request_pointer self, const route_match& match) {
  auto& s = self->state;
  using outcome = route_match::outcome;
  if (match.is == outcome::redirect)
    return answer_empty(
      self, 307, {{"Location", slashless_location(s.ex->req(), s.with->options.http.public_url)}});
  admission a;
  s.credentials = take_credentials(*s.ex);
  a.credentials = s.credentials;
  auto why = match.is == outcome::bad_method
               ? fail(errc::method, "Method Not Allowed", "Allow", match.allow)
               : fail(errc::not_found, "Not Found");
  ask_core(
    self, s.with->authenticator, std::move(a), [self, why](grant&) { refuse(self, why); },
    or_refuse(self));
}

void begin(request_pointer self) {
  auto& s = self->state;
  auto match = all_routes().find(s.ex->req());
  if (match.is != route_match::outcome::found)
    return no_route(self, match);
  s.where = &all_routes()[match.index];
  s.params = std::move(match.params);
  doing(s.with->requests.work_of(*s.where));
  if (s.where->who.is == access::level::open)
    return s.where->run(self);
  admit(self);
}

request_actor::behavior_type request_behavior(request_pointer self, core_ptr with,
                                              exchange_ptr ex) {
  contain(self);
  auto& s = self->state;
  s.with = std::move(with);
  s.ex = std::move(ex);
  s.began = std::chrono::steady_clock::now();
  s.ex->on_deadline([me = request_actor{self}] { caf::anon_send(me, deadline_passed{}); });
  begin(self);
  return {
    [self](part_written&) { on_part_written(self); },
    [self](client_gone&) { on_client_gone(self); },
    [self](keep_alive_tick&) { on_keep_alive(self); },
    [self](deadline_passed&) {
      refuse(self, fail(errc::timeout, "The request took longer than the server allows"));
    },
  };
}

} // namespace

void spawn_request(caf::actor_system& sys, core_ptr with, exchange_ptr ex) {
  sys.spawn(request_behavior, std::move(with), std::move(ex));
}

void answer(request_pointer self, unsigned status, const json::value& body, header_list headers) {
  if (const auto& s = self->state; s.where)
    doing(s.with->requests.work_of(*s.where));
  respond(self, status, std::move(headers), dump(body), "application/json");
}

void answer_text(request_pointer self, unsigned status, std::string body, std::string type,
                 header_list headers) {
  respond(self, status, std::move(headers), std::move(body), std::move(type));
}

void answer_empty(request_pointer self, unsigned status, header_list headers) {
  respond(self, status, std::move(headers), {}, {});
}

void refuse(request_pointer self, const error& why) {
  auto& s = self->state;
  auto status = http_status(why.code);
  count(s, status);
  if (status >= 500)
    log::warning("request_failed", {{"status", status},
                                    {"reason", why.message},
                                    {"request_id", s.ex->req().request_id},
                                    {"route", s.where ? s.where->pattern : "none"}});
  respond_error(*s.ex, why);
  self->quit();
}

result<std::string> uuid_param(request_pointer self, std::string_view name, std::string_view what) {
  return parse_uuid(self->state.params[name], what);
}

const std::string* text_query(request_pointer self, std::string_view name) {
  asked_fields::note(name, "query");
  return self->state.ex->req().query.find(name);
}

result<int64_t> int_query(request_pointer self, std::string_view name, int64_t otherwise,
                          int64_t low, int64_t high) {
  const auto* text = text_query(self, name);
  if (!text || text->empty())
    return otherwise;
  int64_t n = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (ec != std::errc{} || end != text->data() + text->size() || n < low || n > high)
    return fail(errc::bad_request, "query parameter '" + std::string(name)
                                     + "' must be a whole number from " + std::to_string(low)
                                     + " to " + std::to_string(high));
  return n;
}

bool flag_query(request_pointer self, std::string_view name) {
  const auto* text = text_query(self, name);
  return text && (*text == "1" || boost::beast::iequals(*text, "true"));
}

result<std::vector<std::string>> list_query(request_pointer self, std::string_view name) {
  asked_fields::note(name, "query");
  const auto& bounds = shape_of(self);
  std::vector<std::string> found;
  for (const auto& text : self->state.ex->req().query.all(name)) {
    result<json::value> parsed = nullptr;
    if (text.starts_with('['))
      parsed = parse_json(text, bounds);
    if (parsed && parsed->is_array()) {
      for (const auto& one : parsed->get_array())
        if (one.is_string())
          found.emplace_back(one.get_string());
      continue;
    }
    for (std::size_t from = 0; from <= text.size();) {
      auto comma = std::min(text.find(',', from), text.size());
      if (comma > from)
        found.push_back(text.substr(from, comma - from));
      from = comma + 1;
    }
  }
  if (found.size() > bounds.names)
    return fail(errc::bad_request, "query parameter '" + std::string(name) + "' has more than "
                                     + std::to_string(bounds.names) + " values");
  return found;
}

} // namespace behalf
