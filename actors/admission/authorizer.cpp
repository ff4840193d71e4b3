// The most specific `on` handler decides.
#include "actors/admission/authorizer.hpp"

#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/basics.hpp"
#include "actors/threads/thread_pool.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf::admission {

result<grant> decide(const policy& rules, authorize& m) {
  grant g;
  g.who = std::move(m.who);
  g.value = std::move(m.value);
  g.sealed = std::move(m.sealed);
  if (m.resource.empty()) // the route needs no decision
    return g;
  auto allowed = rules.decide(*g.who, m.resource, m.action, g.value, m.may_change);
  if (!allowed)
    return allowed.error();
  g.auth_filter = std::move(allowed->auth_filter);
  return g;
}

namespace {

const threads::activity on_handlers{"an `on` handler"};

struct authorizer_state {
  static inline const char* name = "authorizer";
  authorizer_state() = default;
  std::shared_ptr<const policy> rules;
};

using authorizer_pointer = authorizer_actor::stateful_pointer<authorizer_state>;

authorizer_actor::behavior_type authorizer_behavior(authorizer_pointer self,
                                                    std::shared_ptr<const policy> rules) {
  install_fault_handlers(self);
  self->state.rules = std::move(rules);
  return {
    [self](authorize& m) {
      threads::doing(on_handlers);
      return reply(decide(*self->state.rules, m));
    },
    [self](use_rules& m) { self->state.rules = std::move(m.rules); },
  };
}

} // namespace

authorizer_actor spawn_authorizer(caf::actor_system& sys, std::shared_ptr<const policy> rules) {
  return sys.spawn(authorizer_behavior, std::move(rules));
}

} // namespace behalf::admission
