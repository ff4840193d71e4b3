// Runs a plugin's `authenticate` handler, which is foreign code in the way of every request: each
// judgement is an actor of its own, so that one waits for no other. Its coroutine asks for HTTP
// calls to configured services; what it calls secret is sealed before anyone else sees it.
#include "actors/admission/identity_calls.hpp"
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/threads/answer_loop.hpp"
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

/// What all judgements share.
struct court {
  authenticate_fn handler;
  std::shared_ptr<const service_registry> services;
  http_client_actor http;
  blocking_runner run_blocking; // null: every turn is the actor's own, for tests
};

// Call in a catch block. What the exception says may hold what the handler had in hand.
error thrown() {
  log::error("authenticate_handler_threw", {{"error", current_exception_error().kind}});
  return fail(errc::internal, "the authenticate handler failed");
}

// The handler's coroutine. A turn on a thread that may block goes on when its actor has ended.
struct hearing {
  std::shared_ptr<const court> in;
  presented_ptr request;
  std::optional<coroutine<result<auth_answer>>> body = {};
  std::optional<error> failed = {};

  /// The first one starts from the request, the others from a reply. A handler may throw before its
  /// coroutine begins, or be no coroutine.
  void give_turn(std::optional<threads::answer> reply) {
    try {
      if (reply) {
        body->resume(reply->ask_id, std::move(reply->reply));
        return;
      }
      body.emplace(in->handler(auth_context{request}));
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

struct judgement_state {
  static inline const char* name = "judgement";
  judgement_state() = default;

  std::shared_ptr<hearing> what;
  std::string peer;
  uint64_t number = 0; // among those of `of`
  plugin_auth_actor of;
  threads::answer_loop answers;
  std::deque<asked_effect> asked; // not yet begun
};

using judgement_actor = caf::typed_actor<takes<judge_on>>;
using judgement_pointer = judgement_actor::stateful_pointer<judgement_state>;

result<judged> seal(auth_answer answer) {
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
  if (!check_storable(who->to_json())) { // runs keep it
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
  return judged{std::move(who), std::move(sealed)};
}

void tell(const plugin_auth_actor& to, uint64_t number, result<judged> what) {
  tell(to, judgement_over{number, std::make_shared<result<judged>>(std::move(what))});
}

void conclude(judgement_pointer self) {
  auto& s = self->state;
  auto answer = s.what->outcome();
  tell(s.of, s.number, answer ? seal(std::move(*answer)) : result<judged>{answer.error()});
  self->quit();
}

void give_turn_apart(judgement_pointer self, std::optional<threads::answer> reply) {
  auto& s = self->state;
  auto given = std::make_shared<std::optional<threads::answer>>(std::move(reply));
  auto work = [what = s.what, given, me = judgement_actor{self}] {
    what->give_turn(std::move(*given));
    tell(me, judge_on{});
  };
  s.what->in->run_blocking(stranger(s.peer), authenticating, std::move(work));
}

// False: it takes place on another thread.
bool next_turn(judgement_pointer self, std::optional<threads::answer> reply) {
  auto& s = self->state;
  if (authenticating.may_hold_a_thread() && s.what->in->run_blocking) {
    give_turn_apart(self, std::move(reply));
    return false;
  }
  threads::doing(authenticating);
  s.what->give_turn(std::move(reply));
  return true;
}

void take_turn(judgement_pointer self);

void go_on(judgement_pointer self) {
  auto turn = [self](threads::answer answer) {
    if (next_turn(self, std::move(answer)))
      take_turn(self);
  };
  if (self->state.answers.run(turn))
    tell(self, judge_on{});
}

void resume(judgement_pointer self, uint64_t ask_id, effect_reply reply) {
  self->state.answers.add({ask_id, std::move(reply)});
  self->state.answers.proceed([self] { go_on(self); });
}

// Of everything a caller may prove itself with: two callers share no connection.
std::string fingerprint(const auth_request& of) {
  return sha256_hex(of.authorization.view()) + sha256_hex(of.api_key.view())
         + sha256_hex(of.cookie.view());
}

void call_out(judgement_pointer self, uint64_t ask_id, outbound_call call) {
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

// One call after the other, however many the handler waits for.
void ask_next(judgement_pointer self) {
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

// What the turn that is over asks for.
void take_turn(judgement_pointer self) {
  auto& what = *self->state.what;
  if (what.failed || what.body->done())
    return conclude(self);
  for (auto& one : what.body->slot().take_asked())
    self->state.asked.push_back(std::move(one));
  ask_next(self);
}

judgement_actor::behavior_type judgement_behavior(judgement_pointer self,
                                                  std::shared_ptr<const court> in, judge m,
                                                  uint64_t number, plugin_auth_actor of) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.what = std::make_shared<hearing>(hearing{std::move(in), std::move(m.credentials)});
  s.peer = std::move(m.peer);
  s.number = number;
  s.of = std::move(of);
  // A bug in here must not leave its request waiting.
  self->set_exception_handler([to = s.of, number](std::exception_ptr& thrown) {
    log_thrown("judgement", thrown);
    auto why = fail(errc::internal, "the driver of the authenticate handler failed");
    tell(to, number, why);
    return to_caf(why);
  });
  if (next_turn(self, std::nullopt))
    take_turn(self);
  return {
    [self](const judge_on&) {
      if (self->state.answers.waits())
        return go_on(self);
      take_turn(self);
    },
  };
}

// The promises are kept here and not by who fulfils them: an actor that holds a promise of its own
// keeps itself alive.
struct plugin_auth_state {
  static inline const char* name = "plugin-auth";
  plugin_auth_state() = default;

  uint64_t last = 0;
  std::unordered_map<uint64_t, promise_of<judged>> waiting;
};

using plugin_pointer = plugin_auth_actor::stateful_pointer<plugin_auth_state>;

caf::result<judged> begin(plugin_pointer self, const std::shared_ptr<const court>& in, judge& m) {
  auto& s = self->state;
  promise_of<judged> promise{self};
  s.waiting.emplace(++s.last, promise);
  self->system().spawn(judgement_behavior, in, std::move(m), s.last, plugin_auth_actor{self});
  return promise;
}

plugin_auth_actor::behavior_type plugin_behavior(plugin_pointer self,
                                                 std::shared_ptr<const court> in) {
  install_fault_handlers(self);
  return {
    [self, in](judge& m) { return begin(self, in, m); },
    [self](judgement_over& m) {
      if (auto one = self->state.waiting.extract(m.number); !one.empty())
        one.mapped().deliver(std::move(*m.what));
    },
  };
}

} // namespace

plugin_auth_actor spawn_plugin_auth(caf::actor_system& sys, authenticate_fn handler,
                                    std::shared_ptr<const service_registry> services,
                                    http_client_actor http, blocking_runner run_blocking) {
  return sys.spawn(plugin_behavior,
                   std::make_shared<const court>(court{std::move(handler), std::move(services),
                                                       std::move(http), std::move(run_blocking)}));
}

} // namespace behalf::admission
