// Starts the runs of crons that are due. It reads those from the storage, a page at a time, and
// starts a few at once, users in turns; what finds no room stays in the storage, due, for a second.
// There is one timer, for the earliest, and none when there are no crons.
//
// A firing asks the same questions as a request of the cron's owner would: may there be such a run,
// of that assistant, on that thread? The run and the cron's next date are one commit, which only
// the cron at its revision allows: nothing fires twice, whoever else looks at the same storage.
#include "actors/endpoints/cron_clock.hpp"

#include "actors/admission/messages.hpp"
#include "actors/basics.hpp"
#include "actors/endpoints/cron_record.hpp"
#include "actors/endpoints/new_run.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_assistant.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/fair_queue.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/storage/storage.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <set>

namespace behalf::endpoints {
namespace {

using storage::row_ptr;

constexpr int64_t page = 500;
constexpr std::size_t most_at_once = 16;
constexpr std::size_t most_of_a_reason = 500; // bytes

// The clock on the wall may be set forward while the timer waits.
constexpr std::chrono::seconds longest_wait{60};
constexpr std::chrono::seconds pause_when_full{1};
// A clock that is set back by more was wrong: what fired while it was ahead is not counted.
constexpr std::chrono::hours far_ahead{24};
// With `missed: skip`: what is later than this was missed.
constexpr std::chrono::minutes in_time{1};
// A record that cannot be understood: its zone, say, is not known to this host.
constexpr std::chrono::hours pause_when_unreadable{1};

struct next_page {
  std::optional<record> after;
  result<std::vector<record>> operator()(storage_reader& db) const {
    return db.next_crons(after ? &*after : nullptr, page);
  }
};

struct cron_clock_state {
  static inline const char* name = "cron-clock";
  cron_clock_state() = default;

  app_ptr app;
  std::function<time_point()> clock;

  bool looking = false, again = false; // look once more after this
  std::optional<record> last;          // of the page read before
  bool more = false;                   // there may be due ones after it
  fair_queue<record> due;
  std::size_t under_way = 0;
  std::set<std::string> without_room; // owners
  bool full = false;                  // no run can be started now
  bool postponed = false;             // something that is due was left for later
  bool check_far = true;              // dates may have been made by a clock that was far ahead
  bool far = false;                   // these are looked at now
  int64_t corrected = 0;
  time_point wall{}; // when the clocks were last compared
  std::chrono::steady_clock::time_point steady{};

  std::optional<time_point> next; // when something is due that was not yet
  int64_t timer = 0;
  metric *fired = nullptr, *missed = nullptr, *refused = nullptr;
  histogram* late = nullptr;
};

using clock_pointer = cron_clock_actor::stateful_pointer<cron_clock_state>;

// One cron that is due.
struct firing {
  row_ptr cron;
  std::string owner;
  principal_ptr who;
  std::optional<time_point> next;   // after this firing
  fair_budget::share_ptr room;      // of the owner's memory
  std::shared_ptr<start_run> order; // the run
};
using firing_ptr = std::shared_ptr<firing>;

void look(clock_pointer self);
void read_page(clock_pointer self);

void set_timer(clock_pointer self) {
  auto& s = self->state;
  ++s.timer;
  if (!s.next && !s.postponed)
    return;
  std::chrono::steady_clock::duration wait = longest_wait;
  if (s.next)
    wait = std::clamp<std::chrono::steady_clock::duration>(*s.next - s.clock(), {}, longest_wait);
  if (s.postponed)
    wait = std::min<std::chrono::steady_clock::duration>(wait, pause_when_full);
  remind(self, wait, wake_up{s.timer});
}

void note_next(clock_pointer self, const std::optional<time_point>& at) {
  auto& next = self->state.next;
  if (at && (!next || *at < *next))
    next = at;
}

void finish_looking(clock_pointer self) {
  auto& s = self->state;
  s.looking = false;
  s.last.reset();
  s.check_far |= s.far && s.postponed;
  if (const auto count = std::exchange(s.corrected, 0); count > 0)
    log::warning("cron_dates_corrected",
                 {{"crons", count}, {"hint", "the clock was far ahead when they were made"}});
  if (std::exchange(s.again, false))
    return look(self);
  set_timer(self);
}

void fire(clock_pointer self, const record& head);
void read_far(clock_pointer self);

// Starts as many as may be under way; reads on when all of a page are done.
void go_on(clock_pointer self) {
  auto& s = self->state;
  while (s.full && s.due.pop())
    s.postponed = true;
  while (s.under_way < most_at_once) {
    auto head = s.due.pop();
    if (!head)
      break;
    if (s.without_room.contains(head->owner)) {
      s.postponed = true;
      continue;
    }
    ++s.under_way;
    fire(self, *head);
  }
  if (s.under_way > 0)
    return;
  if (s.more && !s.full)
    return read_page(self);
  if (s.check_far && !s.far && !s.full)
    return read_far(self);
  finish_looking(self);
}

// Those that are not due for long, to see whether that is true.
void read_far(clock_pointer self) {
  auto& s = self->state;
  s.far = true;
  s.check_far = false;
  s.last.emplace();
  s.last->next_at = s.clock() + far_ahead;
  read_page(self);
}

void read_page(clock_pointer self) {
  auto& s = self->state;
  storage::read(
    self, *s.app, next_page{s.last},
    [self](std::vector<record>& rows) {
      auto& s = self->state;
      const auto now = s.clock();
      s.more = static_cast<int64_t>(rows.size()) == page;
      for (auto& row : rows) {
        if (!s.far && *row.next_at > now) { // and so are all after it
          note_next(self, row.next_at);
          s.more = false;
          break;
        }
        s.last = row;
        s.due.push(s.last->tenant, s.last->owner, 1, std::move(row));
      }
      go_on(self);
    },
    [self](const error& why) {
      log::error("crons_not_read", {{"reason", why.message}});
      self->state.postponed = true;
      self->state.more = false;
      go_on(self);
    });
}

void look(clock_pointer self) {
  auto& s = self->state;
  if (s.looking) {
    s.again = true;
    return;
  }
  s.looking = true;
  s.last.reset();
  s.without_room.clear();
  s.full = s.postponed = s.far = false;
  s.next.reset();
  read_page(self);
}

// --- one firing ------------------------------------------------------------------------------

void one_done(clock_pointer self) {
  --self->state.under_way;
  go_on(self);
}

// The cron is left as it is; what is still due is found when it is looked for again.
void changed_meanwhile(clock_pointer self) {
  self->state.again = true;
  one_done(self);
}

void advance(clock_pointer self, const firing_ptr& job, std::string refusal,
             std::function<void()> then) {
  write_records w{{}, {job->cron->tenant, {}, {}}};
  w.what.firings.push_back({job->cron->key(), job->cron->revision, job->next, std::move(refusal)});
  ask(
    self, self->state.app->writer, std::move(w),
    [self, job, then = std::move(then)](written) {
      then();
      note_next(self, job->next);
      one_done(self);
    },
    [self](const error& why) {
      if (why.code == errc::conflict || why.code == errc::not_found)
        return changed_meanwhile(self);
      self->state.full = self->state.postponed = true; // the storage cannot be written
      one_done(self);
    });
}

// Kept, and tried again when it is due next.
void note_refusal(clock_pointer self, const firing_ptr& job, const error& why) {
  const auto& cron = *job->cron;
  auto before = parse_stored_json(cron.refusal.empty() ? "{}" : cron.refusal);
  const auto count =
    before && before->is_object() ? int_or(before->get_object(), "count", 0) + 1 : 1;
  const std::string reason{cut_utf8(why.message, most_of_a_reason)};
  json::object told{{"at", iso8601(self->state.clock())}, {"reason", reason}, {"count", count}};
  advance(self, job, dump(told), [self, job, reason] {
    self->state.refused->add();
    log::warning("cron_refused",
                 {{"cron_id", job->cron->id}, {"tenant", job->cron->tenant}, {"reason", reason}});
  });
}

void note_missed(clock_pointer self, const firing_ptr& job) {
  advance(self, job, job->cron->refusal, [self, job] {
    self->state.missed->add();
    log::warning("cron_missed", {{"cron_id", job->cron->id},
                                 {"tenant", job->cron->tenant},
                                 {"due", iso8601(*job->cron->next_at)}});
  });
}

// No room is no refusal: it stays due.
void on_failed(clock_pointer self, const firing_ptr& job, const error& why) {
  auto& s = self->state;
  switch (why.code) {
  case errc::too_many:
    s.without_room.insert(job->owner);
    s.postponed = true;
    return one_done(self);
  case errc::overloaded:
  case errc::timeout:
    s.full = s.postponed = true;
    return one_done(self);
  default:
    note_refusal(self, job, why);
  }
}

auto or_failed(clock_pointer self, const firing_ptr& job) {
  return [self, job](const error& why) { on_failed(self, job, why); };
}

void start(clock_pointer self, const firing_ptr& job) {
  auto& order = *job->order;
  order.firing = {job->cron->key(), job->cron->revision, job->next, {}};
  order.plan->memory = job->room;
  ask(
    self, self->state.app->scheduler, std::move(order),
    [self, job](run_ref&) {
      auto& s = self->state;
      s.fired->add();
      s.late->observe(std::chrono::duration<double>(s.clock() - *job->cron->next_at).count());
      note_next(self, job->next);
      one_done(self);
    },
    or_failed(self, job));
}

authorize question(const firing_ptr& job, std::string_view action, json::object value) {
  authorize a;
  a.who = job->who;
  a.resource = "threads";
  a.action = action;
  a.value = std::move(value);
  return a;
}

// The strategies `interrupt` and `rollback` end the thread's runs: that needs the right to.
void with_right_to_displace(clock_pointer self, const firing_ptr& job) {
  const auto& plan = *job->order->plan;
  const auto& strategy = plan.multitask_strategy;
  if (job->order->stateless || (strategy != "interrupt" && strategy != "rollback"))
    return start(self, job);
  ask(
    self, self->state.app->authorizer,
    question(job, "update",
             {{"thread_id", plan.thread_id},
              {"action", strategy},
              {"metadata", {{"run_ids", nullptr}, {"status", nullptr}}}}),
    [self, job](grant& g) {
      storage::read(
        self, *self->state.app,
        storage::get_head{{kind::thread, job->who->tenant, job->order->plan->thread_id}},
        [self, job, auth_filter = g.auth_filter](const row_ptr& thread) {
          if (thread && !auth_filter.matches(thread->metadata))
            return note_refusal(self, job, fail(errc::denied, "it may not end the thread's runs"));
          start(self, job);
        },
        or_failed(self, job));
    },
    or_failed(self, job));
}

void on_granted(clock_pointer self, const firing_ptr& job, grant& granted) {
  if (auto ok = take_grant(*job->order, granted, job->cron->parent, *self->state.app->options); !ok)
    return on_failed(self, job, ok.error());
  runs::choose_assistant(
    self, *self->state.app, job->who, std::string(string_or(granted.value, "assistant_id")),
    [self, job](runs::run_assistant chosen) {
      job->order->plan->assistant_id = std::move(chosen.assistant_id);
      job->order->plan->graph_id = std::move(chosen.graph_id);
      job->order->assistant = std::move(chosen.made);
      with_right_to_displace(self, job);
    },
    or_failed(self, job));
}

// The run as its payload describes it.
result<new_run> run_of(const record& cron, const system_options& options) {
  const auto& payload = object_or_empty(cron.doc, "payload");
  auto body = run_body_of(payload, cron.metadata, !cron.parent.empty(),
                          string_or(cron.doc, "on_run_completed"));
  if (const auto* input = member(payload, "input"))
    body["input"] = *input;
  auto run = read_new_run(std::move(body), cron.parent, options);
  if (!run)
    return run;
  auto& configurable = run->value["kwargs"].as_object()["config"].as_object()["configurable"];
  if (!configurable.is_object())
    configurable = json::object{};
  configurable.get_object()["cron_id"] = cron.id;
  return run;
}

void ask_for_run(clock_pointer self, const firing_ptr& job) {
  auto run = run_of(*job->cron, *self->state.app->options);
  if (!run)
    return on_failed(self, job, run.error());
  const auto held = std::max(job->room->size(), held_bytes(run->value));
  if (auto ok = claim(*job->room, held, "runs in memory"); !ok)
    return on_failed(self, job, ok.error());
  job->order = std::move(run->order);
  auto a = question(job, "create_run", std::move(run->value));
  a.may_change = of_new_run;
  ask(
    self, self->state.app->authorizer, std::move(a),
    [self, job](grant& g) { on_granted(self, job, g); }, or_failed(self, job));
}

bool was_missed(const cron_options& options, std::chrono::microseconds late) {
  return late > options.missed_within || (options.missed == missed_firings::skip && late > in_time);
}

// A date is the schedule's next one; if an earlier one is to come even after a day, a clock that
// was far ahead has made it.
void check_date(clock_pointer self, const firing_ptr& job, const row_ptr& row, time_point now) {
  auto times = cron_times::of(row->doc);
  const auto next = times ? times->after(now + far_ahead) : std::nullopt;
  if (!self->state.far || !next || *next >= *row->next_at) {
    note_next(self, row->next_at);
    return one_done(self);
  }
  job->cron = row;
  job->next = times->after(now);
  advance(self, job, row->refusal, [self] { ++self->state.corrected; });
}

void on_cron(clock_pointer self, const firing_ptr& job, const row_ptr& row) {
  auto& s = self->state;
  const auto now = s.clock();
  if (!row || row->status != "enabled" || !row->next_at)
    return one_done(self);
  if (*row->next_at > now)
    return check_date(self, job, row, now);
  job->cron = row;
  job->next = now + pause_when_unreadable;
  auto who = owner_of(row->doc);
  auto times = cron_times::of(row->doc);
  if (!who || !times)
    return note_refusal(self, job, who ? times.error() : who.error());
  const auto& options = s.app->options->crons;
  job->who = std::make_shared<const principal>(std::move(*who));
  job->next = times->after(
    std::max(now, *row->next_at + options.shortest_interval - std::chrono::seconds{1}));
  if (was_missed(options, now - *row->next_at))
    return note_missed(self, job);
  ask_for_run(self, job);
}

void fire(clock_pointer self, const record& head) {
  auto& s = self->state;
  auto job = std::make_shared<firing>();
  job->owner = head.owner;
  job->room = s.app->memory.open(head.tenant, head.owner);
  storage::read(
    self, *s.app, storage::get_record{head.key(), job->room},
    [self, job](const row_ptr& row) { on_cron(self, job, row); },
    [self, job](const error& why) {
      if (why.kind == unreadable_record) { // which the log has; the others of its owner go on
        note_next(self, self->state.clock() + pause_when_unreadable);
        return one_done(self);
      }
      if (why.code != errc::too_many)
        log::error("cron_not_read", {{"reason", why.message}});
      self->state.without_room.insert(job->owner);
      self->state.postponed = true;
      one_done(self);
    });
}

// --- time ------------------------------------------------------------------------------------

void on_set(clock_pointer self, const cron_set& m) {
  auto& s = self->state;
  if (s.looking)
    s.again = true;
  else if (!s.next || m.due < *s.next) {
    s.next = m.due;
    set_timer(self);
  }
}

// By more than dates may be ahead, since this was asked last.
bool was_set_back(clock_pointer self) {
  auto& s = self->state;
  const auto wall = s.clock();
  const auto steady = self->clock().now();
  const auto back = (steady - s.steady) - (wall - s.wall);
  s.wall = wall;
  s.steady = steady;
  return back > far_ahead;
}

void on_timer(clock_pointer self, const wake_up& m) {
  auto& s = self->state;
  if (m.generation != s.timer || s.looking)
    return;
  if (was_set_back(self))
    s.check_far = true;
  else if (!s.postponed && s.next && s.clock() < *s.next)
    return set_timer(self);
  look(self);
}

cron_clock_actor::behavior_type cron_clock_behavior(clock_pointer self, app_ptr app,
                                                    std::function<time_point()> clock) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.app = std::move(app);
  s.clock = std::move(clock);
  auto& m = s.app->meters;
  s.fired = &m.counter("behalf_crons_fired_total", "Runs started by crons");
  s.missed = &m.counter("behalf_crons_missed_total", "Firings of crons that came too late");
  s.refused = &m.counter("behalf_crons_refused_total", "Firings of crons that were refused");
  s.late = &m.duration("behalf_cron_late_seconds", "Time from when a cron was due to its run");
  was_set_back(self);
  look(self);
  return {
    [self](const cron_set& m) { on_set(self, m); },
    [self](const wake_up& m) { on_timer(self, m); },
  };
}

} // namespace

cron_clock_actor spawn_cron_clock(caf::actor_system& sys, app_ptr app,
                                  std::function<time_point()> clock) {
  return sys.spawn(cron_clock_behavior, std::move(app), std::move(clock));
}

} // namespace behalf::endpoints
