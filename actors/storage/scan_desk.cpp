// Who reads much waits here for its turn: searches, slice by slice, and the states of threads.
#include "actors/basics.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/spawn.hpp"
#include "runtime/base/fair_queue.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf::storage {
namespace {

// Milliseconds of a reader, about: a slice that goes on from another one takes its full time.
constexpr int64_t first_slice = 1, further_slice = 10, one_state = 2, quantum = 10;

// Each asker has one question open at a time, so that these bound connections and runs, not reads.
constexpr std::size_t most_waiting = 2048, most_waiting_of_user = 512;

struct turn {
  std::function<bool()> wanted;
  std::function<void(const database_reader_actor&)> take;
};

struct scan_desk_state {
  static inline const char* name = "scan-desk";
  scan_desk_state() : waiting(quantum) {}
  std::vector<database_reader_actor> idle;
  fair_queue<turn> waiting;
};

using desk_pointer = scan_desk_actor::stateful_pointer<scan_desk_state>;

void hand_out(desk_pointer self) {
  auto& s = self->state;
  while (!s.idle.empty()) {
    auto next = s.waiting.pop();
    if (!next)
      return;
    if (!next->wanted())
      continue;
    auto reader = std::move(s.idle.back());
    s.idle.pop_back();
    next->take(reader);
  }
}

void give_back(desk_pointer self, const database_reader_actor& reader) {
  self->state.idle.push_back(reader);
  hand_out(self);
}

template <class Answer, class Message>
caf::result<Answer> queue_up(desk_pointer self, const principal_key& who, int64_t cost,
                             const Message& m, std::function<bool()> wanted) {
  auto& s = self->state;
  auto user = principal_key{{}, who.issuer, who.subject}.text();
  if (s.waiting.size() >= most_waiting
      || s.waiting.size_of(who.tenant, user) >= most_waiting_of_user)
    return to_caf(fail(errc::overloaded, "too many searches are waiting", "Retry-After", "1"));
  promise_of<Answer> promise{self};
  auto take = [self, promise, m](const database_reader_actor& reader) {
    ask(
      self, reader, m,
      [self, promise, reader](Answer& a) mutable {
        promise.deliver(std::move(a));
        give_back(self, reader);
      },
      [self, promise, reader](error why) mutable {
        promise.deliver(std::move(why));
        give_back(self, reader);
      });
  };
  s.waiting.push(who.tenant, user, cost, {std::move(wanted), std::move(take)});
  hand_out(self);
  return promise;
}

scan_desk_actor::behavior_type desk_behavior(desk_pointer self,
                                             std::vector<database_reader_actor> readers) {
  install_fault_handlers(self);
  self->state.idle = std::move(readers);
  return {
    [self](const scan_on& m) {
      auto cost = m.search->own.looked_at == 0 ? first_slice : further_slice;
      std::weak_ptr<record_scan> held = m.search;
      // One holder is the question itself, waiting here: whoever asked has gone.
      auto wanted = [held] { return held.use_count() > 1; };
      return queue_up<scan_part>(self, m.who, cost, m, wanted);
    },
    [self](const read_checkpoints& m) {
      return queue_up<found_checkpoints>(self, m.who, one_state, m, [] { return true; });
    },
  };
}

} // namespace

scan_desk_actor spawn_scan_desk(caf::actor_system& sys,
                                std::vector<database_reader_actor> readers) {
  return sys.spawn(desk_behavior, std::move(readers));
}

} // namespace behalf::storage
