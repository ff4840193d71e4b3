// An actor system that runs on the test's own thread: nothing happens until ask() or run(), and
// time moves only by sched.advance_time().
#pragma once

#include "actors/basics.hpp"
#include "tests/support/catch.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace behalf {

/// A question whose answer may be long in coming: nullopt until it is there, then always the same.
template <class T>
using pending_answer = std::function<std::optional<result<T>>()>;

struct actor_fixture {
  caf::actor_system_config cfg;
  caf::actor_system sys{deterministic(cfg)};
  caf::scheduler::test_coordinator& sched =
    dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  caf::scoped_actor self{sys, true};
  std::vector<caf::actor> owned;

  /// Ends the actor with the test; one with a pending timer would keep the system alive for ever.
  template <class Handle>
  Handle own(Handle actor) {
    owned.push_back(caf::actor_cast<caf::actor>(actor));
    return actor;
  }

  template <class T, class Handle, class Message>
  result<T> ask(const Handle& to, Message m) {
    auto pending = self->request(to, caf::infinite, std::move(m));
    sched.run();
    if (!self->has_next_message())
      return fail(errc::internal, "no reply");
    std::optional<result<T>> answer;
    pending.receive([&](T& value) { answer.emplace(std::move(value)); },
                    [&](caf::error& e) { answer.emplace(from_caf(e)); });
    return std::move(*answer);
  }

  /// Asks with a mailbox of its own, so that a late answer disturbs no other question.
  template <class T, class Handle, class Message>
  pending_answer<T> ask_later(const Handle& to, Message m) {
    auto asker = std::make_shared<caf::scoped_actor>(sys, true);
    auto reply = (*asker)->request(to, caf::infinite, std::move(m));
    auto pending = std::make_shared<decltype(reply)>(std::move(reply));
    auto answer = std::make_shared<std::optional<result<T>>>();
    sched.run();
    return [this, asker, pending, answer] {
      sched.run();
      if (!*answer && (*asker)->has_next_message())
        pending->receive([&](T& value) { answer->emplace(std::move(value)); },
                         [&](caf::error& e) { answer->emplace(from_caf(e)); });
      return *answer;
    };
  }

  ~actor_fixture() {
    for (auto& x : owned)
      self->send_exit(x, caf::exit_reason::kill);
    owned.clear();
    sched.run();
  }

  static caf::actor_system_config& deterministic(caf::actor_system_config& cfg) {
    cfg.set("scheduler.policy", caf::atom("testing"));
    return cfg;
  }
};

} // namespace behalf
