// Calls clients' webhooks when their runs are over. A call is stored with its run's end and erased
// when it was taken: it survives the process, and may be made twice.
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/webhook_call.hpp"
#include "actors/runs/webhook_queue.hpp"
#include "actors/runs/webhook_url.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/storage.hpp"
#include "secrets/secret_call.hpp"
#include "secrets/webhook_secrets.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace behalf::runs {
namespace {

constexpr int64_t page_size = 500;
constexpr std::chrono::seconds longest_pause{3600};
constexpr unsigned gone = 410; // its owner wants no more calls
// While the storage cannot be read or written.
constexpr std::chrono::seconds storage_pause{5};
constexpr int64_t read_again = -1; // no generation: what is stored was not read

struct read_calls {
  std::optional<record> after;
  result<std::vector<record>> operator()(storage_reader& db) const {
    return db.webhook_calls(after ? &*after : nullptr, page_size);
  }
};

struct webhook_caller_state {
  static inline const char* name = "webhook-caller";
  webhook_caller_state() = default;
  app_ptr app;
  http_client_actor http;
  std::shared_ptr<const webhook_secrets> secrets;
  webhook_queue queue;
  int64_t generation = 0; // of the wake_up that counts
  metric *waiting = nullptr, *taken = nullptr, *failed = nullptr, *given_up = nullptr;
};

using caller_pointer = webhook_caller_actor::stateful_pointer<webhook_caller_state>;
using storage::row_ptr;

void make_due_calls(caller_pointer self);

const webhook_options& options_of(caller_pointer self) {
  return self->state.app->options->webhooks;
}

// Three times as long after each try; up to a fifth more, so that calls that failed together are
// not all made again together.
std::chrono::milliseconds pause_after(int tries, const std::string& run_id,
                                      const webhook_options& options) {
  auto pause = options.first_pause;
  for (int i = 1; i < tries && pause < longest_pause; ++i)
    pause *= 3;
  pause = std::min<std::chrono::milliseconds>(pause, longest_pause);
  return pause + pause * static_cast<int>(std::hash<std::string>{}(run_id) % 20) / 100;
}

// Only the host: the rest of a URL may be confidential.
std::string host_of(const row_ptr& row) {
  auto url = check_url(string_or(row->doc, "url"));
  return url ? url->where.text() : std::string{};
}

void over(caller_pointer self, const waiting_call& call) {
  self->state.queue.over(call);
  make_due_calls(self);
}

void later(caller_pointer self, const waiting_call& call, std::chrono::milliseconds pause) {
  self->state.queue.over(call);
  self->state.queue.add(call, self->clock().now() + pause);
  make_due_calls(self);
}

void erase(caller_pointer self, const waiting_call& call) {
  write_records erasing;
  erasing.what.erases.push_back({{kind::webhook_call, call.tenant, call.run_id}});
  ask(
    self, self->state.app->writer, std::move(erasing), [self, call](written) { over(self, call); },
    [self, call](const error& why) { // or it would be made again after the next start
      if (!call.over)
        log::warning("webhook_not_erased", {{"run_id", call.run_id}, {"reason", why.message}});
      auto rest = call;
      rest.over = true;
      later(self, rest, storage_pause);
    });
}

void give_up(caller_pointer self, const waiting_call& call, const row_ptr& row,
             std::string_view why) {
  self->state.given_up->add();
  log::warning("webhook_given_up", {{"run_id", call.run_id},
                                    {"tenant", call.tenant},
                                    {"host", host_of(row)},
                                    {"tries", tries_of(*row) + 1},
                                    {"reason", why}});
  erase(self, call);
}

void try_later(caller_pointer self, const waiting_call& call, const row_ptr& row,
               std::string_view why) {
  auto& s = self->state;
  s.failed->add();
  const auto tries = tries_of(*row) + 1;
  if (tries >= options_of(self).max_tries)
    return give_up(self, call, row, why);
  const auto pause = pause_after(tries, call.run_id, options_of(self));
  log::info("webhook_failed",
            {{"run_id", call.run_id}, {"host", host_of(row)}, {"tries", tries}, {"reason", why}});
  write_records again;
  again.what.puts.push_back({tried_again(*row, now() + pause), row->revision});
  // Not stored: the try is not counted, but made again all the same.
  ask(
    self, s.app->writer, std::move(again),
    [self, call, pause](written) { later(self, call, pause); },
    [self, call, pause](const error&) { later(self, call, pause); });
}

result<wire_request> to_request(caller_pointer self, const waiting_call& call, const row_ptr& row) {
  const auto& options = options_of(self);
  const auto& secrets = *self->state.secrets;
  auto message = message_of(*row);
  if (!message)
    return message.error();
  if (auto ok = check_webhook(message->url, options); !ok) // the rules may be others by now
    return ok.error();
  auto url = check_url(message->url);
  if (!url)
    return url.error();
  const auto sent_at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  secret_call out;
  out.method = "POST";
  out.url = std::move(message->url);
  out.timeout = options.timeout;
  out.headers = {{"Content-Type", "application/json"},
                 {"webhook-id", call.run_id},
                 {"webhook-timestamp", std::to_string(sent_at)}};
  if (!secrets.keys.empty())
    out.headers.emplace_back("webhook-signature",
                             webhook_signature(secrets.keys, call.run_id, sent_at, message->body));
  out.secret_headers = secrets.headers;
  auto wire = to_wire(out, policy_of(*url, options), "webhook\n" + call.tenant + '\n' + call.user);
  if (!wire)
    return wire.error();
  wire->call.body = std::move(message->body);
  wire->call.stream = true; // only the reply's status matters
  wire->secret_reply = nullptr;
  return wire;
}

void on_reply(caller_pointer self, const waiting_call& call, const row_ptr& row,
              const outbound_reply& reply) {
  auto& s = self->state;
  if (reply.stream_id != 0)
    tell(s.http, wire_cancel{0, reply.stream_id});
  if (reply.status >= 200 && reply.status < 300) {
    s.taken->add();
    return erase(self, call);
  }
  auto why = "status " + std::to_string(reply.status);
  if (reply.status == gone)
    give_up(self, call, row, why);
  else
    try_later(self, call, row, why);
}

void make_call(caller_pointer self, const waiting_call& call) {
  if (call.over)
    return erase(self, call);
  storage::read(
    self, *self->state.app, storage::get_record{{kind::webhook_call, call.tenant, call.run_id}},
    [self, call](const row_ptr& row) {
      if (!row)
        return over(self, call);
      auto wire = to_request(self, call, row);
      if (!wire)
        return give_up(self, call, row, wire.error().message);
      const auto by = std::chrono::steady_clock::now() + options_of(self).timeout;
      ask(
        self, self->state.http, wire_call{std::make_shared<wire_request>(std::move(*wire)), by},
        [self, call, row](outbound_reply& reply) { on_reply(self, call, row, reply); },
        [self, call, row](const error& why) { try_later(self, call, row, why.message); });
    },
    [self, call](const error& why) {
      log::error("webhook_not_read", {{"run_id", call.run_id}, {"reason", why.message}});
      const auto may_pass = why.code == errc::overloaded || why.code == errc::timeout;
      later(self, call, may_pass ? storage_pause : longest_pause);
    });
}

// A page of the calls that an earlier process left, or that there was no room for.
void read_page(caller_pointer self, std::optional<record> after) {
  storage::read(
    self, *self->state.app, read_calls{std::move(after)},
    [self](const std::vector<record>& rows) {
      const auto wall = now();
      for (const auto& row : rows) {
        auto wait =
          std::clamp<std::chrono::nanoseconds>(row.updated_at - wall, std::chrono::nanoseconds{0},
                                               2 * longest_pause); // clocks are set back
        self->state.queue.add({row.tenant, row.id, user_of(row)}, self->clock().now() + wait);
      }
      if (std::cmp_equal(rows.size(), page_size))
        read_page(self, rows.back());
      make_due_calls(self);
    },
    [self](const error& why) {
      log::error("webhooks_not_read", {{"reason", why.message}});
      remind(self, storage_pause, wake_up{read_again});
    });
}

void make_due_calls(caller_pointer self) {
  auto& s = self->state;
  for (const auto& call : s.queue.take_due(self->clock().now()))
    make_call(self, call);
  if (s.queue.wants_more())
    read_page(self, std::nullopt);
  s.waiting->set(static_cast<int64_t>(s.queue.size()));
  ++s.generation;
  if (auto due = s.queue.next_due())
    remind(
      self,
      std::max<std::chrono::nanoseconds>(*due - self->clock().now(), std::chrono::milliseconds{1}),
      wake_up{s.generation});
}

webhook_caller_actor::behavior_type
caller_behavior(caller_pointer self, app_ptr app, http_client_actor http,
                std::shared_ptr<const webhook_secrets> secrets) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.app = std::move(app);
  s.http = std::move(http);
  s.secrets = std::move(secrets);
  s.queue = webhook_queue{options_of(self)};
  auto& all = s.app->meters;
  const auto counter = [&all](const char* outcome) {
    return &all.counter("behalf_webhook_tries_total", "Calls to webhooks by how they ended",
                        {{"outcome", outcome}});
  };
  s.waiting = &all.gauge("behalf_webhooks_waiting", "Calls to webhooks that are still to be made");
  s.taken = counter("taken");
  s.failed = counter("failed");
  s.given_up =
    &all.counter("behalf_webhooks_given_up_total", "Calls to webhooks that are not made any more");
  read_page(self, std::nullopt);
  return {
    [self](webhook_due& m) {
      self->state.queue.add({m.who.tenant, std::move(m.run_id), m.who.text()}, self->clock().now());
      make_due_calls(self);
    },
    [self](const wake_up& m) {
      if (m.generation == read_again)
        read_page(self, std::nullopt);
      else if (m.generation == self->state.generation)
        make_due_calls(self);
    },
  };
}

} // namespace

webhook_caller_actor spawn_webhook_caller(caf::actor_system& sys, app_ptr app,
                                          http_client_actor http, webhook_secrets secrets) {
  return sys.spawn(caller_behavior, std::move(app), std::move(http),
                   std::make_shared<const webhook_secrets>(std::move(secrets)));
}

} // namespace behalf::runs
