// Runs a plugin's `authenticate` handler: its coroutine asks for HTTP calls to configured services,
// this actor makes them. What the handler calls secret is sealed before anyone else sees it.
#include "actors/basics.hpp"
#include "actors/identity_calls.hpp"
#include "actors/spawn.hpp"
#include "actors/thread_pool.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf {

/// One request being judged.
struct judging {
  presented_ptr request;
  task<result<auth_answer>> body;
  caf::typed_response_promise<judged> promise;
  std::optional<effect_reply> answer = {}; // for the handler's next turn
  bool going_on = false;                   // somebody further up the stack takes the answer
};

namespace {

using judging_ptr = std::shared_ptr<judging>;

constexpr int answers_in_a_row = 32;
const activity authenticating{"the authenticate handler"};

struct plugin_auth_state {
  static inline const char* name = "plugin-auth";
  plugin_auth_state() = default;
  authenticate_fn handler;
  std::shared_ptr<const service_registry> services;
  http_client_actor http;
};

using plugin_pointer = plugin_auth_actor::stateful_pointer<plugin_auth_state>;

void advance(plugin_pointer self, const judging_ptr& job);

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

// Call in a catch block. What the exception says may hold what the handler had in hand.
error thrown() {
  log::error("authenticate_handler_threw", {{"error", current_exception_error().kind}});
  return fail(errc::internal, "the authenticate handler failed");
}

void conclude(const judging_ptr& job) {
  try {
    auto answer = job->body.take();
    deliver(job->promise, answer ? seal(std::move(*answer)) : result<judged>{answer.error()});
  } catch (...) {
    job->promise.deliver(to_caf(thrown()));
  }
}

// As a graph's node does it: refusals go round in here, and after some of them others get a turn.
void go_on(plugin_pointer self, const judging_ptr& job) {
  job->going_on = true;
  doing(authenticating);
  for (int n = 0; job->answer && n < answers_in_a_row; ++n) {
    job->body.resume(*std::exchange(job->answer, std::nullopt));
    advance(self, job);
  }
  job->going_on = false;
  if (job->answer)
    self->send(self, judge_on{job});
}

void resume(plugin_pointer self, const judging_ptr& job, effect_reply reply) {
  job->answer.emplace(std::move(reply));
  if (!job->going_on)
    go_on(self, job);
}

// Of everything a caller may prove itself with: two callers share no connection.
std::string fingerprint(const auth_request& of) {
  return sha256_hex(of.authorization.view()) + sha256_hex(of.api_key.view())
         + sha256_hex(of.cookie.view());
}

void call_out(plugin_pointer self, const judging_ptr& job, outbound_call call) {
  auto& s = self->state;
  auto service = s.services->find(call.service);
  if (!service)
    return resume(self, job,
                  effect_reply{fail(errc::not_found, "no service '" + call.service + "'")});
  wire_call out;
  out.request = std::make_shared<wire_request>();
  out.request->pool_key = "authenticate " + fingerprint(*job->request);
  out.request->policy = s.services->policy(call.service);
  out.request->max_reply_bytes = service->max_reply_bytes;
  if (call.handle.id == auth_context::caller_handle)
    out.request->credential = authorization_field(job->request->authorization.view());
  out.by = std::chrono::steady_clock::now() + call.timeout;
  call.handle = {};
  call.stream = false;
  out.request->call = std::move(call);
  ask_core(
    self, s.http, std::move(out),
    [self, job](outbound_reply& r) { resume(self, job, effect_reply{std::move(r)}); },
    [self, job](error why) { resume(self, job, effect_reply{std::move(why)}); });
}

void advance(plugin_pointer self, const judging_ptr& job) {
  if (job->body.done())
    return conclude(job);
  auto* asked = std::get_if<effect>(&job->body.slot().asked);
  auto* call = asked ? std::get_if<outbound_call>(asked) : nullptr;
  if (!call)
    return resume(self, job,
                  effect_reply{fail(errc::denied, "an authenticate handler may only fetch")});
  call_out(self, job, std::move(*call));
}

caf::result<judged> begin(plugin_pointer self, judge& m) {
  auto promise = self->make_response_promise<judged>();
  doing(authenticating);
  try { // a handler may throw before its coroutine begins, or be no coroutine
    auto body = self->state.handler(auth_context{m.credentials});
    auto job = std::make_shared<judging>(judging{m.credentials, std::move(body), promise});
    job->body.start();
    advance(self, job);
  } catch (...) {
    promise.deliver(to_caf(thrown()));
  }
  return promise;
}

plugin_auth_actor::behavior_type plugin_behavior(plugin_pointer self, authenticate_fn handler,
                                                 std::shared_ptr<const service_registry> services,
                                                 http_client_actor http) {
  contain(self);
  auto& s = self->state;
  s.handler = std::move(handler);
  s.services = std::move(services);
  s.http = std::move(http);
  return {
    [self](judge& m) { return begin(self, m); },
    [self](judge_on& m) { go_on(self, m.job); },
  };
}

} // namespace

plugin_auth_actor spawn_plugin_auth(caf::actor_system& sys, authenticate_fn handler,
                                    std::shared_ptr<const service_registry> services,
                                    http_client_actor http) {
  return sys.spawn(plugin_behavior, std::move(handler), std::move(services), std::move(http));
}

} // namespace behalf
