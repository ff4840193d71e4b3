// The audit log's only writer. Lines that wait together are made durable by one fsync.
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf::outside {
namespace {

struct audit_state {
  static inline const char* name = "audit";
  audit_state() = default;
  std::unique_ptr<audit_log> log;
  bool failed = false;        // the last flush
  metric* writable = nullptr; // may be null
  std::vector<std::pair<int64_t, promise_of<audit_receipt>>> group;
};

using audit_pointer = audit_actor::stateful_pointer<audit_state>;

caf::result<audit_receipt> append(audit_pointer self, const audit_record& what) {
  auto& s = self->state;
  if (s.group.empty())
    tell(self, flush_group{});
  promise_of<audit_receipt> promise{self};
  s.group.emplace_back(s.log->append(what, now()), promise);
  return promise;
}

void flush(audit_pointer self) {
  auto& s = self->state;
  auto ok = s.log->flush();
  const bool failed = std::exchange(s.failed, !ok);
  if (!ok && !failed)
    log::error("audit_cannot_write", {{"reason", ok.error().message}});
  if (ok && failed)
    log::info("audit_writes_again");
  if (s.writable)
    s.writable->set(ok ? 1 : 0);
  for (auto& [seq, promise] : std::exchange(s.group, {})) {
    if (ok)
      promise.deliver(audit_receipt{seq});
    else
      promise.deliver(ok.error());
  }
}

audit_actor::behavior_type audit_behavior(audit_pointer self, std::shared_ptr<audit_log> log,
                                          metrics* meters) {
  install_fault_handlers(self);
  self->state.log = std::make_unique<audit_log>(std::move(*log));
  if (meters) {
    self->state.writable = &meters->gauge("behalf_audit_writable",
                                          "0: the last receipt could not be written, 1: it was");
    self->state.writable->set(1);
  }
  return {
    [self](const audit_event& m) { return append(self, m.what); },
    [self](flush_group) { flush(self); },
  };
}

} // namespace

audit_actor spawn_audit(caf::actor_system& sys, audit_log log, metrics* meters,
                        bool in_background) {
  auto held = std::make_shared<audit_log>(std::move(log));
  return in_background ? sys.spawn<caf::detached>(audit_behavior, held, meters)
                       : sys.spawn(audit_behavior, held, meters);
}

} // namespace behalf::outside
