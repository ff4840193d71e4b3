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

constexpr int64_t quantum = 10; // milliseconds of a reader, about

// Each asker has one question open at a time, so that these bound connections and runs, not reads.
constexpr std::size_t most_waiting = 2048, most_waiting_of_user = 512;

struct turn {
  std::function<bool()> wanted;
  promise_of<read_done> promise;
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
    if (next->wanted && !next->wanted()) {
      next->promise.deliver(fail(errc::timeout, "nobody waits for this read any more"));
      continue;
    }
    auto reader = std::move(s.idle.back());
    s.idle.pop_back();
    next->take(reader);
  }
}

void give_back(desk_pointer self, const database_reader_actor& reader) {
  self->state.idle.push_back(reader);
  hand_out(self);
}

caf::result<read_done> queue_up(desk_pointer self, queue_read& m) {
  auto& s = self->state;
  auto user = principal_key{{}, m.who.issuer, m.who.subject}.text();
  if (s.waiting.size() >= most_waiting
      || s.waiting.size_of(m.who.tenant, user) >= most_waiting_of_user)
    return to_caf(fail(errc::overloaded, "too many searches are waiting", "Retry-After", "1"));
  promise_of<read_done> promise{self};
  auto take = [self, promise, read = std::move(m.read)](const database_reader_actor& reader) {
    ask(
      self, reader, read,
      [self, promise, reader](read_done done) {
        promise.deliver(done);
        give_back(self, reader);
      },
      [self, promise, reader](error why) {
        promise.deliver(std::move(why));
        give_back(self, reader);
      });
  };
  s.waiting.push(m.who.tenant, user, m.cost, {std::move(m.wanted), promise, std::move(take)});
  hand_out(self);
  return promise;
}

scan_desk_actor::behavior_type desk_behavior(desk_pointer self,
                                             std::vector<database_reader_actor> readers) {
  install_fault_handlers(self);
  self->state.idle = std::move(readers);
  return {[self](queue_read& m) { return queue_up(self, m); }};
}

} // namespace

scan_desk_actor spawn_scan_desk(caf::actor_system& sys,
                                std::vector<database_reader_actor> readers) {
  return sys.spawn(desk_behavior, std::move(readers));
}

} // namespace behalf::storage
