// Makes the vectors of items that are stored without: reads those that wait, of all who put some as
// many as of the others, asks the endpoint for a batch at a time, and stores what it answers. While
// the endpoint does not answer they wait, across restarts too. It also makes the vectors of
// queries, for which nobody waits that long.
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/reads.hpp"
#include "actors/storage/spawn.hpp"
#include "connectors/embeddings.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/storage/item_texts.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/vector_index.hpp"
#include "runtime/storage/vector_rows.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>
#include <optional>

namespace behalf::storage {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_texts = most_texts_of_item; // of one call
constexpr std::size_t most_text_of_call = 512 * 1024;
constexpr int64_t items_at_once = 64;
constexpr std::size_t bytes_at_once = 1 << 20; // of the items' documents
constexpr auto most_waiting_for_an_item = 2s;  // of who put it
constexpr std::size_t most_waiting = 10'000;
constexpr std::chrono::milliseconds first_pause = 500ms, longest_pause = 60s;
constexpr auto storage_pause = 5s;   // while it cannot be read or written
constexpr auto between_counts = 10s; // of all that wait: the more they are the longer it takes

// Who wants to know when an item is embedded.
struct waiting_put {
  record_key item;
  deadline until;
  promise_of<item_embedded> promise;
};

struct waiting_items {
  std::vector<unembedded_item> next; // some of them
  std::optional<int64_t> count = {};
};

// Items whose texts are in one call.
struct embedding_batch {
  std::vector<unembedded_item> items;
  std::vector<std::size_t> texts_of; // how many of the texts are each one's
  std::vector<std::string> texts;
};
using batch_ptr = std::shared_ptr<embedding_batch>;

using on_vectors = std::function<void(std::vector<embedding>)>;
using on_failure = std::function<void(const error&)>;

struct embedder_state {
  static inline const char* name = "embedder";
  embedder_state() = default;

  app_ptr app;
  std::shared_ptr<const service_options> endpoint;
  principal_ptr operators =
    std::make_shared<const principal>(principal{"behalf", "behalf", "store", {}, {}, {}, {}});
  uint64_t calls = 0;
  embedding_turn after;       // of the item that had the last one
  bool busy = false;          // a batch is under way
  bool again = false;         // some may wait that were not seen
  std::size_t one_by_one = 0; // so many: the endpoint refused a batch, and which of its items?
  bool answered = false;      // the endpoint, since the start
  int failures = 0;           // in a row
  deadline not_before{};      // the endpoint is left alone until then
  deadline storage_back{};    // and what waits, until the storage may work again
  deadline next_count{};      // of all that wait
  int64_t timer = 0;          // generation
  std::deque<waiting_put> waiting;
  metric *embedded = nullptr, *refused = nullptr, *failed = nullptr, *to_embed = nullptr;
};

using embedder_pointer = embedder_actor::stateful_pointer<embedder_state>;

// --- calls -------------------------------------------------------------------------------------

void send(embedder_pointer self, const std::string& call_id, sealed_handle handle,
          std::vector<std::string> texts, on_vectors done, on_failure failed) {
  auto& s = self->state;
  const auto& index = *s.app->options->store.index;
  egress_call out;
  out.call = embeddings_call(*s.endpoint, std::move(handle), index.model, texts);
  out.who = s.operators;
  out.run_id = call_id;
  auto closed = [self, call_id] {
    if (self->state.endpoint->takes_credential())
      tell(self->state.app->secrets, close_leases{call_id});
  };
  ask(
    self, s.app->egress, std::move(out),
    [closed, done, failed, count = texts.size(), dims = index.dims](const outbound_reply& reply) {
      closed();
      auto vectors = read_embeddings(reply, count, dims);
      if (vectors)
        done(std::move(*vectors));
      else
        failed(vectors.error());
    },
    [closed, failed](const error& why) {
      closed();
      failed(why);
    });
}

// One call on the endpoint, with the operator's key where it takes one.
void call(embedder_pointer self, std::vector<std::string> texts, on_vectors done,
          on_failure failed) {
  auto& s = self->state;
  auto call_id = "store-index-" + std::to_string(++s.calls);
  if (!s.endpoint->takes_credential())
    return send(self, call_id, {}, std::move(texts), std::move(done), std::move(failed));
  ask(
    self, s.app->secrets, open_leases{s.operators, call_id, nullptr, nullptr},
    [self, call_id, texts, done, failed](run_handles& handles) {
      sealed_handle handle;
      for (auto& [service, one] : handles.by_service)
        if (service == self->state.endpoint->name)
          handle = std::move(one);
      send(self, call_id, std::move(handle), texts, done, failed);
    },
    failed);
}

// --- the endpoint's state ------------------------------------------------------------------------

void pump(embedder_pointer self);

void release(waiting_put& w) {
  w.promise.deliver(item_embedded{});
}

void release_all(embedder_pointer self) {
  for (auto& w : std::exchange(self->state.waiting, {}))
    release(w);
}

// The endpoint answered.
void note_success(embedder_pointer self) {
  auto& s = self->state;
  if (std::exchange(s.failures, 0) > 0)
    log::info("embeddings_endpoint_answers_again");
  s.answered = true;
  s.not_before = {};
}

deadline next_try(const embedder_state& s) {
  return std::max(s.not_before, s.storage_back);
}

// What waits is gone on with when endpoint and storage may work again.
void wait_for_both(embedder_pointer self) {
  remind(self, next_try(self->state) - self->clock().now(), wake_up{++self->state.timer});
  release_all(self); // their items are stored, and wait
}

// It did not: it is left alone for a while, as long as it says.
void note_failure(embedder_pointer self, const error& why) {
  auto& s = self->state;
  s.failed->add();
  if (s.failures++ == 0)
    log::error("embeddings_endpoint_fails", {{"reason", why.message}});
  auto pause = std::min(longest_pause, first_pause * (1 << std::min(s.failures - 1, 10)));
  for (const auto& [name, value] : why.headers)
    if (auto said = retry_after({{name, value}}))
      pause = std::max<std::chrono::milliseconds>(pause, *said);
  s.not_before = self->clock().now() + pause;
  wait_for_both(self);
}

// The storage says in the log what is wrong with it. Queries are answered meanwhile.
void note_storage_failure(embedder_pointer self) {
  self->state.storage_back = self->clock().now() + storage_pause;
  wait_for_both(self);
}

error unavailable(embedder_pointer self) {
  const auto left =
    std::chrono::ceil<std::chrono::seconds>(self->state.not_before - self->clock().now());
  return fail(errc::overloaded,
              "the embeddings endpoint does not answer, so a search by 'query' is not possible now",
              "Retry-After", std::to_string(std::max<int64_t>(1, left.count())));
}

// --- items that wait -----------------------------------------------------------------------------

bool same(const record_key& a, const record_key& b) {
  return a.tenant == b.tenant && a.parent == b.parent && a.id == b.id;
}

embedding_turn turn_of(const unembedded_item& item) {
  return {item.owner, item.number};
}

void go_on(embedder_pointer self) {
  self->state.busy = false;
  pump(self);
}

void store(embedder_pointer self, const batch_ptr& batch, std::vector<embedding> vectors) {
  auto& s = self->state;
  write_batch what;
  auto next = vectors.begin();
  for (std::size_t i = 0; i < batch->items.size(); ++i) {
    const auto& row = batch->items[i].row;
    const auto count = static_cast<std::ptrdiff_t>(batch->texts_of[i]);
    what.vectors.push_back(
      {row.key(),
       row.revision,
       {std::make_move_iterator(next), std::make_move_iterator(next + count)}});
    next += count;
  }
  ask(
    self, s.app->writer, write_records{std::move(what)},
    [self, batch](written) {
      auto& s = self->state;
      s.after = turn_of(batch->items.back());
      s.embedded->add(static_cast<double>(batch->items.size()));
      s.to_embed->add(-static_cast<double>(batch->items.size()));
      for (const auto& item : batch->items)
        std::erase_if(s.waiting, [&](waiting_put& w) {
          const auto done = same(w.item, item.row.key());
          if (done)
            release(w);
          return done;
        });
      go_on(self);
    },
    [self](const error&) {
      self->state.busy = false;
      note_storage_failure(self);
    });
}

// The endpoint does not take these texts, and never will: the item is found by no query.
void refuse_item(embedder_pointer self, const batch_ptr& batch, const error& why) {
  self->state.refused->add();
  log::warning("item_not_embedded", {{"reason", why.message}});
  batch->texts_of = {0};
  store(self, batch, {});
}

void on_failed_batch(embedder_pointer self, const batch_ptr& batch, const error& why) {
  auto& s = self->state;
  if (why.code != errc::invalid_argument) {
    note_failure(self, why);
    s.busy = false;
    return;
  }
  if (batch->items.size() > 1) {
    s.one_by_one = batch->items.size();
    return go_on(self);
  }
  if (s.answered)
    return refuse_item(self, batch, why);
  // It has taken no text at all yet: a wrong model, perhaps. The item goes on waiting.
  note_failure(self, why);
  s.after = turn_of(batch->items.front());
  s.again = true;
  s.busy = false;
}

// As many of the items as fit into one call.
batch_ptr make_batch(embedder_state& s, std::vector<unembedded_item> items) {
  const auto alone = s.one_by_one > 0;
  s.one_by_one -= alone ? 1 : 0;
  auto batch = std::make_shared<embedding_batch>();
  std::size_t bytes = 0;
  for (auto& item : items) {
    auto texts = texts_of(item.row, s.app->options->store.index->fields);
    for (const auto& text : texts)
      bytes += text.size();
    const auto full = batch->texts.size() + texts.size() > most_texts || bytes > most_text_of_call;
    if (!batch->items.empty() && (full || alone))
      break;
    batch->texts_of.push_back(texts.size());
    std::move(texts.begin(), texts.end(), std::back_inserter(batch->texts));
    batch->items.push_back(std::move(item));
  }
  return batch;
}

void embed(embedder_pointer self, std::vector<unembedded_item> items) {
  auto& s = self->state;
  if (items.empty()) {
    s.busy = false;
    if (s.again)
      pump(self);
    return;
  }
  auto batch = make_batch(s, std::move(items));
  if (batch->texts.empty())
    return store(self, batch, {});
  call(
    self, batch->texts,
    [self, batch](std::vector<embedding> vectors) {
      note_success(self);
      store(self, batch, std::move(vectors));
    },
    [self, batch](const error& why) { on_failed_batch(self, batch, why); });
}

struct read_waiting {
  embedding_turn after;
  bool count;
  result<waiting_items> operator()(storage_reader& db) const {
    auto next = db.vectors().to_embed(after, items_at_once, bytes_at_once);
    if (!next)
      return next.error();
    waiting_items found{std::move(*next)};
    if (count || found.next.empty()) {
      auto all = db.vectors().count_to_embed();
      if (!all)
        return all.error();
      found.count = *all;
    }
    return found;
  }
};

// Goes on with what waits, unless that is under way or the endpoint is left alone.
void pump(embedder_pointer self) {
  auto& s = self->state;
  if (s.busy || self->clock().now() < next_try(s))
    return;
  s.busy = true;
  s.again = false;
  const auto count = self->clock().now() >= s.next_count;
  if (count)
    s.next_count = self->clock().now() + between_counts;
  read_in_turn(
    self, *s.app, queue_read{{}, s.operators->key(), 10}, read_waiting{s.after, count},
    [self](waiting_items& items) {
      if (items.count)
        self->state.to_embed->set(static_cast<double>(*items.count));
      embed(self, std::move(items.next));
    },
    [self](const error&) {
      self->state.busy = false;
      note_storage_failure(self);
    });
}

// --- messages ------------------------------------------------------------------------------------

caf::result<item_embedded> embed_soon(embedder_pointer self, embed_item& m) {
  auto& s = self->state;
  s.again = true;
  s.to_embed->add();
  if (self->clock().now() < next_try(s) || s.waiting.size() >= most_waiting) {
    pump(self);
    return item_embedded{};
  }
  promise_of<item_embedded> promise{self};
  s.waiting.push_back({std::move(m.item), self->clock().now() + most_waiting_for_an_item, promise});
  if (s.waiting.size() == 1)
    remind(self, most_waiting_for_an_item, wake_up{});
  pump(self);
  return promise;
}

caf::result<query_vector> embed_text(embedder_pointer self, embed_query& m) {
  if (self->clock().now() < self->state.not_before)
    return to_caf(unavailable(self));
  promise_of<query_vector> promise{self};
  call(
    self, {embeddable(m.text)},
    [self, promise](std::vector<embedding> vectors) {
      note_success(self);
      promise.deliver(query_vector{std::move(vectors.front())});
    },
    [self, promise](const error& why) {
      if (why.code == errc::invalid_argument)
        return promise.deliver(fail(errc::invalid_argument, "query: " + why.message));
      note_failure(self, why);
      promise.deliver(unavailable(self));
    });
  return promise;
}

// A pause is over (a generation), or some have waited long enough (none).
void wake(embedder_pointer self, const wake_up& m) {
  auto& s = self->state;
  if (m.generation != 0) {
    if (m.generation == s.timer)
      pump(self);
    return;
  }
  const auto now = self->clock().now();
  for (; !s.waiting.empty() && s.waiting.front().until <= now; s.waiting.pop_front())
    release(s.waiting.front());
  if (!s.waiting.empty())
    remind(self, s.waiting.front().until - now, wake_up{});
}

embedder_actor::behavior_type embedder_behavior(embedder_pointer self, app_ptr app) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.endpoint = app->services->find(embeddings_service);
  s.embedded =
    &app->meters.counter("behalf_items_embedded_total", "Items whose vectors were stored");
  s.refused = &app->meters.counter("behalf_items_not_embedded_total",
                                   "Items whose text the embeddings endpoint refuses");
  s.failed = &app->meters.counter("behalf_embeddings_failed_total",
                                  "Calls on the embeddings endpoint that failed");
  s.to_embed =
    &app->meters.gauge("behalf_items_to_embed", "Items whose vectors are still to be made");
  s.app = std::move(app);
  s.again = true; // what waited when the last process ended
  pump(self);
  return {
    [self](embed_item& m) { return embed_soon(self, m); },
    [self](embed_query& m) { return embed_text(self, m); },
    [self](const wake_up& m) { wake(self, m); },
  };
}

// --- the graph -----------------------------------------------------------------------------------

struct graph_builder_state {
  static inline const char* name = "graph-builder";
  graph_builder_state() = default;
  std::vector<std::weak_ptr<vector_index>> under_way;
};

using builder_pointer = graph_builder_actor::stateful_pointer<graph_builder_state>;

// Some vectors of each, then others' messages.
void build_some(builder_pointer self) {
  constexpr int vectors = 50;
  auto& all = self->state.under_way;
  std::erase_if(all, [](const std::weak_ptr<vector_index>& one) {
    auto index = one.lock();
    bool more = index != nullptr;
    for (int i = 0; more && i < vectors; ++i)
      more = index->build();
    return !more;
  });
  if (!all.empty())
    tell(self, flush_group{});
}

graph_builder_actor::behavior_type builder_behavior(builder_pointer self) {
  install_fault_handlers(self);
  return {
    [self](const build_graph& m) {
      auto& all = self->state.under_way;
      auto index = m.index.lock();
      if (std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.lock() == index; }))
        return;
      all.push_back(m.index);
      if (all.size() == 1)
        tell(self, flush_group{});
    },
    [self](flush_group) { build_some(self); },
  };
}

} // namespace

embedder_actor spawn_embedder(caf::actor_system& sys, app_ptr app) {
  return sys.spawn(embedder_behavior, std::move(app));
}

graph_builder_actor spawn_graph_builder(caf::actor_system& sys, bool in_background) {
  return in_background ? sys.spawn<caf::detached>(builder_behavior) : sys.spawn(builder_behavior);
}

} // namespace behalf::storage
