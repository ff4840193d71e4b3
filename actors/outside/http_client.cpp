// The HTTP client as an actor. I/O threads send outcomes here as messages, as only this actor may
// fulfil its promises.
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "runtime/http/client.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <unordered_map>
#include <utility>

namespace behalf::outside {
namespace {

struct waiting_call {
  promise_of<outbound_reply> promise;
  uint64_t id; // the client's number of the call
};

struct http_client_state {
  static inline const char* name = "http-client";
  http_client_state() = default;
  std::shared_ptr<client> outbound;
  std::unordered_map<uint64_t, waiting_call> calls;
  std::unordered_map<uint64_t, promise_of<outbound_chunk>> reads;
};

using client_pointer = http_client_actor::stateful_pointer<http_client_state>;

caf::result<outbound_reply> start(client_pointer self, wire_call& m) {
  promise_of<outbound_reply> promise{self};
  auto ticket = m.ticket;
  auto done = [me = http_client_actor{self}, ticket](result<outbound_reply> r) {
    tell(me, wire_ended{ticket, std::make_shared<result<outbound_reply>>(std::move(r)), nullptr});
  };
  auto id = self->state.outbound->start(std::move(*m.request), m.by, std::move(done));
  self->state.calls.emplace(ticket, waiting_call{promise, id});
  return promise;
}

caf::result<outbound_chunk> read(client_pointer self, const wire_read& m) {
  promise_of<outbound_chunk> promise{self};
  auto ticket = wire_call::next_ticket();
  self->state.reads.emplace(ticket, promise);
  self->state.outbound->read_chunk(
    m.stream_id, m.by, [me = http_client_actor{self}, ticket](result<outbound_chunk> r) {
      tell(me, wire_ended{ticket, nullptr, std::make_shared<result<outbound_chunk>>(std::move(r))});
    });
  return promise;
}

void cancel(client_pointer self, const wire_cancel& m) {
  auto& s = self->state;
  if (m.stream_id != 0)
    s.outbound->close(m.stream_id);
  if (auto call = s.calls.find(m.ticket); call != s.calls.end())
    s.outbound->cancel(call->second.id);
}

void on_ended(client_pointer self, wire_ended& m) {
  auto& s = self->state;
  if (m.reply) {
    if (auto call = s.calls.extract(m.ticket); !call.empty())
      call.mapped().promise.deliver(std::move(*m.reply));
  } else if (auto read = s.reads.extract(m.ticket); !read.empty()) {
    read.mapped().deliver(std::move(*m.chunk));
  }
}

// The server ends: calls still under way are answered, as nobody's fault.
void end(client_pointer self, const caf::exit_msg& m) {
  auto& s = self->state;
  const auto why = fail(errc::overloaded, "the server is stopping");
  for (auto& [ticket, call] : std::exchange(s.calls, {}))
    call.promise.deliver(why);
  for (auto& [ticket, read] : std::exchange(s.reads, {}))
    read.deliver(why);
  self->quit(m.reason);
}

http_client_actor::behavior_type client_behavior(client_pointer self,
                                                 std::shared_ptr<client> outbound) {
  install_fault_handlers(self);
  self->state.outbound = std::move(outbound);
  self->set_exit_handler([self](caf::exit_msg& m) { end(self, m); });
  return {
    [self](wire_call& m) { return start(self, m); },
    [self](const wire_read& m) { return read(self, m); },
    [self](const wire_cancel& m) { cancel(self, m); },
    [self](wire_ended& m) { on_ended(self, m); },
  };
}

} // namespace

http_client_actor spawn_http_client(caf::actor_system& sys, std::shared_ptr<client> outbound) {
  return sys.spawn(client_behavior, std::move(outbound));
}

} // namespace behalf::outside

uint64_t behalf::wire_call::next_ticket() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}
