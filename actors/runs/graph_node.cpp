// One execution of one node: gives the machine its turns and carries what it asks to the outside.
// The node sees handles and replies; credentials pass it by.
#include "actors/admission/messages.hpp"
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/runs/own_faults.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/step.hpp"
#include "actors/storage/item_access.hpp"
#include "actors/storage/scans.hpp"
#include "actors/threads/answer_loop.hpp"
#include "actors/threads/thread_pool.hpp"
#include "connectors/registry.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <set>

namespace behalf::runs {
namespace {

// The machine and what its turns need. A turn on a thread that may block goes on when its actor was
// told to end, and keeps its run's slot until it returns.
struct machine_room {
  std::shared_ptr<const node_definition> what;
  state_view input;
  context ctx;
  stop_flag stopped;
  slot_lease_ptr lease;
  std::unique_ptr<node> machine = nullptr;

  /// The first one starts from the input, the others from a reply.
  turn give_turn(std::optional<effect_reply> reply) {
    try {
      if (reply)
        return machine->resume(std::move(*reply));
      machine = what->make();
      return machine->start({input, ctx});
    } catch (...) {
      return node_result{current_exception_error()};
    }
  }
};

struct graph_node_state {
  static inline const char* name = "graph-node";
  graph_node_state() = default;

  app_ptr app;
  step what;
  std::shared_ptr<machine_room> room;
  threads::answer_loop answers;
  std::unique_ptr<connector> call; // the service call under way
  std::string service;             // it is on
  std::set<uint64_t> streams;      // open, to be closed with the node
};

using node_pointer = graph_node_actor::stateful_pointer<graph_node_state>;

void take_turn(node_pointer self, turn now);

void finish(node_pointer self, node_result outcome) {
  auto& s = self->state;
  for (auto id : s.streams)
    tell(s.app->egress, egress_close{id, s.what.run->run_id});
  s.room->lease.reset(); // before the run hears of it: this may be its end
  tell(s.what.supervisor,
       task_finished{s.what.task.id, std::make_shared<node_result>(std::move(outcome))});
  self->quit();
}

void give_turn_apart(node_pointer self, std::optional<effect_reply> reply) {
  auto& s = self->state;
  auto given = std::make_shared<std::optional<effect_reply>>(std::move(reply));
  auto work = [room = s.room, given, me = graph_node_actor{self}] {
    if (room->stopped->load(std::memory_order_relaxed))
      return;
    tell(me, turn_taken{std::make_shared<turn>(room->give_turn(std::move(*given)))});
  };
  s.app->run_blocking(s.what.who->key(), *s.what.work, std::move(work));
}

// nullopt: it takes place on another thread.
std::optional<turn> next_turn(node_pointer self, std::optional<effect_reply> reply) {
  auto& s = self->state;
  auto may_hold = s.room->what->options.blocking || s.what.work->may_hold_a_thread();
  if (may_hold && s.app->run_blocking) {
    give_turn_apart(self, std::move(reply));
    return std::nullopt;
  }
  threads::doing(*s.what.work);
  return s.room->give_turn(std::move(reply));
}

void go_on(node_pointer self) {
  auto turn = [self](std::optional<effect_reply> answer) {
    if (auto taken = next_turn(self, std::move(answer)))
      take_turn(self, std::move(*taken));
  };
  if (self->state.answers.run(turn))
    tell(self, wake_up{});
}

void resume(node_pointer self, effect_reply reply) {
  self->state.answers.take(std::move(reply), [self] { go_on(self); });
}

void close_one(node_pointer self, uint64_t stream_id) {
  auto& s = self->state;
  s.streams.erase(stream_id);
  tell(s.app->egress, egress_close{stream_id, s.what.run->run_id});
}

auto or_resume(node_pointer self) {
  return [self](error why) {
    resume(self, effect_reply{for_run(std::move(why), self->state.what.run->run_id)});
  };
}

// --- services ----------------------------------------------------------------------------------

void drive(node_pointer self, connector::step next);

// Empty: the service takes no credential.
sealed_handle handle_for(node_pointer self, const std::string& name) {
  for (const auto& [service, handle] : *self->state.what.handles)
    if (service == name)
      return handle;
  return {};
}

void send_out(node_pointer self, outbound_call call) {
  auto& s = self->state;
  egress_call out{std::move(call), s.what.who, s.what.run->run_id, s.what.run->thread_id};
  ask(
    self, s.app->egress, std::move(out),
    [self](outbound_reply& r) { drive(self, self->state.call->resume(std::move(r))); },
    [self](error why) {
      auto& s = self->state;
      drive(self, s.call->resume(for_run(std::move(why), s.what.run->run_id)));
    });
}

void pull(node_pointer self, uint64_t stream_id) {
  ask(
    self, self->state.app->egress, egress_read{stream_id, self->state.what.run->run_id},
    [self](outbound_chunk& c) { drive(self, self->state.call->resume_chunk(std::move(c))); },
    [self](error why) {
      auto& s = self->state;
      drive(self, s.call->resume_chunk(for_run(std::move(why), s.what.run->run_id)));
    });
}

void use_session(node_pointer self, mcp_session session) {
  auto& s = self->state;
  auto go_on = [self] { drive(self, self->state.call->proceed()); };
  if (!s.app->mcp)
    return go_on();
  const auto& run = *s.what.run;
  ask(
    self, s.app->mcp,
    session_used{s.what.who, run.run_id, run.thread_id, handle_for(self, s.service), s.service,
                 std::move(session), s.what.stopped},
    [go_on](session_ready) { go_on(); }, [go_on](const error&) { go_on(); });
}

void drive(node_pointer self, connector::step next) {
  while (auto* close = std::get_if<connector::close_stream>(&next)) {
    close_one(self, close->stream_id);
    next = self->state.call->proceed();
  }
  if (auto* call = std::get_if<outbound_call>(&next)) {
    send_out(self, std::move(*call));
  } else if (auto* read = std::get_if<connector::pull_chunk>(&next)) {
    self->state.streams.insert(read->stream_id);
    pull(self, read->stream_id);
  } else if (auto* wait = std::get_if<connector::pause>(&next)) {
    remind(self, wait->time, wake_up{});
  } else if (auto* in = std::get_if<connector::in_session>(&next)) {
    use_session(self, std::move(in->session));
  } else {
    auto reply = std::move(std::get<connector::done>(next).reply);
    self->state.call.reset();
    if (!reply)
      return resume(self, effect_reply{reply.error()});
    if (reply->stream_id != 0)
      self->state.streams.insert(reply->stream_id);
    resume(self, effect_reply{std::move(*reply)});
  }
}

void call_service(node_pointer self, service_call call) {
  auto& s = self->state;
  s.service = call.service;
  caller by{s.what.who->key(), handle_for(self, call.service), s.what.run->run_id};
  auto opened = s.app->services->open(std::move(call), std::move(by));
  if (!opened)
    return resume(self, effect_reply{opened.error()});
  s.call = std::move(*opened);
  drive(self, s.call->start());
}

void read_stream(node_pointer self, uint64_t id) {
  if (!self->state.streams.contains(id)) // of another node, run or user
    return resume(self, effect_reply{fail(errc::not_found, "this node has no such stream")});
  ask(
    self, self->state.app->egress, egress_read{id, self->state.what.run->run_id},
    [self, id](outbound_chunk& c) {
      if (c.last)
        self->state.streams.erase(id);
      resume(self, effect_reply{std::move(c)});
    },
    or_resume(self));
}

// --- store -------------------------------------------------------------------------------------

stored_item to_item(const record& row) {
  return {decode_namespace(row.parent), row.id, row.doc, row.created_at, row.updated_at};
}

// What the store answered, as a node reads it.
effect_reply found(std::vector<stored_item> items) {
  return effect_reply{store_reply{std::move(items)}};
}

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
    return storage::ask_to_put(op.ns, op.key, std::move(op.value), nullptr,
                               op.ttl_minutes == 0 ? json::value(nullptr)
                                                   : json::value(op.ttl_minutes));
  }
  result<storage::item_question> operator()(store_search& op) const {
    return storage::ask_to_search(op.prefix, std::move(op.filter),
                                  std::clamp<int64_t>(op.limit, 1, 1000),
                                  std::clamp<int64_t>(op.offset, 0, 1'000'000'000), nullptr);
  }
};

// Does what the rules left of the question.
void act_on_store(node_pointer self, std::string_view action, const grant& g) {
  const auto& app = *self->state.app;
  auto done = [self] { resume(self, found({})); };
  if (action == "put")
    return storage::put_item(self, app, g, done, or_resume(self));
  if (action == "delete")
    return storage::delete_item(self, app, g, done, or_resume(self));
  if (action == "get")
    return storage::get_item(
      self, app, g,
      [self](const std::shared_ptr<const record>& row) {
        resume(self, found(row ? std::vector{to_item(*row)} : std::vector<stored_item>{}));
      },
      or_resume(self));
  auto q = storage::granted_search(g);
  if (!q)
    return resume(self, effect_reply{q.error()});
  auto items = std::make_shared<std::vector<stored_item>>();
  storage::each_slice(
    self, self->state.app, storage::new_search(app, std::move(*q)), self->state.what.who,
    [self, items](scan_part& part) {
      for (const auto& row : part.rows)
        items->push_back(to_item(row));
      if (part.done)
        resume(self, found(std::move(*items)));
      return true;
    },
    or_resume(self));
}

// A node has its user's rights and no more: every operation is decided like a request's.
void use_store(node_pointer self, store_operation op) {
  auto& s = self->state;
  auto asked = std::visit(asked_of_store{}, op);
  if (!asked)
    return resume(self, effect_reply{asked.error()});
  auto action = asked->action;
  ask(
    self, s.app->authorizer, storage::to_authorize(std::move(*asked), s.what.who),
    [self, action](grant& g) { act_on_store(self, action, g); }, or_resume(self));
}

// --- turns ---------------------------------------------------------------------------------------

void ask_outside(node_pointer self, effect what) {
  if (auto* call = std::get_if<service_call>(&what))
    return call_service(self, std::move(*call));
  if (auto* op = std::get_if<store_operation>(&what))
    return use_store(self, std::move(*op));
  if (auto* read = std::get_if<read_chunk>(&what))
    return read_stream(self, read->stream_id);
  if (auto* close = std::get_if<close_stream>(&what)) {
    close_one(self, close->stream_id);
    return resume(self, effect_reply{std::monostate{}});
  }
  resume(self, effect_reply{fail(errc::denied, "a node names a service; it makes no calls of its "
                                               "own")});
}

void take_turn(node_pointer self, turn now) {
  if (auto* outcome = std::get_if<node_result>(&now))
    return finish(self, std::move(*outcome));
  ask_outside(self, std::move(std::get<effect>(now)));
}

void begin(node_pointer self) {
  auto& s = self->state;
  auto emit = [to = s.what.supervisor, id = s.what.task.id](stream_item item) {
    tell(to, task_event{id, std::make_shared<stream_item>(std::move(item))});
  };
  auto cancelled = [stopped = s.what.stopped] { return stopped->load(std::memory_order_relaxed); };
  auto ctx = s.what.task.make_context(s.what.run, std::move(emit), s.what.until, cancelled);
  s.room = std::make_shared<machine_room>(machine_room{
    s.what.task.what, s.what.task.input, std::move(ctx), s.what.stopped, std::move(s.what.lease)});
  if (auto first = next_turn(self, std::nullopt))
    take_turn(self, std::move(*first));
}

graph_node_actor::behavior_type node_behavior(node_pointer self, app_ptr app, step what) {
  install_fault_handlers(self);
  self->state.app = std::move(app);
  self->state.what = std::move(what);
  // A bug in here must not leave its run waiting for ever.
  self->set_exception_handler(
    [to = self->state.what.supervisor, id = self->state.what.task.id](std::exception_ptr& thrown) {
      log_thrown("graph-node", thrown);
      auto why = fail(errc::internal, "a node's driver failed");
      tell(to, task_finished{id, std::make_shared<node_result>(why)});
      return to_caf(why);
    });
  begin(self);
  return {
    [self](wake_up&) {
      if (self->state.answers.waits())
        return go_on(self);
      drive(self, self->state.call->proceed());
    },
    [self](turn_taken& m) { take_turn(self, std::move(*m.what)); },
  };
}

} // namespace

graph_node_actor spawn_graph_node(caf::actor_system& sys, app_ptr app, step what) {
  return sys.spawn(node_behavior, std::move(app), std::move(what));
}

} // namespace behalf::runs
