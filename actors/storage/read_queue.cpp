// Queues long reads (slices of searches, states of threads) and hands each to an idle reader.
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

// An asker has one read open at a time: these bound how many requests and runs may wait.
constexpr std::size_t most_waiting = 2048, most_waiting_of_user = 512;

struct turn {
  std::function<bool()> wanted;
  promise_of<read_done> promise;
  std::function<void(const database_reader_actor&)> take;
};

struct read_queue_state {
  static inline const char* name = "read-queue";
  read_queue_state() : waiting(quantum) {}
  std::vector<database_reader_actor> idle;
  fair_queue<turn> waiting;
};

using read_queue_pointer = read_queue_actor::stateful_pointer<read_queue_state>;

void hand_out(read_queue_pointer self) {
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

void give_back(read_queue_pointer self, const database_reader_actor& reader) {
  self->state.idle.push_back(reader);
  hand_out(self);
}

caf::result<read_done> queue_up(read_queue_pointer self, queue_read& m) {
  auto& s = self->state;
  auto user = principal_key{{}, m.who.issuer, m.who.subject}.text();
  if (s.waiting.size_of(m.who.tenant, user) >= most_waiting_of_user)
    return to_caf(
      fail(errc::too_many, "too many searches of this user are waiting", "Retry-After", "1"));
  if (s.waiting.size() >= most_waiting)
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

read_queue_actor::behavior_type read_queue_behavior(read_queue_pointer self,
                                                    std::vector<database_reader_actor> readers) {
  install_fault_handlers(self);
  self->state.idle = std::move(readers);
  return {[self](queue_read& m) { return queue_up(self, m); }};
}

} // namespace

read_queue_actor spawn_read_queue(caf::actor_system& sys,
                                  std::vector<database_reader_actor> readers) {
  return sys.spawn(read_queue_behavior, std::move(readers));
}

} // namespace behalf::storage
