// One execution of one node: runs its machine turn by turn and carries out what it asks for. The
// node sees handles and replies, never credentials.
#include "actors/admission/messages.hpp"
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/stream_reader.hpp"
#include "actors/runs/run_visible_error.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/step.hpp"
#include "actors/storage/item_access.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/similar.hpp"
#include "actors/threads/reply_loop.hpp"
#include "actors/threads/thread_pool.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/item_rules.hpp"

#include <boost/container/deque.hpp>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <chrono>
#include <map>

namespace behalf::runs {
namespace {

// The machine and what its turns need. Shared: a turn on a blocking thread may outlive its actor,
// and keeps the run's slot until it returns.
struct node_execution {
  std::shared_ptr<const node_definition> what;
  state_view input;
  context ctx;
  stop_flag stopped;
  slot_lease_ptr lease;
  std::unique_ptr<node> machine = nullptr;

  /// Starts the machine with the input, or resumes it with a reply.
  turn give_turn(std::optional<threads::ask_reply> reply) {
    try {
      if (reply)
        return machine->resume(reply->ask_id, std::move(reply->reply));
      machine = what->make();
      return machine->start({input, ctx});
    } catch (...) {
      return node_result{current_exception_error()};
    }
  }
};

// One thing the node waits for.
struct pending_ask {
  std::unique_ptr<connector> call = nullptr;       // a service call
  std::string service = {};                        // of the call
  std::chrono::milliseconds left{0};               // time left of a sleep
  bool subgraph = false;                           // a graph runs
  uint64_t stream = 0;                             // being read
  std::shared_ptr<stream_reader> reader = nullptr; // of the reply's body
  stop_flag taken_back = nullptr;                  // of what egress was asked for it
  stop_flag sent = nullptr;                        // is set once its request was written
};

struct graph_node_state {
  static inline const char* name = "graph-node";
  graph_node_state() = default;

  app_ptr app;
  step what;
  std::shared_ptr<node_execution> execution;
  threads::reply_loop replies;
  std::map<uint64_t, pending_ask> pending; // under way, by the number of the ask
  // Waits until fewer are under way. An empty one takes no memory, unlike the standard's.
  boost::container::deque<asked_effect> queued;
  bool asking = false; // ask_next is running
  // Open; closed when the node ends. Null: egress is asked for each part.
  std::map<uint64_t, std::shared_ptr<stream_reader>> streams;
  // What it asks for waits for what led to it (stream_item::kind::once), and that is stored.
  std::shared_ptr<std::atomic<bool>> once = std::make_shared<std::atomic<bool>>(false);
  bool settled = false;
};

using node_pointer = graph_node_actor::stateful_pointer<graph_node_state>;

// At most so many asks of one node are under way.
constexpr std::size_t most_pending = 64;
// The number of a wake_up that continues with replies that are left; others are an ask's number.
constexpr int64_t replies_left = -1;

void take_turn(node_pointer self, turn now);
void ask_next(node_pointer self);

// Cancels what the node leaves under way: a question of one coroutine ends it beside the calls of
// others, which it makes again when it is answered.
void cut_rest(node_pointer self) {
  auto& s = self->state;
  if (s.pending.empty() && s.streams.empty())
    return;
  s.what.stopped->store(true, std::memory_order_relaxed);
  if (s.app->egress)
    tell(s.app->egress, cut_calls{s.what.run->run_id});
}

void finish(node_pointer self, node_result outcome) {
  auto& s = self->state;
  s.replies.end();
  cut_rest(self);
  s.pending.clear();
  s.queued.clear();
  s.execution->lease.reset(); // before the supervisor is told: the run may end there
  tell(s.what.supervisor, task_finished{s.what.task.this_attempt(),
                                        std::make_shared<node_result>(std::move(outcome))});
  self->quit();
}

void give_turn_elsewhere(node_pointer self, std::optional<threads::ask_reply> reply) {
  auto& s = self->state;
  s.replies.away();
  auto given = std::make_shared<std::optional<threads::ask_reply>>(std::move(reply));
  auto work = [execution = s.execution, given, me = graph_node_actor{self}] {
    if (execution->stopped->load(std::memory_order_relaxed))
      return;
    tell(me, turn_taken{std::make_shared<turn>(execution->give_turn(std::move(*given)))});
  };
  s.app->run_blocking(s.what.who->key(), *s.what.work, std::move(work));
}

// nullopt: the turn was handed to another thread.
std::optional<turn> next_turn(node_pointer self, std::optional<threads::ask_reply> reply) {
  auto& s = self->state;
  auto may_hold = s.execution->what->options.blocking || s.what.work->may_hold_a_thread();
  if (may_hold && s.app->run_blocking) {
    give_turn_elsewhere(self, std::move(reply));
    return std::nullopt;
  }
  threads::doing(*s.what.work);
  return s.execution->give_turn(std::move(reply));
}

void go_on(node_pointer self) {
  auto turn = [self](threads::ask_reply answer) {
    if (auto taken = next_turn(self, std::move(answer)))
      take_turn(self, std::move(*taken));
  };
  if (self->state.replies.run(turn))
    tell(self, wake_up{replies_left});
}

void resume(node_pointer self, uint64_t ask_id, effect_reply reply) {
  auto& s = self->state;
  if (s.pending.erase(ask_id) == 0) // taken back
    return;
  s.replies.add({ask_id, std::move(reply)});
  ask_next(self);
}

void close_one(node_pointer self, uint64_t stream_id) {
  auto& s = self->state;
  s.streams.erase(stream_id);
  tell(s.app->egress, egress_close{stream_id, s.what.run->run_id});
}

auto or_resume(node_pointer self, uint64_t ask_id) {
  return [self, ask_id](error why) {
    resume(self, ask_id,
           effect_reply{run_visible_error(std::move(why), self->state.what.run->run_id)});
  };
}

// Emits to the run's stream.
auto emitter_of(const step& what) {
  return [to = what.supervisor, by = what.task.this_attempt()](stream_item item) {
    tell(to, task_event{by, std::make_shared<stream_item>(std::move(item))});
  };
}

// --- services ----------------------------------------------------------------------------------

void drive(node_pointer self, uint64_t ask_id, connector::step next);

// Null: the ask is over.
connector* call_of(node_pointer self, uint64_t ask_id) {
  auto at = self->state.pending.find(ask_id);
  return at == self->state.pending.end() ? nullptr : at->second.call.get();
}

// Does the next step of a call that is still under way.
template <class Step>
void step_call(node_pointer self, uint64_t ask_id, Step step) {
  if (auto* call = call_of(self, ask_id))
    drive(self, ask_id, step(*call));
}

// Empty: the service takes no credential.
sealed_handle handle_for(node_pointer self, const std::string& name) {
  for (const auto& [service, handle] : *self->state.what.handles)
    if (service == name)
      return handle;
  return {};
}

void send_out(node_pointer self, uint64_t ask_id, outbound_call call) {
  auto& s = self->state;
  egress_call out{std::move(call), s.what.who, s.what.run->run_id, s.what.run->thread_id};
  out.stopped = s.what.stopped;
  auto& mine = s.pending.at(ask_id);
  if (auto told = mine.call->cancellation())
    out.cancellation = std::make_shared<const outbound_call>(std::move(*told));
  if (!mine.taken_back)
    mine.taken_back = std::make_shared<std::atomic<bool>>(false);
  out.taken_back = mine.taken_back;
  out.sent = mine.sent;
  if (out.call.stream)
    out.reader = mine.reader = std::make_shared<stream_reader>();
  ask(
    self, s.app->egress, std::move(out),
    [self, ask_id](outbound_reply& r) {
      if (r.stream_id != 0 && !call_of(self, ask_id))
        return close_one(self, r.stream_id);
      step_call(self, ask_id, [&](connector& c) { return c.resume(std::move(r)); });
    },
    [self, ask_id](error why) {
      auto failed = run_visible_error(std::move(why), self->state.what.run->run_id);
      step_call(self, ask_id, [&](connector& c) { return c.resume(std::move(failed)); });
    });
}

void pull(node_pointer self, uint64_t ask_id, uint64_t stream_id) {
  ask(
    self, self->state.app->egress, egress_read{stream_id, self->state.what.run->run_id},
    [self, ask_id](outbound_chunk& chunk) {
      step_call(self, ask_id, [&](connector& c) { return c.resume_chunk(std::move(chunk)); });
    },
    [self, ask_id](error why) {
      auto failed = run_visible_error(std::move(why), self->state.what.run->run_id);
      step_call(self, ask_id, [&](connector& c) { return c.resume_chunk(std::move(failed)); });
    });
}

void proceed(node_pointer self, uint64_t ask_id) {
  step_call(self, ask_id, [](connector& c) { return c.proceed(); });
}

void use_session(node_pointer self, uint64_t ask_id, mcp_session session) {
  auto& s = self->state;
  if (!s.app->mcp)
    return proceed(self, ask_id);
  const auto& run = *s.what.run;
  const auto& service = s.pending.at(ask_id).service;
  ask(
    self, s.app->mcp,
    session_used{s.what.who, run.run_id, run.thread_id, handle_for(self, service), service,
                 std::move(session), s.what.stopped},
    [self, ask_id](session_ready) { proceed(self, ask_id); },
    [self, ask_id](const error&) { proceed(self, ask_id); });
}

// Does a step that needs no reply; false for others.
bool done_at_once(node_pointer self, connector::step& next) {
  if (auto* close = std::get_if<connector::close_stream>(&next))
    close_one(self, close->stream_id);
  else if (auto* said = std::get_if<connector::emit>(&next))
    emitter_of(self->state.what)({stream_item::kind::custom, std::move(said->what)});
  else
    return false;
  return true;
}

void drive(node_pointer self, uint64_t ask_id, connector::step next) {
  auto& s = self->state;
  while (done_at_once(self, next))
    next = s.pending.at(ask_id).call->proceed();
  if (auto* call = std::get_if<outbound_call>(&next)) {
    send_out(self, ask_id, std::move(*call));
  } else if (auto* read = std::get_if<connector::pull_chunk>(&next)) {
    s.streams.try_emplace(read->stream_id);
    s.pending.at(ask_id).stream = read->stream_id;
    pull(self, ask_id, read->stream_id);
  } else if (auto* wait = std::get_if<connector::pause>(&next)) {
    remind(self, wait->time, wake_up{static_cast<int64_t>(ask_id)});
  } else if (auto* in = std::get_if<connector::in_session>(&next)) {
    use_session(self, ask_id, std::move(in->session));
  } else {
    auto reply = std::move(std::get<connector::done>(next).reply);
    if (!reply)
      return resume(self, ask_id, effect_reply{reply.error()});
    if (reply->stream_id != 0)
      s.streams[reply->stream_id] = s.pending.at(ask_id).reader;
    resume(self, ask_id, effect_reply{std::move(*reply)});
  }
}

// A task that was sent one call of a model's, as the nodes of tools are, tells its progress as
// that call's.
json::object call_of_model(const task_spec& task) {
  const auto* sent = task.input.sent();
  const auto* call = sent ? member(*sent, "call") : nullptr;
  const auto* asked = call ? call->if_object() : nullptr;
  if (!asked || string_or(*asked, "id").empty())
    return {};
  return {{"tool_call_id", string_or(*asked, "id")}, {"name", string_or(*asked, "name")}};
}

// A service_call or a model_call, and the service it is on.
template <class Call>
void call_service(node_pointer self, uint64_t ask_id, Call call, std::string service) {
  auto& s = self->state;
  auto& mine = s.pending.at(ask_id);
  mine.service = std::move(service);
  caller by{s.what.who->key(), handle_for(self, mine.service), s.what.run->run_id,
            call_of_model(s.what.task)};
  auto opened = s.app->services->open(std::move(call), std::move(by));
  if (!opened)
    return resume(self, ask_id, effect_reply{opened.error()});
  mine.call = std::move(*opened);
  step_call(self, ask_id, [](connector& c) { return c.start(); });
}

void read_stream(node_pointer self, uint64_t ask_id, uint64_t id) {
  const auto at = self->state.streams.find(id);
  if (at == self->state.streams.end()) // may belong to another node, run or user
    return resume(self, ask_id,
                  effect_reply{fail(errc::not_found, "this node has no such stream")});
  self->state.pending.at(ask_id).stream = id;
  if (const auto& reader = at->second; reader && reader->reads(id)) {
    auto taken = [me = graph_node_actor{self}, ask_id,
                  run = self->state.what.run](result<outbound_chunk> part) {
      auto reply = part ? effect_reply{std::move(*part)}
                        : effect_reply{run_visible_error(std::move(part).error(), run->run_id)};
      tell(me, effect_answered{ask_id, std::make_shared<effect_reply>(std::move(reply))});
    };
    return reader->read(std::move(taken));
  }
  ask(
    self, self->state.app->egress, egress_read{id, self->state.what.run->run_id},
    [self, ask_id, id](outbound_chunk& c) {
      if (c.last)
        self->state.streams.erase(id);
      resume(self, ask_id, effect_reply{std::move(c)});
    },
    or_resume(self, ask_id));
}

// A graph inside has ended, or a part of a stream has come.
void on_answer(node_pointer self, uint64_t ask_id, effect_reply reply) {
  auto& s = self->state;
  const auto at = s.pending.find(ask_id);
  if (at == s.pending.end()) // taken back
    return;
  const auto* part = reply ? std::get_if<outbound_chunk>(&*reply) : nullptr;
  if (part && part->last)
    s.streams.erase(at->second.stream);
  resume(self, ask_id, std::move(reply));
}

// CAF's timers cannot be cancelled and keep their actor alive, so a long sleep is made of short
// ones: a node that ends during one is freed within a minute.
void sleep(node_pointer self, uint64_t ask_id) {
  auto& left = self->state.pending.at(ask_id).left;
  auto part = std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds{0},
                                                    std::chrono::minutes{1});
  left -= part;
  remind(self, part, wake_up{static_cast<int64_t>(ask_id)});
}

// --- store -------------------------------------------------------------------------------------

stored_item to_item(const record& row) {
  return {decode_namespace(row.parent), row.id, row.doc, row.created_at, row.updated_at};
}

// Items as the reply a node gets.
effect_reply found(std::vector<stored_item> items) {
  return effect_reply{store_reply{std::move(items)}};
}

constexpr int64_t most_offset = 1'000'000'000;

struct asked_of_store {
  result<storage::item_question> operator()(store_get& op) const {
    return storage::ask_to_get(op.ns, op.key);
  }
  result<storage::item_question> operator()(store_delete& op) const {
    return storage::ask_to_delete(op.ns, op.key);
  }
  result<storage::item_question> operator()(store_put& op) const {
    if (auto ok = check_storable(op.value); !ok)
      return ok.error();
    return storage::ask_to_put(op.ns, op.key, std::move(op.value), std::move(op.index),
                               op.ttl_minutes ? json::value(*op.ttl_minutes)
                                              : json::value(nullptr));
  }
  result<storage::item_question> operator()(store_search& op) const {
    return storage::ask_to_search(op.prefix, std::move(op.filter),
                                  std::clamp<int64_t>(op.limit, 1, 1000),
                                  std::clamp<int64_t>(op.offset, 0, most_offset),
                                  op.query.empty() ? json::value(nullptr) : json::value(op.query));
  }
  result<storage::item_question> operator()(store_list& op) const {
    const auto depth = std::clamp<int64_t>(op.max_depth, 0, most_depth);
    return storage::ask_to_list_namespaces(
      op.prefix, op.suffix, depth == 0 ? json::value(nullptr) : json::value(depth),
      std::clamp<int64_t>(op.limit, 1, 1000), std::clamp<int64_t>(op.offset, 0, most_offset));
  }
};

// All parts of a search by a query.
void take_similar(node_pointer self, uint64_t ask_id, const storage::similar_ptr& search,
                  const std::shared_ptr<std::vector<stored_item>>& items) {
  storage::next_slice(
    self, self->state.app, search, *self->state.what.who,
    [self, ask_id, search, items](similar_part& part) {
      for (const auto& one : part.items) {
        items->push_back(to_item(one.row));
        items->back().score = one.score;
      }
      if (part.done)
        resume(self, ask_id, found(std::move(*items)));
      else
        take_similar(self, ask_id, search, items);
    },
    or_resume(self, ask_id));
}

void take_namespaces(node_pointer self, uint64_t ask_id, const storage::listing_ptr& listing,
                     const std::shared_ptr<store_reply>& all) {
  storage::next_slice(
    self, *self->state.app, listing, *self->state.what.who,
    [self, ask_id, listing, all](namespace_part& part) {
      std::move(part.found.begin(), part.found.end(), std::back_inserter(all->namespaces));
      if (part.done)
        resume(self, ask_id, effect_reply{std::move(*all)});
      else
        take_namespaces(self, ask_id, listing, all);
    },
    or_resume(self, ask_id));
}

void list_namespaces(node_pointer self, uint64_t ask_id, const grant& g) {
  auto what = storage::granted_listing(g);
  if (!what)
    return resume(self, ask_id, effect_reply{what.error()});
  auto listing =
    std::make_shared<namespace_scan>(std::move(*what), self->state.app->options->searches);
  take_namespaces(self, ask_id, listing, std::make_shared<store_reply>());
}

// Does the operation as authorization granted it.
void act_on_store(node_pointer self, uint64_t ask_id, std::string_view action, const grant& g) {
  const auto& app = *self->state.app;
  auto done = [self, ask_id] { resume(self, ask_id, found({})); };
  if (action == "put")
    return storage::put_item(self, app, g, done, or_resume(self, ask_id));
  if (action == "delete")
    return storage::delete_item(self, app, g, done, or_resume(self, ask_id));
  if (action == "get")
    return storage::get_item(
      self, app, g,
      [self, ask_id](const std::shared_ptr<const record>& row) {
        resume(self, ask_id, found(row ? std::vector{to_item(*row)} : std::vector<stored_item>{}));
      },
      or_resume(self, ask_id));
  if (action == "list_namespaces")
    return list_namespaces(self, ask_id, g);
  auto q = storage::granted_search(g);
  if (!q)
    return resume(self, ask_id, effect_reply{q.error()});
  if (auto text = storage::granted_text(app, g); !text.empty())
    return storage::begin_similar(
      self, self->state.app, std::move(*q), std::move(text), nullptr,
      [self, ask_id](const storage::similar_ptr& search) {
        take_similar(self, ask_id, search, std::make_shared<std::vector<stored_item>>());
      },
      or_resume(self, ask_id));
  auto items = std::make_shared<std::vector<stored_item>>();
  storage::each_slice(
    self, self->state.app, storage::new_search(app, std::move(*q)), self->state.what.who,
    [self, ask_id, items](scan_part& part) {
      for (const auto& row : part.rows)
        items->push_back(to_item(row));
      if (part.done)
        resume(self, ask_id, found(std::move(*items)));
      return true;
    },
    or_resume(self, ask_id));
}

// Operations of nodes are authorized like requests of the user.
void use_store(node_pointer self, uint64_t ask_id, store_operation op) {
  auto& s = self->state;
  auto asked = std::visit(asked_of_store{}, op);
  if (!asked)
    return resume(self, ask_id, effect_reply{asked.error()});
  auto action = asked->action;
  ask(
    self, s.app->authorizer, storage::to_authorize(std::move(*asked), s.what.who),
    [self, ask_id, action](grant& g) { act_on_store(self, ask_id, action, g); },
    or_resume(self, ask_id));
}

// --- turns ---------------------------------------------------------------------------------------

// A run that was begun before it was stored: what a node does to others must not be forgotten. Nor
// must what led to it, of what is done once.
template <class Then, class OnError>
void store_first(node_pointer self, store_run what, Then then, OnError on_error) {
  ask(
    self, self->state.what.supervisor, what,
    [self, what, then](written) {
      auto& s = self->state;
      (what.checkpoints ? s.settled : s.what.stored) = true;
      then();
    },
    std::move(on_error));
}

bool reaches_others(const effect& what) {
  return std::holds_alternative<service_call>(what) || std::holds_alternative<model_call>(what)
         || std::holds_alternative<store_operation>(what);
}

void ask_outside(node_pointer self, uint64_t ask_id, effect what) {
  const auto& mine = self->state;
  const bool store = !mine.what.stored && reaches_others(what);
  if (store || (mine.once->load(std::memory_order_relaxed) && !mine.settled)) {
    auto go_on = [self, ask_id, held = std::make_shared<effect>(std::move(what))] {
      if (self->state.pending.contains(ask_id)) // it was not taken back
        ask_outside(self, ask_id, std::move(*held));
    };
    return store_first(self, store_run{!store}, go_on, or_resume(self, ask_id));
  }
  if (auto* call = std::get_if<service_call>(&what)) {
    auto service = call->service;
    return call_service(self, ask_id, std::move(*call), std::move(service));
  }
  if (auto* call = std::get_if<model_call>(&what)) {
    auto service = model_service(call->model);
    self->state.pending.at(ask_id).sent = call->sent;
    return call_service(self, ask_id, std::move(*call), std::move(service));
  }
  if (auto* op = std::get_if<store_operation>(&what))
    return use_store(self, ask_id, std::move(*op));
  if (auto* read = std::get_if<read_chunk>(&what))
    return read_stream(self, ask_id, read->stream_id);
  if (auto* time = std::get_if<sleep_for>(&what)) {
    self->state.pending.at(ask_id).left = time->time;
    return sleep(self, ask_id);
  }
  if (auto* inside = std::get_if<run_subgraph>(&what)) {
    auto& s = self->state;
    s.pending.at(ask_id).subgraph = true;
    return tell(s.what.supervisor,
                subgraph_asked{s.what.task.this_attempt(), ask_id, std::move(*inside)});
  }
  if (auto* close = std::get_if<close_stream>(&what)) {
    close_one(self, close->stream_id);
    return resume(self, ask_id, effect_reply{std::monostate{}});
  }
  resume(self, ask_id,
         effect_reply{fail(errc::denied, "a node names a service; it makes no calls of its own")});
}

void ask_next(node_pointer self) {
  auto& s = self->state;
  if (std::exchange(s.asking, true)) // a reply that comes at once calls this again
    return;
  while (!s.queued.empty() && s.pending.size() < most_pending) {
    auto next = std::move(s.queued.front());
    s.queued.pop_front();
    s.pending[next.id];
    ask_outside(self, next.id, std::move(next.what));
  }
  s.asking = false;
  s.replies.proceed([self] { go_on(self); });
}

// What was begun of it ends without an answer. Of a stream that was being read a part would be
// missing: it is closed. True: a call was made for it, which egress is to cut, and its stream.
bool take_back(node_pointer self, uint64_t ask_id) {
  auto& s = self->state;
  auto mine = [&](const asked_effect& one) { return one.id == ask_id; };
  s.queued.erase(std::remove_if(s.queued.begin(), s.queued.end(), mine), s.queued.end());
  auto begun = s.pending.extract(ask_id);
  if (begun.empty())
    return false;
  if (begun.mapped().call)
    s.streams.erase(begun.mapped().stream);
  else if (begun.mapped().stream != 0)
    close_one(self, begun.mapped().stream);
  if (begun.mapped().subgraph)
    tell(s.what.supervisor, subgraph_asked{s.what.task.this_attempt(), ask_id, std::nullopt});
  if (!begun.mapped().taken_back)
    return false;
  begun.mapped().taken_back->store(true, std::memory_order_relaxed);
  return true;
}

void take_turn(node_pointer self, turn now) {
  if (auto* outcome = std::get_if<node_result>(&now))
    return finish(self, std::move(*outcome));
  auto& s = self->state;
  bool left = false;
  for (auto& one : std::get<std::vector<asked_effect>>(now))
    if (std::holds_alternative<withdraw>(one.what))
      left |= take_back(self, one.id);
    else
      s.queued.push_back(std::move(one));
  if (left)
    tell(s.app->egress, cut_calls{s.what.run->run_id});
  if (const auto most = s.app->options->runs.open_asks; s.pending.size() + s.queued.size() > most)
    return finish(self,
                  error{errc::too_many,
                        "the node waits for more than " + std::to_string(most)
                          + " things at once (runs.open_asks): give when_all a smaller at_once",
                        {},
                        "TooManyAsksError"});
  ask_next(self);
}

// A pause of a call or a part of a sleep is over.
void on_timer(node_pointer self, uint64_t ask_id) {
  auto at = self->state.pending.find(ask_id);
  if (at == self->state.pending.end())
    return;
  if (at->second.call)
    return proceed(self, ask_id);
  if (at->second.left > std::chrono::milliseconds{0})
    return sleep(self, ask_id);
  resume(self, ask_id, effect_reply{std::monostate{}});
}

void begin(node_pointer self) {
  auto& s = self->state;
  auto cancelled = [stopped = s.what.stopped] { return stopped->load(std::memory_order_relaxed); };
  auto emit = [out = emitter_of(s.what), once = s.once](stream_item item) {
    if (item.type == stream_item::kind::once)
      once->store(true, std::memory_order_relaxed);
    else
      out(std::move(item));
  };
  auto ctx = s.what.task.make_context(s.what.run, emit, s.what.until, cancelled);
  s.execution = std::make_shared<node_execution>(node_execution{
    s.what.task.what, s.what.task.input, std::move(ctx), s.what.stopped, std::move(s.what.lease)});
  auto first_turn = [self] {
    if (auto first = next_turn(self, std::nullopt))
      take_turn(self, std::move(*first));
  };
  if (s.what.stored || !s.what.task.what->options.blocking)
    return first_turn();
  // It may use files, databases and the like by itself.
  store_first(self, store_run{}, first_turn, [self](error why) { finish(self, std::move(why)); });
}

graph_node_actor::behavior_type node_behavior(node_pointer self, app_ptr app, step what) {
  install_fault_handlers(self);
  self->state.app = std::move(app);
  self->state.what = std::move(what);
  // An exception in this actor fails the task, so that the run does not wait for it.
  self->set_exception_handler(
    [self, which = self->state.what.task.this_attempt()](std::exception_ptr& thrown) {
      log_thrown("graph-node", thrown);
      auto why = fail(errc::internal, "a node's driver failed");
      cut_rest(self);
      tell(self->state.what.supervisor, task_finished{which, std::make_shared<node_result>(why)});
      return to_caf(why);
    });
  begin(self);
  return {
    [self](wake_up& m) {
      if (m.generation == replies_left)
        return go_on(self);
      on_timer(self, static_cast<uint64_t>(m.generation));
    },
    [self](effect_answered& m) { on_answer(self, m.ask_id, std::move(*m.reply)); },
    [self](turn_taken& m) {
      self->state.replies.back();
      take_turn(self, std::move(*m.what));
    },
  };
}

} // namespace

graph_node_actor spawn_graph_node(caf::actor_system& sys, app_ptr app, step what) {
  return sys.spawn(node_behavior, std::move(app), std::move(what));
}

} // namespace behalf::runs
