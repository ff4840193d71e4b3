// The actors that own the storage's connections. The writer makes the batches that wait durable as
// a group, with one fsync, and answers them after it. Tenants and users take turns.
#include "actors/basics.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/spawn.hpp"
#include "runtime/base/fair_queue.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/storage/storage.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace behalf::storage {
namespace {

constexpr int64_t sweep_batch = 100; // rows; takes some ms, for which commits wait
constexpr std::chrono::seconds check_pause{1};

// In bytes. A large writer's batches are spread over groups, so that small writes of others do not
// wait for all of them.
constexpr int64_t most_of_a_group = 1 << 20, quantum = 1 << 18, least_cost = 1 << 10;
// What deletes, copies or is filed under many terms is dearer than its bytes say, and how dear
// shows only when it is done.
constexpr std::chrono::milliseconds longest_group{20};
constexpr int64_t bytes_per_microsecond = 50;
constexpr std::chrono::microseconds most_charged = std::chrono::seconds{1}; // the process may sleep

using writing = promise_of<written>;

struct waiting_write {
  write_batch what;
  int64_t cost;
  writing promise;
  std::string tenant, user; // whose turn it took
};

metric& damage_gauge(metrics& meters) {
  return meters.gauge("behalf_storage_damaged", "1: a damaged page was met since the start");
}

struct database_writer_state {
  static inline const char* name = "database-writer";
  database_writer_state() : waiting(quantum) {}
  std::unique_ptr<storage_engine> db;
  fair_queue<waiting_write> waiting;
  std::vector<writing> checks; // waiting check_storage requests
  std::chrono::milliseconds sweep_pause{};
  bool sweep_due = false, renewal_due = false;  // do it with the next group
  bool called = false;                          // flush_group is under way
  histogram *times = nullptr, *sizes = nullptr; // of groups; may be null
  metric *writable = nullptr, *damaged = nullptr, *sweeping = nullptr;
  bool met_damage = false;
  std::optional<error> fault; // the failure of the last group that wrote something
  deadline checked{};         // until then `fault` answers checks
};

using writer_pointer = database_writer_actor::stateful_pointer<database_writer_state>;

// Damage of the rows that were touched, not of the others: the next check writes to find out.
void note_damage(writer_pointer self, const error& why) {
  auto& s = self->state;
  if (why.kind != storage_damaged)
    return;
  s.checked = {};
  if (s.damaged)
    s.damaged->set(1);
  if (!std::exchange(s.met_damage, true))
    log::error("storage_damaged", {{"reason", why.message}});
}

// Notes whether the storage can be written; a group without writes does not tell.
void note_state(writer_pointer self, const result<void>& ok, bool wrote) {
  auto& s = self->state;
  if (!ok)
    note_damage(self, ok.error());
  if (ok ? !wrote : ok.error().kind == storage_damaged)
    return;
  if (!ok && !s.fault)
    log::error("storage_cannot_write", {{"reason", ok.error().message}});
  if (ok && s.fault)
    log::info("storage_writes_again");
  s.fault = ok ? std::nullopt : std::optional{ok.error()};
  if (s.writable)
    s.writable->set(ok ? 1 : 0);
}

// The message is queued behind all that has arrived, which thus joins the group.
void call_for_group(writer_pointer self) {
  if (!std::exchange(self->state.called, true))
    tell(self, flush_group{});
}

int64_t cost_of(const write_batch& what) {
  auto cost = std::size_t{least_cost};
  for (const auto& p : what.puts)
    cost += p.row.doc_text.size() + held_bytes(p.row.doc) + held_bytes(p.row.metadata);
  for (const auto& end : what.task_ends)
    cost += end.doc.size();
  for (const auto& change : what.thread_changes) {
    cost += held_bytes(change.metadata);
    for (const auto& [member, text] : change.doc)
      cost += text.size();
  }
  return static_cast<int64_t>(cost);
}

caf::result<written> write(writer_pointer self, write_records& m) {
  promise_of<written> promise{self};
  const auto cost = cost_of(m.what);
  auto user = m.who.text();
  self->state.waiting.push(m.who.tenant, user, cost,
                           {std::move(m.what), cost, promise, m.who.tenant, user});
  call_for_group(self);
  return promise;
}

caf::result<written> check(writer_pointer self) {
  auto& s = self->state;
  if (std::chrono::steady_clock::now() < s.checked)
    return s.fault ? caf::result<written>{to_caf(*s.fault)} : caf::result<written>{written{}};
  s.checked = std::chrono::steady_clock::now() + check_pause;
  s.checks.push_back(promise_of<written>{self});
  call_for_group(self);
  return s.checks.back();
}

// Deletes one batch of expired rows in a group of its own, so that writes wait for it only shortly.
// Returns how many rows are gone.
int64_t sweep_in_group(writer_pointer self) {
  auto& s = self->state;
  if (!std::exchange(s.sweep_due, false))
    return 0;
  auto swept = s.db->sweep(sweep_batch);
  if (!swept) {
    note_damage(self, swept.error());
    log::error("storage_sweep_failed", {{"reason", swept.error().message}});
  }
  if (swept && *swept >= sweep_batch
      && !s.fault) // more may be left; not at once when the disk is full
    tell(self, sweep_expired{});
  else
    remind(self, s.sweep_pause, sweep_expired{});
  if (s.sweeping)
    s.sweeping->set(!swept || *swept >= sweep_batch);
  return swept ? *swept : 0;
}

// A group of batches. Refused ones are answered after the flush too: the reason may be another
// write of the group, which fails when the flush does.
struct applied_group {
  std::vector<writing> promises;
  std::vector<std::pair<writing, error>> refused;
  int64_t swept = 0;
  bool renewed = false; // the process's lease on its runs
};

applied_group apply_group(writer_pointer self) {
  auto& s = self->state;
  applied_group group;
  auto note = [&](writing& promise, const result<void>& done) {
    if (done)
      return group.promises.push_back(std::move(promise));
    note_damage(self, done.error());
    group.refused.emplace_back(std::move(promise), done.error());
  };
  if (const auto due = std::exchange(s.renewal_due, false); due || !s.checks.empty()) {
    const auto renewed = s.db->renew();
    group.renewed = renewed.has_value();
    if (!renewed)
      s.checked = {}; // the next check must write itself
    if (!renewed && due)
      log::error("lease_not_renewed", {{"reason", renewed.error().message}});
    for (auto& promise : std::exchange(s.checks, {}))
      note(promise, renewed);
  }
  const auto begun = std::chrono::steady_clock::now();
  auto last = begun;
  for (int64_t cost = 0; cost < most_of_a_group && last - begun < longest_group;) {
    auto next = s.waiting.pop();
    if (!next)
      break;
    cost += next->cost;
    note(next->promise, s.db->apply(next->what));
    const auto done = std::chrono::steady_clock::now();
    const auto took =
      std::min(std::chrono::duration_cast<std::chrono::microseconds>(done - last), most_charged);
    s.waiting.charge(next->tenant, next->user, took.count() * bytes_per_microsecond - next->cost);
    last = done;
  }
  group.swept = sweep_in_group(self);
  return group;
}

// Nothing can be written: refuses all that wait.
void refuse_group(writer_pointer self, const error& why) {
  auto& s = self->state;
  for (auto& promise : std::exchange(s.checks, {}))
    promise.deliver(why);
  while (auto next = s.waiting.pop())
    next->promise.deliver(why);
  if (std::exchange(s.sweep_due, false))
    remind(self, s.sweep_pause, sweep_expired{});
}

void run_group(writer_pointer self) {
  auto& s = self->state;
  s.called = false;
  const auto begun = std::chrono::steady_clock::now();
  auto ok = s.db->begin();
  applied_group group;
  if (ok) {
    group = apply_group(self);
    ok = s.db->flush();
  } else {
    refuse_group(self, ok.error());
  }
  if (s.times) {
    s.times->observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    s.sizes->observe(static_cast<double>(group.promises.size()));
  }
  note_state(self, ok, group.renewed || !group.promises.empty() || group.swept > 0);
  for (auto& promise : group.promises) {
    if (ok)
      promise.deliver(written{});
    else
      promise.deliver(ok.error());
  }
  for (auto& [promise, why] : group.refused)
    promise.deliver(ok ? std::move(why) : ok.error());
  if (!s.waiting.empty())
    call_for_group(self);
}

database_writer_actor::behavior_type
writer_behavior(writer_pointer self, std::shared_ptr<std::unique_ptr<storage_engine>> db,
                metrics* meters, std::chrono::milliseconds sweep_pause) {
  install_fault_handlers(self);
  self->state.db = std::move(*db);
  self->state.sweep_pause = sweep_pause;
  if (meters) {
    self->state.times = &meters->latency("behalf_commit_seconds",
                                         "Time from a group's first write until it is durable");
    self->state.sizes =
      &meters->sizes("behalf_commit_group_size", "Writes that became durable together");
    self->state.writable = &meters->gauge(
      "behalf_storage_writable", "0: the last write to the database failed, 1: it did not");
    self->state.writable->set(1);
    self->state.damaged = &damage_gauge(*meters);
    self->state.sweeping =
      &meters->gauge("behalf_sweep_behind",
                     "1: there is more whose time is over than was deleted, 0: there is not");
  }
  return {
    [self](write_records& m) { return write(self, m); },
    [self](check_storage) { return check(self); },
    [self](flush_group) { run_group(self); },
    [self](sweep_expired) {
      self->state.sweep_due = true;
      call_for_group(self);
    },
    [self](renew_lease) {
      self->state.renewal_due = true;
      call_for_group(self);
      remind(self, lease_renewal, renew_lease{});
    },
  };
}

struct database_reader_state {
  static inline const char* name = "database-reader";
  database_reader_state() = default;
  std::unique_ptr<storage_reader> db;
  metric* damaged = nullptr; // null: nobody counts
};

using reader_pointer = database_reader_actor::stateful_pointer<database_reader_state>;

caf::result<read_done> read(reader_pointer self, const read_storage& m) {
  auto done = m.what(*self->state.db);
  if (done)
    return read_done{};
  if (done.error().kind == storage_damaged && self->state.damaged)
    self->state.damaged->set(1);
  return to_caf(done.error());
}

database_reader_actor::behavior_type
reader_behavior(reader_pointer self, std::shared_ptr<std::unique_ptr<storage_reader>> db,
                metrics* meters) {
  install_fault_handlers(self);
  self->state.db = std::move(*db);
  if (meters)
    self->state.damaged = &damage_gauge(*meters);
  return {[self](const read_storage& m) { return read(self, m); }};
}

} // namespace

database_writer_actor spawn_database_writer(caf::actor_system& sys,
                                            std::unique_ptr<storage_engine> db, metrics* meters,
                                            bool in_background,
                                            std::chrono::milliseconds sweep_pause) {
  const auto alone = db->exclusive();
  auto held = std::make_shared<std::unique_ptr<storage_engine>>(std::move(db));
  auto writer = in_background ? sys.spawn<caf::detached>(writer_behavior, held, meters, sweep_pause)
                              : sys.spawn(writer_behavior, held, meters, sweep_pause);
  if (in_background)
    tell(writer, sweep_expired{});
  if (in_background && !alone)
    tell(writer, renew_lease{});
  return writer;
}

database_reader_actor spawn_database_reader(caf::actor_system& sys,
                                            std::unique_ptr<storage_reader> db, metrics* meters,
                                            bool in_background) {
  auto held = std::make_shared<std::unique_ptr<storage_reader>>(std::move(db));
  return in_background ? sys.spawn<caf::detached>(reader_behavior, held, meters)
                       : sys.spawn(reader_behavior, held, meters);
}

} // namespace behalf::storage
