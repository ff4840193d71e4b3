// Keeps the MCP sessions that runs of one user share: listens to a session's stream while runs use
// it, and ends it at its server some seconds after the last run has left. Calls go through egress
// with the handle of a run that uses the session, or of the last one that did: that handle is kept
// open until the session has ended.
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "connectors/mcp_listener.hpp"
#include "connectors/mcp_messages.hpp"
#include "connectors/registry.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

namespace behalf::outside {
namespace {

using namespace std::chrono_literals;

constexpr auto linger = 5s;
constexpr std::size_t most_lingering = 1'000; // when there are more, the oldest is ended at once
constexpr std::chrono::milliseconds time_to_end{5'000};

// How long a call waits for the session's stream to open.
constexpr auto open_patience = 1s;
constexpr auto habits_last = 10min;

struct run_use {
  principal_ptr who;
  std::string run_id, thread_id;
  sealed_handle handle;
};

struct kept_session {
  std::string service;
  mcp_session session;
  std::map<std::string, run_use> users = {}; // by run
  std::optional<run_use> last = {};          // the run that left last, when `users` is empty
  uint64_t leaving = 0;                      // the timer that ends it; 0: none
  uint64_t listener = 0;                     // 0: none
  bool no_stream = false;                    // the server offers none, or it has ended
};

// A session's stream, opened in the name of one of its runs.
struct listening {
  std::unique_ptr<mcp_listener> machine;
  uint64_t session;
  run_use as;
  bool opening = true; // the reply to GET has not come
  bool busy = true;    // a call is under way
  uint64_t stream = 0; // the one being read
  std::vector<promise_of<session_ready>> waiting = {};
};

// The handles of a run that sessions still need, by session.
struct run_needs {
  std::map<uint64_t, sealed_handle> handles;
  bool over = false;
};

// What a service's servers did: until when it is assumed of the next session.
struct service_habits {
  deadline offers_nothing{}, opens_late{};
};

struct mcp_keeper_state {
  static inline const char* name = "mcp-keeper";
  mcp_keeper_state() = default;

  using session_key = std::tuple<principal_key, std::string, std::string>; // …, service, id

  std::shared_ptr<const service_registry> services;
  egress_actor egress;
  secret_store_actor secrets; // null: no service takes a credential
  uint64_t last_number = 0;   // of sessions, listeners and timers
  std::unordered_map<uint64_t, kept_session> sessions;
  std::map<session_key, uint64_t> numbers;
  std::unordered_map<uint64_t, listening> listeners;
  std::map<uint64_t, uint64_t> lingering;             // timer → session, oldest first
  std::unordered_map<uint64_t, uint64_t> open_timers; // timer → listener
  std::unordered_map<std::string, run_needs> runs;
  std::map<std::string, service_habits> habits;
  std::size_t ending = 0; // sessions being ended at their servers
  std::vector<promise_of<sessions_ended>> waiting;
};

using keeper_pointer = mcp_keeper_actor::stateful_pointer<mcp_keeper_state>;

void wake_later(keeper_pointer self, std::chrono::milliseconds time, uint64_t number) {
  remind(self, time, wake_up{static_cast<int64_t>(number)});
}

egress_call in_name_of(const run_use& run, outbound_call call) {
  egress_call out{std::move(call), run.who, run.run_id, run.thread_id};
  out.call.handle = run.handle;
  return out;
}

// --- leases --------------------------------------------------------------------------------------

void close_handles(keeper_pointer self, const std::string& run_id) {
  auto& s = self->state;
  close_leases m{run_id};
  if (auto run = s.runs.find(run_id); run != s.runs.end())
    for (const auto& [session, handle] : run->second.handles)
      if (!handle.empty())
        m.except.push_back(handle);
  if (s.secrets)
    tell(s.secrets, std::move(m));
}

bool needs(keeper_pointer self, uint64_t number, const std::string& run_id) {
  auto& s = self->state;
  auto one = s.sessions.find(number);
  if (one == s.sessions.end())
    return false;
  auto listener = s.listeners.find(one->second.listener);
  return one->second.users.contains(run_id)
         || (one->second.last && one->second.last->run_id == run_id)
         || (listener != s.listeners.end() && listener->second.as.run_id == run_id);
}

// Closes the run's handle, unless the session still needs it.
void release_handle(keeper_pointer self, uint64_t number, const std::string& run_id) {
  auto& s = self->state;
  auto run = s.runs.find(run_id);
  if (run == s.runs.end() || needs(self, number, run_id) || run->second.handles.erase(number) == 0)
    return;
  const auto over = run->second.over;
  if (run->second.handles.empty())
    s.runs.erase(run);
  if (over)
    close_handles(self, run_id);
}

// --- listening -----------------------------------------------------------------------------------

void drive(keeper_pointer self, uint64_t id, connector::step next);

// Moves the stream to a run that uses the session, unless a call of another run is under way on it.
void move_to_live_run(keeper_pointer self, uint64_t number) {
  auto& s = self->state;
  const auto& one = s.sessions.at(number);
  auto at = s.listeners.find(one.listener);
  if (at == s.listeners.end() || at->second.busy || one.users.empty()
      || one.users.contains(at->second.as.run_id))
    return;
  const auto from = std::exchange(at->second.as, one.users.begin()->second);
  const auto& to = at->second.as;
  if (at->second.stream != 0)
    tell(s.egress, hand_stream{at->second.stream, from.run_id, to.run_id, to.thread_id, to.handle});
  release_handle(self, number, from.run_id);
}

void ready(listening& one) {
  one.opening = false;
  for (auto& promise : std::exchange(one.waiting, {}))
    promise.deliver(session_ready{});
}

// Outside the service's lane: a server may ask something during a call that has a place in the
// lane, and wait for the answer.
void send_out(keeper_pointer self, uint64_t id, outbound_call call) {
  auto& s = self->state;
  auto& one = s.listeners.at(id);
  one.busy = true;
  auto out = in_name_of(one.as, std::move(call));
  out.outside_lane = true;
  auto heard = [self, id](result<outbound_reply> reply) {
    auto& all = self->state.listeners;
    auto at = all.find(id);
    if (at == all.end()) // its session has ended
      return;
    ready(at->second);
    drive(self, id, at->second.machine->resume(std::move(reply)));
  };
  ask(
    self, s.egress, std::move(out), [heard](outbound_reply& r) { heard(std::move(r)); },
    [heard](error why) { heard(std::move(why)); });
}

void read_on(keeper_pointer self, uint64_t id, uint64_t stream_id) {
  auto& s = self->state;
  auto& one = s.listeners.at(id);
  one.stream = stream_id;
  move_to_live_run(self, one.session);
  auto heard = [self, id](result<outbound_chunk> chunk) {
    auto& all = self->state.listeners;
    if (auto at = all.find(id); at != all.end())
      drive(self, id, at->second.machine->resume_chunk(std::move(chunk)));
  };
  ask(
    self, s.egress, egress_read{stream_id, one.as.run_id},
    [heard](outbound_chunk& chunk) { heard(std::move(chunk)); },
    [heard](error why) { heard(std::move(why)); });
}

// The stream has ended, or the server offers none.
void end_listening(keeper_pointer self, uint64_t id, const connector::done& end) {
  auto& s = self->state;
  const auto gone = std::move(s.listeners.extract(id).mapped());
  auto& one = s.sessions.at(gone.session);
  one.listener = 0;
  one.no_stream = true;
  if (end.reply && end.reply->status == 405)
    s.habits[one.service].offers_nothing = self->clock().now() + habits_last;
  release_handle(self, gone.session, gone.as.run_id);
}

void drive(keeper_pointer self, uint64_t id, connector::step next) {
  auto& s = self->state;
  auto& one = s.listeners.at(id);
  one.busy = false;
  one.stream = 0;
  while (auto* close = std::get_if<connector::close_stream>(&next)) {
    tell(s.egress, egress_close{close->stream_id, one.as.run_id});
    next = one.machine->proceed();
  }
  if (auto* call = std::get_if<outbound_call>(&next)) {
    send_out(self, id, std::move(*call));
  } else if (auto* read = std::get_if<connector::pull_chunk>(&next)) {
    read_on(self, id, read->stream_id);
  } else if (auto* wait = std::get_if<connector::pause>(&next)) {
    move_to_live_run(self, one.session);
    wake_later(self, wait->time, id);
  } else {
    end_listening(self, id, std::get<connector::done>(next));
  }
}

// Opens the session's stream; without a session id there is none.
void listen(keeper_pointer self, uint64_t number) {
  auto& s = self->state;
  auto& one = s.sessions.at(number);
  const auto now = self->clock().now();
  const auto& habits = s.habits[one.service];
  if (one.listener != 0 || one.no_stream || one.session.id.empty() || now < habits.offers_nothing)
    return;
  const auto id = one.listener = ++s.last_number;
  auto machine = std::make_unique<mcp_listener>(s.services->find(one.service), one.session);
  auto first = machine->start();
  auto& made =
    s.listeners.emplace(id, listening{std::move(machine), number, one.users.begin()->second})
      .first->second;
  if (now < habits.opens_late) {
    ready(made);
  } else {
    const auto timer = ++s.last_number;
    s.open_timers.emplace(timer, id);
    wake_later(self, open_patience, timer);
  }
  drive(self, id, std::move(first));
}

// Some servers and proxies send a stream's head only with its first event: calls wait no longer.
void stop_waiting_for_open(keeper_pointer self, uint64_t id) {
  auto& s = self->state;
  auto at = s.listeners.find(id);
  if (at == s.listeners.end() || !at->second.opening)
    return;
  s.habits[s.sessions.at(at->second.session).service].opens_late =
    self->clock().now() + habits_last;
  ready(at->second);
}

// --- the end of a session ------------------------------------------------------------------------

void ended(keeper_pointer self, const run_use& last, uint64_t number) {
  auto& s = self->state;
  release_handle(self, number, last.run_id);
  if (--s.ending > 0)
    return;
  for (auto& promise : std::exchange(s.waiting, {}))
    promise.deliver(sessions_ended{});
}

void stop_listening(keeper_pointer self, kept_session& one, uint64_t number) {
  auto& s = self->state;
  auto gone = s.listeners.extract(one.listener);
  if (gone.empty())
    return;
  one.listener = 0;
  ready(gone.mapped());
  tell(s.egress, cut_calls{gone.mapped().as.run_id, one.service});
  release_handle(self, number, gone.mapped().as.run_id);
}

void end(keeper_pointer self, uint64_t number) {
  auto& s = self->state;
  auto& one = s.sessions.at(number);
  s.lingering.erase(std::exchange(one.leaving, 0));
  // False: a run took the session just now, and its message is under way.
  if (!s.services->sessions().take_unused(one.last->who->key(), one.service, one.session.id))
    return;
  stop_listening(self, one, number);
  s.numbers.erase({one.last->who->key(), one.service, one.session.id});
  const auto gone = std::move(s.sessions.extract(number).mapped());
  ++s.ending;
  if (gone.session.id.empty())
    return ended(self, *gone.last, number);
  auto call = mcp_delete(*s.services->find(gone.service), gone.session);
  call.timeout = std::min(call.timeout, time_to_end);
  // The reply does not matter: the session is over for us.
  auto told = [self, last = *gone.last, number] { ended(self, last, number); };
  ask(
    self, s.egress, in_name_of(*gone.last, std::move(call)),
    [told](const outbound_reply&) { told(); }, [told](const error&) { told(); });
}

// --- runs ----------------------------------------------------------------------------------------

void leave(keeper_pointer self, uint64_t number, const std::string& run_id) {
  auto& s = self->state;
  auto& one = s.sessions.at(number);
  auto user = one.users.extract(run_id);
  if (user.empty())
    return;
  s.services->sessions().leave(user.mapped().who->key(), one.service, one.session.id, run_id);
  if (!one.users.empty()) {
    move_to_live_run(self, number);
    return release_handle(self, number, run_id);
  }
  one.last = std::move(user.mapped());
  one.leaving = ++s.last_number;
  s.lingering.emplace(one.leaving, number);
  wake_later(self, linger, one.leaving);
  if (s.lingering.size() > most_lingering)
    end(self, s.lingering.begin()->second);
}

uint64_t number_of(keeper_pointer self, const session_used& m) {
  auto& s = self->state;
  auto [at, fresh] = s.numbers.try_emplace({m.who->key(), m.service, m.session.id}, 0);
  if (fresh) {
    at->second = ++s.last_number;
    s.sessions.emplace(at->second, kept_session{m.service, m.session});
  }
  return at->second;
}

void join(keeper_pointer self, uint64_t number, const session_used& m) {
  auto& s = self->state;
  auto& one = s.sessions.at(number);
  one.users.emplace(m.run_id, run_use{m.who, m.run_id, m.thread_id, m.handle});
  s.runs[m.run_id].handles[number] = m.handle;
  s.lingering.erase(std::exchange(one.leaving, 0));
  const auto last = std::exchange(one.last, std::nullopt);
  move_to_live_run(self, number);
  if (last)
    release_handle(self, number, last->run_id);
}

caf::result<session_ready> use(keeper_pointer self, const session_used& m) {
  auto& s = self->state;
  const auto number = number_of(self, m);
  const auto& one = s.sessions.at(number);
  if (!one.users.contains(m.run_id)) {
    join(self, number, m);
    if (*m.stopped) { // the run has ended: no `run_left` would follow
      leave(self, number, m.run_id);
      return session_ready{};
    }
  }
  listen(self, number);
  auto at = s.listeners.find(one.listener);
  if (at == s.listeners.end() || !at->second.opening)
    return session_ready{};
  at->second.waiting.push_back(promise_of<session_ready>{self});
  return at->second.waiting.back();
}

void run_over(keeper_pointer self, const run_left& m) {
  auto& s = self->state;
  if (auto run = s.runs.find(m.run_id); run != s.runs.end()) {
    auto used = run->second.handles; // a copy: `leave` changes it
    for (const auto& [number, handle] : used)
      if (s.sessions.contains(number))
        leave(self, number, m.run_id);
  }
  if (auto run = s.runs.find(m.run_id); run != s.runs.end())
    run->second.over = true;
  close_handles(self, m.run_id);
}

caf::result<sessions_ended> end_all(keeper_pointer self) {
  auto& s = self->state;
  auto lingering = s.lingering; // a copy: `end` changes it
  for (const auto& [timer, number] : lingering)
    end(self, number);
  if (s.ending == 0)
    return sessions_ended{};
  s.waiting.push_back(promise_of<sessions_ended>{self});
  return s.waiting.back();
}

// A timer of a session, of a listener that opens, or of a listener's pause.
void wake(keeper_pointer self, uint64_t number) {
  auto& s = self->state;
  if (auto left = s.lingering.find(number); left != s.lingering.end())
    return end(self, left->second);
  if (auto waits = s.open_timers.extract(number); !waits.empty())
    return stop_waiting_for_open(self, waits.mapped());
  if (auto at = s.listeners.find(number); at != s.listeners.end())
    drive(self, number, at->second.machine->proceed());
}

mcp_keeper_actor::behavior_type keeper_behavior(keeper_pointer self,
                                                std::shared_ptr<const service_registry> services,
                                                egress_actor egress, secret_store_actor secrets) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.services = std::move(services);
  s.egress = std::move(egress);
  s.secrets = std::move(secrets);
  return {
    [self](const session_used& m) { return use(self, m); },
    [self](const run_left& m) { run_over(self, m); },
    [self](const end_sessions&) { return end_all(self); },
    [self](const wake_up& m) { wake(self, static_cast<uint64_t>(m.generation)); },
  };
}

} // namespace

mcp_keeper_actor spawn_mcp_keeper(caf::actor_system& sys,
                                  std::shared_ptr<const service_registry> services,
                                  egress_actor egress, secret_store_actor secrets) {
  return sys.spawn(keeper_behavior, std::move(services), std::move(egress), std::move(secrets));
}

} // namespace behalf::outside
