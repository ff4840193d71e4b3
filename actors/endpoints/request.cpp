#include "actors/endpoints/request.hpp"

#include "actors/admission/authorizer.hpp"
#include "actors/endpoints/inner_request.hpp"
#include "actors/endpoints/protected_resource.hpp"
#include "actors/endpoints/route_meters.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/thread_stream.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/storage/messages.hpp"
#include "actors/threads/thread_pool.hpp"
#include "behalf/plugin.hpp"
#include "runtime/base/asked_fields.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"

#include <boost/beast/core/string.hpp>
#include <caf/actor_system.hpp>

#include <algorithm>
#include <charconv>

namespace behalf::endpoints {
namespace {

void respond(request_pointer self, unsigned status, header_list headers, std::string body,
             std::string type) {
  auto& s = self->state;
  if (body.size() > longest_uncounted) {
    if (auto room = hold_room(self, body.size()); !room)
      return refuse(self, room.error());
    headers.emplace_back("Content-Type", std::move(type));
    begin_answer(self, status, std::move(headers));
    return write_last(self, std::move(body));
  }
  note_answer(s, status);
  s.ex->respond(status, std::move(headers), std::move(body), std::move(type));
  self->quit();
}

std::string_view query_of(const http_request& req) {
  auto at = req.target.find('?');
  return at == req.target.npos ? std::string_view{} : std::string_view{req.target}.substr(at + 1);
}

// Moves the client's credentials out of the exchange: from here on only the authenticator, and a
// secret source that logs in with the user's own token, can see them.
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

constexpr std::size_t open_body_limit = 64 * 1024; // of routes without authentication: forms

bool takes_body(verb v) {
  return v == verb::post || v == verb::put || v == verb::patch || v == verb::del;
}

// A body is in memory as the document, as what handlers left of it, and as what is made of it: a
// run's state, a row, an answer.
constexpr std::size_t copies_of_body = 3;

result<json::object> prepare(request_pointer self) {
  auto& s = self->state;
  if (!s.where->prepare)
    return json::object{};
  if (auto ok = parse_body(s); !ok)
    return ok.error();
  return s.where->prepare(self);
}

void on_turn(request_pointer self) {
  auto& s = self->state;
  const auto turn = std::move(s.turn); // ends when it is done
  threads::doing(s.app->requests->work_of(*s.where));
  std::exchange(s.then, {})();
}

void ask_authorizer(request_pointer self) {
  auto& s = self->state;
  auto value = prepare(self);
  if (!value)
    return refuse(self, value.error());
  if (s.where->who.is == access::level::authenticated)
    return s.where->run(self);
  authorize a;
  a.who = s.granted.who;
  a.sealed = s.granted.sealed;
  a.resource = s.where->who.resource;
  a.action = s.where->who.action;
  a.value = std::move(*value);
  a.may_change = s.where->may_change;
  const auto go_on = [self](grant& g) {
    threads::doing(self->state.app->requests->work_of(*self->state.where));
    self->state.granted = std::move(g);
    self->state.where->run(self);
  };
  if (!s.rules)
    return ask(
      self, s.app->authorizer, std::move(a),
      [self, go_on](grant& g) {
        in_turn(self, self->state.text_size, [go_on, g = std::move(g)]() mutable { go_on(g); });
      },
      or_refuse(self));
  auto decided = admission::decide(*s.rules, a);
  if (!decided)
    return refuse(self, decided.error());
  go_on(*decided);
}

void on_body(request_pointer self, result<std::string> text) {
  if (!text)
    return refuse(self, text.error());
  auto& s = self->state;
  threads::doing(s.app->requests->work_of(*s.where));
  s.text = std::move(*text);
  if (s.where->who.is == access::level::open)
    return s.where->run(self);
  if (s.ex->announced_body() == 0 && !s.text.empty())
    tell(s.app->authenticator, count_body{s.granted.who, s.text.size()});
  s.text_size = s.text.size();
  in_turn(self, s.text_size, [self] { ask_authorizer(self); });
}

// Reads the body, counted in the caller's share of memory.
void with_body(request_pointer self, const std::string& tenant, const std::string& user,
               std::size_t limit) {
  auto& s = self->state;
  s.memory = s.app->memory.open(tenant, user);
  if (auto text = s.ex->take_body())
    return on_body(self, std::move(*text));
  s.ex->read_body(limit, s.memory, [me = request_actor{self}](result<std::string> text) {
    tell(me, body_arrived{std::make_shared<result<std::string>>(std::move(text))});
  });
}

// Authenticates by the head alone: nothing more is read, parsed or looked up before.
template <class Then>
void authenticated_first(request_pointer self, std::size_t body_bytes, Then then) {
  auto& s = self->state;
  s.credentials = take_credentials(*s.ex);
  authenticate question;
  question.credentials = s.credentials;
  question.body_bytes = body_bytes;
  question.peer = s.ex->req().peer;
  ask(
    self, s.app->authenticator, std::move(question),
    [self, then](authenticated& m) {
      self->state.granted.who = std::move(m.who);
      self->state.granted.sealed = std::move(m.sealed);
      then();
    },
    or_refuse(self));
}

// The caller is known.
void serve_known(request_pointer self, bool body) {
  auto& s = self->state;
  const auto& tenant = tenant_of(self);
  const auto user = s.granted.who->key().text();
  s.place = s.app->exchanges.open(tenant, user);
  if (auto ok = claim(*s.place, 1, "requests under way"); !ok)
    return refuse(self, ok.error());
  if (!body)
    return ask_authorizer(self);
  with_body(self, tenant, user, s.app->options->http.max_body_bytes);
}

void serve_authenticated(request_pointer self) {
  auto& s = self->state;
  const bool body = s.ex->has_body() && takes_body(s.ex->req().method);
  if (s.granted.who)
    return serve_known(self, body);
  authenticated_first(self, body ? s.ex->announced_body() : 0,
                      [self, body] { serve_known(self, body); });
}

// A request to a route without authentication.
void serve_open(request_pointer self) {
  auto& s = self->state;
  const auto& req = s.ex->req();
  if (!s.ex->has_body() || !takes_body(req.method))
    return s.where->run(self);
  with_body(self, {}, stranger(req.peer).text(), open_body_limit);
}

// No route matches. Callers are authenticated first, so that others cannot probe for paths.
void no_route(request_pointer self, const route_match& match) {
  auto& s = self->state;
  using outcome = route_match::outcome;
  if (match.is == outcome::redirect)
    return answer_empty(
      self, 307, {{"Location", slashless_location(s.ex->req(), s.app->options->http.public_url)}});
  auto why = match.is == outcome::bad_method
               ? fail(errc::method, "Method Not Allowed", "Allow", match.allow)
               : fail(errc::not_found, "Not Found");
  authenticated_first(self, 0, [self, why] { refuse(self, why); });
}

void begin(request_pointer self) {
  auto& s = self->state;
  auto match = all_routes().find(s.ex->req());
  if (match.is != route_match::outcome::found)
    return no_route(self, match);
  s.where = &all_routes()[match.index];
  s.params = std::move(match.params);
  threads::doing(s.app->requests->work_of(*s.where));
  if (s.where->who.is == access::level::open)
    return serve_open(self);
  serve_authenticated(self);
}

/// The caller of a request, if that is known before.
struct known_caller {
  principal_ptr who;
  sealed_ptr sealed;
  presented_ptr credentials;
  bool with_result = false;
};

request_actor::behavior_type request_behavior(request_pointer self, app_ptr app,
                                              std::shared_ptr<const policy> rules, exchange_ptr ex,
                                              known_caller caller) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.app = std::move(app);
  s.rules = std::move(rules);
  s.ex = std::move(ex);
  s.granted.who = std::move(caller.who);
  s.granted.sealed = std::move(caller.sealed);
  s.credentials = std::move(caller.credentials);
  s.tells_result = caller.with_result;
  s.began = std::chrono::steady_clock::now();
  s.ex->on_deadline([me = request_actor{self}] { tell(me, deadline_passed{}); });
  begin(self);
  return {
    [self](part_written&) { on_part_written(self); },
    [self](client_gone&) { on_client_gone(self); },
    [self](keep_alive_tick&) { on_keep_alive(self); },
    [self](deadline_passed&) {
      refuse(self, fail(errc::timeout, "The request took longer than the server allows"));
    },
    [self](server_stops&) { on_server_stops(self); },
    [self](body_arrived& m) { on_body(self, std::move(*m.text)); },
    [self](turn_comes) { on_turn(self); },
    [self](socket_message& m) { on_socket_message(self, std::move(m.text)); },
    [self](inner_answer& m) { on_inner(self, m); },
    [self](inner_part& m) { on_inner(self, m); },
  };
}

} // namespace

void spawn_request(caf::actor_system& sys, app_ptr app, std::shared_ptr<const policy> rules,
                   exchange_ptr ex) {
  sys.spawn(request_behavior, std::move(app), std::move(rules), std::move(ex), known_caller{});
}

void spawn_request_of(request_pointer self, exchange_ptr ex, sealed_ptr sealed,
                      presented_ptr credentials, bool with_result) {
  const auto& s = self->state;
  known_caller caller{s.granted.who, std::move(sealed), std::move(credentials), with_result};
  self->system().spawn(request_behavior, s.app, s.rules, std::move(ex), std::move(caller));
}

void wait_for_turn(request_pointer self, std::size_t bytes, std::function<void()> then) {
  auto& s = self->state;
  const auto& who = *s.granted.who;
  s.then = std::move(then);
  s.turn = s.app->long_work.wait(who.tenant, who.key().text(), static_cast<int64_t>(bytes),
                                 [me = request_actor{self}] { tell(me, turn_comes{}); });
}

result<void> parse_body(request_state& s) {
  if (s.text.empty())
    return {};
  const auto text = std::exchange(s.text, {});
  constexpr std::string_view what = "requests in memory";
  if (auto ok = claim(*s.memory, text.size() + parse_cost(text, s.app->options->shape.nodes), what);
      !ok)
    return ok;
  auto parsed = parse_json(text, s.app->options->shape);
  if (!parsed)
    return parsed.error();
  s.body = std::move(*parsed);
  const auto held = held_bytes(s.body);
  const auto most = std::max(held, s.memory->capacity() / 2); // one request alone always fits
  return claim(*s.memory, std::min(copies_of_body * held, most), what);
}

// Logs the route, not the path, which may hold confidential names.
void note_answer(request_state& s, unsigned status) {
  if (std::exchange(s.noted, true))
    return;
  auto took = std::chrono::steady_clock::now() - s.began;
  if (s.where)
    s.app->requests->count(*s.where, status, std::chrono::duration<double>(took).count());
  if (!s.app->options->http.access_log)
    return;
  const auto& req = s.ex->req();
  log::info("access", {{"method", req.method_name},
                       {"route", s.where ? s.where->pattern : "none"},
                       {"status", status},
                       {"identity", s.granted.who ? s.granted.who->identity : std::string{}},
                       {"tenant", s.granted.who ? s.granted.who->tenant : std::string{}},
                       {"address", req.remote_address},
                       {"request_id", req.request_id},
                       {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

void answer(request_pointer self, unsigned status, const json::value& body, header_list headers) {
  if (const auto& s = self->state; s.where)
    threads::doing(s.app->requests->work_of(*s.where));
  respond(self, status, std::move(headers), dump(body), "application/json");
}

void answer_text(request_pointer self, unsigned status, std::string body, std::string type,
                 header_list headers) {
  respond(self, status, std::move(headers), std::move(body), std::move(type));
}

void begin_answer(request_pointer self, unsigned status, header_list headers) {
  auto& s = self->state;
  note_answer(s, status);
  s.begun = true;
  s.ex->begin_stream(status, std::move(headers));
}

void write_last(request_pointer self, std::string part) {
  auto& s = self->state;
  s.last = true;
  s.ex->clear_deadline(); // from here on the session's write timeout applies
  s.ex->write(std::move(part), [me = request_actor{self}] { tell(me, part_written{}); });
}

write_records writes_of(request_pointer self) {
  return {{}, self->state.granted.who->key()};
}

const shape_limits& shape_of(request_pointer self) {
  return self->state.app->options->shape;
}

result<void> hold_room(request_pointer self, std::size_t bytes) {
  auto& s = self->state;
  const auto& who = s.granted.who;
  if (s.rows) // from here on the text made of the rows is counted
    s.rows->resize(0);
  if (!s.room)
    s.room = who ? s.app->answers.open(who->tenant, who->key().text())
                 : s.app->answers.open({}, stranger(s.ex->req().peer).text());
  return claim(*s.room, bytes, "answers that are not yet read");
}

void answer_page(request_pointer self, std::string page, std::string type, header_list headers) {
  if (auto room = hold_room(self, page.size()); !room)
    return refuse(self, room.error());
  headers.emplace_back("Content-Type", std::move(type));
  begin_answer(self, 200, std::move(headers));
  write_last(self, std::move(page));
}

fair_budget::share_ptr room_for_rows(request_pointer self) {
  auto& s = self->state;
  if (!s.rows)
    s.rows = s.app->answers.open(tenant_of(self), s.granted.who->key().text());
  return s.rows;
}

void answer_empty(request_pointer self, unsigned status, header_list headers) {
  respond(self, status, std::move(headers), {}, {});
}

void refuse(request_pointer self, const error& why) {
  auto& s = self->state;
  auto status = http_status(why.code);
  note_answer(s, status);
  if (status >= 500)
    log::warning("request_failed", {{"status", status},
                                    {"reason", why.message},
                                    {"request_id", s.ex->req().request_id},
                                    {"route", s.where ? s.where->pattern : "none"}});
  respond_error(*s.ex, status == 401 ? with_resource_metadata(self, why) : why);
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

} // namespace behalf::endpoints
