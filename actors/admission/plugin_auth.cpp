// Runs a plugin's `authenticate` handler. Each call of it is an actor of its own, so that no
// request waits for another's. The handler's coroutine asks for HTTP calls to configured services;
// the credentials it returns are sealed here.
#include "actors/admission/identity_calls.hpp"
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/threads/reply_loop.hpp"
#include "actors/threads/thread_pool.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <unordered_map>

namespace behalf::admission {
namespace {

const threads::activity authenticating{"the authenticate handler"};

/// What all calls of the handler share.
struct handler_setup {
  authenticate_fn handler;
  std::shared_ptr<const service_registry> services;
  http_client_actor http;
  blocking_runner run_blocking; // null: turns run on the actor's thread, for tests
};

// Call in a catch block. The exception's text is not logged: it may hold credentials.
error thrown() {
  log::error("authenticate_handler_threw", {{"error", error_class(current_exception_error())}});
  return fail(errc::internal, "the authenticate handler failed");
}

// The handler's coroutine. Shared: a turn on a blocking thread may outlive its actor.
struct handler_call {
  std::shared_ptr<const handler_setup> in;
  presented_ptr request;
  auth_context ctx{request}; // a handler may take it by reference
  std::optional<coroutine<result<auth_answer>>> body = {};
  std::optional<error> failed = {};

  /// Starts the coroutine with the request, or resumes it with a reply. A handler may throw before
  /// its coroutine begins, or be no coroutine.
  void give_turn(std::optional<threads::ask_reply> reply) {
    try {
      if (reply) {
        body->resume(reply->ask_id, std::move(reply->reply));
        return;
      }
      body.emplace(in->handler(ctx));
      body->start();
    } catch (...) {
      failed = thrown();
    }
  }

  result<auth_answer> outcome() {
    if (failed)
      return *failed;
    try {
      return body->take();
    } catch (...) {
      return thrown();
    }
  }
};

struct handler_call_state {
  static inline const char* name = "auth-handler-call";
  handler_call_state() = default;

  std::shared_ptr<handler_call> what;
  std::string peer;
  uint64_t number = 0; // in `of`'s table of waiting calls
  plugin_auth_actor of;
  threads::reply_loop replies;
  std::deque<asked_effect> asked; // not yet begun
};

using handler_call_actor = caf::typed_actor<takes<continue_auth_handler>>;
using handler_call_pointer = handler_call_actor::stateful_pointer<handler_call_state>;

result<vouched_by_handler> seal(auth_answer answer) {
  if (answer.identity.empty())
    return fail(errc::internal, "the authenticate handler gave no identity");
  auto who = std::make_shared<principal>();
  auto or_else = [](std::string given, std::string otherwise) {
    return given.empty() ? std::move(otherwise) : std::move(given);
  };
  who->tenant = or_else(std::move(answer.tenant), "default");
  who->issuer = or_else(std::move(answer.issuer), "plugin");
  who->subject = or_else(std::move(answer.subject), answer.identity);
  who->display_name = or_else(std::move(answer.display_name), answer.identity);
  who->identity = std::move(answer.identity);
  who->permissions = std::move(answer.permissions);
  who->custom = std::move(answer.custom);
  if (!check_storable(who->to_json())) { // it is stored with runs
    log::error("authenticate_handler_gave_unstorable");
    return fail(errc::internal, "the authenticate handler gave what cannot be stored");
  }
  auto sealed = std::make_shared<sealed_fields>();
  for (auto& [field, bytes] : answer.secret_fields) {
    stored_credential held;
    held.value = secret{std::move(bytes)};
    sealed->emplace(field, std::make_shared<const stored_credential>(std::move(held)));
    who->custom[field] = {{"$sealed", field}};
  }
  return vouched_by_handler{std::move(who), std::move(sealed)};
}

void tell(const plugin_auth_actor& to, uint64_t number, result<vouched_by_handler> what) {
  tell(to,
       auth_handler_ended{number, std::make_shared<result<vouched_by_handler>>(std::move(what))});
}

void conclude(handler_call_pointer self) {
  auto& s = self->state;
  auto answer = s.what->outcome();
  tell(s.of, s.number,
       answer ? seal(std::move(*answer)) : result<vouched_by_handler>{answer.error()});
  self->quit();
}

void give_turn_elsewhere(handler_call_pointer self, std::optional<threads::ask_reply> reply) {
  auto& s = self->state;
  auto given = std::make_shared<std::optional<threads::ask_reply>>(std::move(reply));
  auto work = [what = s.what, given, me = handler_call_actor{self}] {
    what->give_turn(std::move(*given));
    tell(me, continue_auth_handler{});
  };
  s.what->in->run_blocking(stranger(s.peer), authenticating, std::move(work));
}

// False: it was handed to another thread.
bool next_turn(handler_call_pointer self, std::optional<threads::ask_reply> reply) {
  auto& s = self->state;
  if (authenticating.may_hold_a_thread() && s.what->in->run_blocking) {
    give_turn_elsewhere(self, std::move(reply));
    return false;
  }
  threads::doing(authenticating);
  s.what->give_turn(std::move(reply));
  return true;
}

void take_turn(handler_call_pointer self);

void go_on(handler_call_pointer self) {
  auto turn = [self](threads::ask_reply answer) {
    if (next_turn(self, std::move(answer)))
      take_turn(self);
  };
  if (self->state.replies.run(turn))
    tell(self, continue_auth_handler{});
}

void resume(handler_call_pointer self, uint64_t ask_id, effect_reply reply) {
  self->state.replies.add({ask_id, std::move(reply)});
  self->state.replies.proceed([self] { go_on(self); });
}

// Keys the connection pool by all credentials of the caller: two callers share no connection.
std::string fingerprint(const auth_request& of) {
  return sha256_hex(of.authorization.view()) + sha256_hex(of.api_key.view())
         + sha256_hex(of.cookie.view());
}

void call_out(handler_call_pointer self, uint64_t ask_id, outbound_call call) {
  const auto& what = *self->state.what;
  const auto& services = *what.in->services;
  auto service = services.find(call.service);
  if (!service)
    return resume(self, ask_id,
                  effect_reply{fail(errc::not_found, "no service '" + call.service + "'")});
  wire_call out;
  out.request = std::make_shared<wire_request>();
  out.request->pool_key = "authenticate " + fingerprint(*what.request);
  out.request->policy = services.policy(call.service);
  out.request->max_reply_bytes = service->max_reply_bytes;
  if (call.handle.id == outbound_request::caller_handle)
    out.request->credential = authorization_field(wiped_string{what.request->authorization.view()});
  out.by = std::chrono::steady_clock::now() + call.timeout;
  call.handle = {};
  call.stream = false;
  out.request->call = std::move(call);
  ask(
    self, what.in->http, std::move(out),
    [self, ask_id](outbound_reply& r) { resume(self, ask_id, effect_reply{std::move(r)}); },
    [self, ask_id](error why) { resume(self, ask_id, effect_reply{std::move(why)}); });
}

// Calls are made one after the other, also when the handler awaits several.
void ask_next(handler_call_pointer self) {
  auto& asked = self->state.asked;
  if (asked.empty()) {
    self->state.what->failed =
      fail(errc::internal, "an authenticate handler awaited something its context did not give it");
    return conclude(self);
  }
  auto next = std::move(asked.front());
  asked.pop_front();
  if (auto* call = std::get_if<outbound_call>(&next.what))
    return call_out(self, next.id, std::move(*call));
  resume(self, next.id, effect_reply{fail(errc::denied, "an authenticate handler may only fetch")});
}

// Collects what the turn that is over asks for, and begins it.
void take_turn(handler_call_pointer self) {
  auto& what = *self->state.what;
  if (what.failed || what.body->done())
    return conclude(self);
  auto& asked = self->state.asked;
  for (auto& one : what.body->slot().take_asked())
    if (std::holds_alternative<withdraw>(one.what))
      std::erase_if(asked, [&](const asked_effect& earlier) { return earlier.id == one.id; });
    else if (std::holds_alternative<outbound_call>(one.what))
      asked.push_back(std::move(one));
    else // refused at once, not when the calls before it are back
      asked.push_front(std::move(one));
  ask_next(self);
}

handler_call_actor::behavior_type handler_call_behavior(handler_call_pointer self,
                                                        std::shared_ptr<const handler_setup> in,
                                                        call_auth_handler m, uint64_t number,
                                                        plugin_auth_actor of) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.what = std::make_shared<handler_call>(handler_call{std::move(in), std::move(m.credentials)});
  s.peer = std::move(m.peer);
  s.number = number;
  s.of = std::move(of);
  // An exception in this actor fails the request instead of leaving it without an answer.
  self->set_exception_handler([to = s.of, number](std::exception_ptr& thrown) {
    log_thrown("auth-handler-call", thrown);
    auto why = fail(errc::internal, "the driver of the authenticate handler failed");
    tell(to, number, why);
    return to_caf(why);
  });
  if (next_turn(self, std::nullopt))
    take_turn(self);
  return {
    [self](const continue_auth_handler&) {
      if (self->state.replies.waits())
        return go_on(self);
      take_turn(self);
    },
  };
}

// Promises are kept here and not in the handler calls: an actor that holds a promise of its own
// keeps itself alive.
struct plugin_auth_state {
  static inline const char* name = "plugin-auth";
  plugin_auth_state() = default;

  uint64_t last = 0;
  std::unordered_map<uint64_t, promise_of<vouched_by_handler>> waiting;
};

using plugin_pointer = plugin_auth_actor::stateful_pointer<plugin_auth_state>;

caf::result<vouched_by_handler>
begin(plugin_pointer self, const std::shared_ptr<const handler_setup>& in, call_auth_handler& m) {
  auto& s = self->state;
  promise_of<vouched_by_handler> promise{self};
  s.waiting.emplace(++s.last, promise);
  self->system().spawn(handler_call_behavior, in, std::move(m), s.last, plugin_auth_actor{self});
  return promise;
}

plugin_auth_actor::behavior_type plugin_behavior(plugin_pointer self,
                                                 std::shared_ptr<const handler_setup> in) {
  install_fault_handlers(self);
  return {
    [self, in](call_auth_handler& m) { return begin(self, in, m); },
    [self](auth_handler_ended& m) {
      if (auto one = self->state.waiting.extract(m.number); !one.empty())
        one.mapped().deliver(std::move(*m.what));
    },
  };
}

} // namespace

plugin_auth_actor spawn_plugin_auth(caf::actor_system& sys, authenticate_fn handler,
                                    std::shared_ptr<const service_registry> services,
                                    http_client_actor http, blocking_runner run_blocking) {
  return sys.spawn(plugin_behavior, std::make_shared<const handler_setup>(
                                      handler_setup{std::move(handler), std::move(services),
                                                    std::move(http), std::move(run_blocking)}));
}

} // namespace behalf::admission
