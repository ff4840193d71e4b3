// The owners of the storage's connections. The writer groups: what arrives while it works becomes
// durable with one fsync, and only then is any of it acknowledged.
#include "actors/basics.hpp"
#include "actors/spawn.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf {
namespace {

constexpr std::chrono::seconds sweep_pause{30};
constexpr int64_t sweep_batch = 100; // a millisecond or two: commits wait behind it
constexpr std::chrono::seconds check_pause{1};

struct store_writer_state {
  static inline const char* name = "store";
  store_writer_state() = default;
  std::unique_ptr<storage> db;
  std::vector<caf::typed_response_promise<written>> group; // applied, not yet durable
  bool open = false;
  deadline opened{};                            // when the group was
  histogram *times = nullptr, *sizes = nullptr; // of groups; null: nobody counts
  std::optional<error> fault;                   // of the last flush
  deadline checked{};                           // when that is old news
};

using writer_pointer = store_writer_actor::stateful_pointer<store_writer_state>;

// What arrives while a group is open joins it; the first one opens it.
result<void> open_group(writer_pointer self) {
  auto& s = self->state;
  if (s.open)
    return {};
  if (auto ok = s.db->begin(); !ok)
    return ok;
  s.open = true;
  s.opened = std::chrono::steady_clock::now();
  self->send(self, flush_group{}); // lands behind every commit that is waiting already
  return {};
}

caf::result<written> when_durable(writer_pointer self, result<void> applied) {
  if (!applied)
    return to_caf(applied.error());
  auto promise = self->make_response_promise<written>();
  self->state.group.push_back(promise);
  return promise;
}

caf::result<written> write(writer_pointer self, const commit& what) {
  if (auto ok = open_group(self); !ok)
    return to_caf(ok.error());
  return when_durable(self, self->state.db->apply(what));
}

caf::result<written> check(writer_pointer self) {
  auto& s = self->state;
  if (std::chrono::steady_clock::now() < s.checked)
    return s.fault ? caf::result<written>{to_caf(*s.fault)} : caf::result<written>{written{}};
  s.checked = std::chrono::steady_clock::now() + check_pause;
  if (auto ok = open_group(self); !ok) {
    s.fault = ok.error();
    return to_caf(ok.error());
  }
  return when_durable(self, s.db->touch());
}

void flush(writer_pointer self) {
  auto& s = self->state;
  auto ok = s.db->flush();
  s.open = false;
  if (s.times) {
    s.times->observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - s.opened).count());
    s.sizes->observe(static_cast<double>(s.group.size()));
  }
  if (!ok && !s.fault)
    log::error("storage_cannot_write", {{"reason", ok.error().message}});
  if (ok && s.fault)
    log::info("storage_writes_again");
  s.fault = ok ? std::nullopt : std::optional{ok.error()};
  for (auto& promise : std::exchange(s.group, {})) {
    if (ok)
      promise.deliver(written{});
    else
      promise.deliver(to_caf(ok.error()));
  }
}

// A batch at a time, and the next one behind what arrived meanwhile: under load its turn comes as
// often as a commit's, and nobody waits long for it.
void sweep(writer_pointer self) {
  auto& s = self->state;
  int64_t gone = 0;
  if (open_group(self)) {
    auto swept = s.db->sweep(sweep_batch);
    gone = swept ? *swept : 0;
    if (!swept)
      log::error("storage_sweep_failed", {{"reason", swept.error().message}});
  }
  if (gone >= sweep_batch && !s.fault) // a disk that is full undoes it: no need to hurry
    self->send(self, sweep_expired{});
  else
    self->delayed_send(self, sweep_pause, sweep_expired{});
}

store_writer_actor::behavior_type writer_behavior(writer_pointer self,
                                                  std::shared_ptr<std::unique_ptr<storage>> db,
                                                  metrics* meters) {
  contain(self);
  self->state.db = std::move(*db);
  if (meters) {
    self->state.times = &meters->latency("behalf_commit_seconds",
                                         "Time from a group's first write until it is durable");
    self->state.sizes =
      &meters->sizes("behalf_commit_group_size", "Writes that became durable together");
  }
  return {
    [self](const write_records& m) { return write(self, m.what); },
    [self](check_storage) { return check(self); },
    [self](flush_group) { flush(self); },
    [self](sweep_expired) { sweep(self); },
  };
}

struct store_reader_state {
  static inline const char* name = "store-reader";
  store_reader_state() = default;
  std::unique_ptr<storage_reader> db;
};

using reader_pointer = store_reader_actor::stateful_pointer<store_reader_state>;

result<found_record> get(storage_reader& db, const record_key& which) {
  auto row = db.get(which);
  if (!row)
    return row.error();
  if (!*row)
    return found_record{};
  return found_record{std::make_shared<const record>(std::move(**row))};
}

result<found_record> unfinished_run(storage_reader& db, const load_run& m) {
  auto row = db.unfinished_run({kind::run, m.tenant, m.run_id});
  if (!row)
    return row.error();
  if (!*row)
    return found_record{};
  return found_record{std::make_shared<const record>(std::move(**row))};
}

result<found_checkpoints> chain(storage_reader& db, const read_checkpoints& m) {
  auto rows = db.checkpoint_chain(m.who.tenant, m.thread_id, m.ns, m.checkpoint_id);
  if (!rows)
    return rows.error();
  found_checkpoints found{std::move(*rows), {}};
  if (m.checkpoint_id.empty())
    return found;
  auto newest = db.newest_checkpoint(m.who.tenant, m.thread_id, m.ns);
  if (!newest)
    return newest.error();
  found.newest = std::move(*newest);
  return found;
}

store_reader_actor::behavior_type
reader_behavior(reader_pointer self, std::shared_ptr<std::unique_ptr<storage_reader>> db) {
  contain(self);
  self->state.db = std::move(*db);
  auto& reader = *self->state.db;
  return {
    [&reader](const get_record& m) { return reply(get(reader, m.which)); },
    [&reader](const read_checkpoints& m) { return reply(chain(reader, m)); },
    [&reader](const scan_on& m) { return reply(reader.go_on(*m.search, {})); },
    [&reader](const load_run& m) { return reply(unfinished_run(reader, m)); },
  };
}

} // namespace

store_writer_actor spawn_store_writer(caf::actor_system& sys, std::unique_ptr<storage> db,
                                      metrics* meters, bool in_background) {
  auto held = std::make_shared<std::unique_ptr<storage>>(std::move(db));
  auto writer = in_background ? sys.spawn<caf::detached>(writer_behavior, held, meters)
                              : sys.spawn(writer_behavior, held, meters);
  if (in_background)
    caf::anon_send(writer, sweep_expired{});
  return writer;
}

store_reader_actor spawn_store_reader(caf::actor_system& sys, std::unique_ptr<storage_reader> db,
                                      bool in_background) {
  auto held = std::make_shared<std::unique_ptr<storage_reader>>(std::move(db));
  return in_background ? sys.spawn<caf::detached>(reader_behavior, held)
                       : sys.spawn(reader_behavior, held);
}

} // namespace behalf
