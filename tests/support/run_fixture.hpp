// Runs on the test's own thread: a real database behind a writer that waits or refuses when told
// to, a scripted way out, and the real scheduler with its supervisors and nodes.
#pragma once

#include "actors/admission/spawn.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "actors/runs/event_memory.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/model_meters.hpp"
#include "actors/runs/recovery.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/storage/reads.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/spawn.hpp"
#include "agents/models/model_options.hpp"
#include "connectors/registry.hpp"
#include "runtime/auth/policy.hpp"
#include "runtime/base/id.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/storage.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <filesystem>
#include <functional>
#include <utility>

namespace behalf {

/// To a scripted neighbour: answer whatever you hold.
struct let_go {};

} // namespace behalf

BEHALF_MESSAGE(behalf::let_go)

namespace behalf {

/// What the writer in front of the database does with commits.
struct disk_script {
  bool hold = false; // keep them until let_go
  std::function<std::optional<error>(const write_batch&)> refuse;
  bool unwritable = false; // as check_storage finds it
};

/// What is outside: the calls that arrived there and the answers to them.
struct outside_script {
  bool hold = false; // keep callers waiting until let_go
  std::function<result<outbound_reply>(const outbound_call&)> answer;
  std::vector<outbound_call> calls;
  int cancelled = 0;                      // of the calls held
  std::vector<std::string> chunks = {""}; // of a stream; the last one ends it
  bool silent = false;                    // behind the first chunk of a stream
  std::vector<uint64_t> closed;           // streams
  std::vector<lease_claim> redeemed;      // what egress said when it opened a handle
};

using scripted_writer = database_writer_actor::extend<takes<let_go>>;
using scripted_door = http_client_actor::extend<takes<let_go>>;

struct scripted_writer_state {
  static inline const char* name = "scripted-writer";
  scripted_writer_state() = default;
  std::vector<std::pair<write_records, caf::typed_response_promise<written>>> held;
};

inline scripted_writer::behavior_type
scripted_writer_behavior(scripted_writer::stateful_pointer<scripted_writer_state> self,
                         database_writer_actor real, disk_script* script) {
  return {
    [self, real, script](write_records& m) -> caf::result<written> {
      if (script->refuse)
        if (auto why = script->refuse(m.what))
          return to_caf(*why);
      auto promise = self->make_response_promise<written>();
      if (script->hold)
        self->state.held.emplace_back(std::move(m), promise);
      else
        promise.delegate(real, std::move(m));
      return promise;
    },
    [script](check_storage) -> caf::result<written> {
      if (script->unwritable)
        return to_caf(fail(errc::internal, "the disk is full"));
      return written{};
    },
    [](flush_group) {},
    [](sweep_expired) {},
    [](renew_lease) {},
    [self, real](let_go) {
      for (auto& [m, promise] : std::exchange(self->state.held, {}))
        promise.delegate(real, std::move(m));
    },
  };
}

struct scripted_door_state {
  static inline const char* name = "scripted-door";
  scripted_door_state() = default;
  std::vector<std::pair<wire_call, promise_of<outbound_reply>>> held;
  std::size_t chunk = 0;
};

inline result<outbound_reply> answer_of(const outside_script& script, const outbound_call& call) {
  if (script.answer)
    return script.answer(call);
  outbound_reply reply;
  reply.status = 200;
  reply.body = R"("hello")";
  reply.headers = {{"Content-Type", "application/json"}};
  return reply;
}

inline scripted_door::behavior_type
scripted_door_behavior(scripted_door::stateful_pointer<scripted_door_state> self,
                       outside_script* script) {
  return {
    [self, script](wire_call& m) -> caf::result<outbound_reply> {
      script->calls.push_back(m.request->call);
      if (!script->hold)
        return reply(answer_of(*script, m.request->call));
      self->state.held.emplace_back(std::move(m), promise_of<outbound_reply>{self});
      return self->state.held.back().second;
    },
    [self, script](const wire_read&) -> caf::result<outbound_chunk> {
      auto n = self->state.chunk++;
      if (script->silent && n > 0)
        return self->make_response_promise<outbound_chunk>();
      return outbound_chunk{script->chunks.at(n), n + 1 == script->chunks.size()};
    },
    [self, script](const wire_cancel& m) {
      if (m.stream_id != 0)
        script->closed.push_back(m.stream_id);
      std::erase_if(self->state.held, [&](auto& call) {
        if (call.first.ticket != m.ticket)
          return false;
        ++script->cancelled;
        call.second.deliver(error{errc::upstream, "cancelled", {}, "cancelled"});
        return true;
      });
    },
    [](const wire_ended&) {},
    [self, script](let_go) {
      for (auto& [m, promise] : std::exchange(self->state.held, {}))
        promise.deliver(answer_of(*script, m.request->call));
    },
  };
}

class no_credential : public credential_writer {
public:
  void write_head(wiped_string&) const override {}
  std::unique_ptr<reply_scrubber> scrubber() const override { return nullptr; }
};

// One handle per run, for `mail`.
inline secret_store_actor::behavior_type scripted_secrets(secret_store_actor::pointer,
                                                          outside_script* script) {
  return {
    [script](const redeem& m) -> caf::result<credential> {
      script->redeemed.push_back(m.claim);
      if (m.handle.id != "handle of " + m.claim.run_id)
        return to_caf(error{errc::denied, "no such handle", {}, "handle_unknown"});
      credential c;
      c.writer = std::make_shared<no_credential>();
      return c;
    },
    [](const open_leases& m) -> caf::result<run_handles> {
      return run_handles{{{"mail", sealed_handle{"handle of " + m.run_id}}}};
    },
    [](const close_leases&) {},
    [](const forget_credential&) {},
    [](const retry_call&) {},
  };
}

inline audit_actor::behavior_type scripted_audit(audit_actor::pointer) {
  return {
    [](const audit_event&) -> caf::result<audit_receipt> { return audit_receipt{7}; },
    [](flush_group) {},
  };
}

struct run_fixture : actor_fixture {
  std::filesystem::path folder =
    std::filesystem::temp_directory_path() / ("behalf-runs-" + uuid4());
  disk_script disk;
  outside_script outside;
  std::shared_ptr<app_context> app = std::make_shared<app_context>();
  std::shared_ptr<system_options> options = std::make_shared<system_options>();
  std::vector<served_graph> served;
  scripted_writer writer;
  scripted_door door;
  secret_store_actor secrets; // nodes get handles when a test gives it to the core
  scheduler_actor scheduler;
  principal_ptr alice = user("alice");
  std::shared_ptr<policy> rules = std::make_shared<policy>(unmatched::allowed);

  run_fixture() {
    std::filesystem::create_directories(folder);
    auto db = open_storage({.url = storage_url(folder / "t.db")}).value();
    app->readers = {
      own(storage::spawn_database_reader(sys, db->open_reader().value(), nullptr, false))};
    app->scans = own(storage::spawn_read_queue(
      sys, {own(storage::spawn_database_reader(sys, db->open_reader().value(), nullptr, false))}));
    app->options = options;
    app->runs = std::make_shared<const runs::run_meters>(app->meters);
    app->models_used = std::make_shared<const runs::model_meters>(app->meters, model_directory{});
    app->events =
      std::make_shared<runs::event_memory>(options->runs.event_memory, options->runs.event_bytes);
    auto real = own(storage::spawn_database_writer(sys, std::move(db), nullptr, false));
    writer = own(sys.spawn(scripted_writer_behavior, real, &disk));
    app->writer = writer;
    app->authorizer = own(admission::spawn_authorizer(sys, rules));
    auto services = std::make_shared<const service_registry>(
      service_registry::create({service("api"), service("mail", true), service("model-main")})
        .value());
    app->services = services;
    door = own(sys.spawn(scripted_door_behavior, &outside));
    secrets = own(sys.spawn(scripted_secrets, &outside));
    app->egress = own(outside::spawn_egress(sys, services, secrets, own(sys.spawn(scripted_audit)),
                                            door, app->meters));
    options->runs.slots = 8;
  }
  ~run_fixture() {
    disk = {};
    std::filesystem::remove_all(folder);
  }

  static service_options service(const std::string& name, bool with_credential = false) {
    service_options s;
    s.name = name;
    s.url = "https://" + name + ".example.com";
    if (with_credential)
      s.credential.from = credential_source::secrets;
    return s;
  }

  static principal_ptr user(const std::string& name) {
    auto who = std::make_shared<principal>();
    who->tenant = "acme";
    who->issuer = "https://id.example";
    who->subject = who->identity = name;
    return who;
  }

  void serve(std::shared_ptr<const graph> flow) {
    served.push_back({flow->name(), "", flow});
    app->graphs.serve(served);
  }

  /// Call when everything is served. `recovered`: as after a restart.
  void open(runs::recovered_runs recovered = {}) {
    scheduler = own(runs::spawn_scheduler(sys, app, std::move(recovered)));
    sched.run();
  }

  // --- runs --------------------------------------------------------------------------------------

  start_run order(const std::string& thread, const std::string& graph_id,
                  json::object kwargs) const {
    start_run m;
    m.plan = std::make_shared<runs::run_plan>();
    m.plan->run_id = uuid7();
    m.plan->thread_id = thread;
    m.plan->graph_id = m.plan->assistant_id = graph_id;
    m.plan->who = alice;
    m.plan->created_at = now();
    m.plan->kwargs = std::move(kwargs);
    if (auto* config = m.plan->kwargs.if_contains("config"))
      m.config = std::move(config->as_object());
    m.create_thread = true;
    return m;
  }

  result<run_ref> start(start_run m) {
    auto run = ask<run_ref>(scheduler, std::move(m));
    if (run)
      own(run->run);
    return run;
  }
  run_ref start(const std::string& thread, const std::string& graph_id, json::object kwargs) {
    return start(order(thread, graph_id, std::move(kwargs))).value();
  }
  run_ref resume(const std::string& thread, const std::string& graph_id, json::value answer) {
    return start(thread, graph_id, {{"command", json::object{{"resume", std::move(answer)}}}});
  }

  pending_answer<run_result> result_of(const run_ref& run) {
    return ask_later<run_result>(run.run, await_result{});
  }
  /// The result of a run that is over.
  run_result ended(const run_ref& run) {
    auto answer = result_of(run)();
    REQUIRE(answer);
    return answer->value();
  }
  bool over(const run_ref& run) { return result_of(run)().has_value(); }
  run_result cancel(const run_ref& run, stop_reason why = stop_reason::cancelled) {
    return ask<run_result>(run.run, stop_run{why}).value();
  }

  event_batch events(const run_ref& run) {
    return ask<event_batch>(run.run, next_events{}).value();
  }
  /// `values {…}`, one line each, without the first, which is `metadata`.
  std::vector<std::string> lines(const run_ref& run) {
    std::vector<std::string> all;
    auto batch = events(run);
    REQUIRE_FALSE(batch.events.empty());
    CHECK(batch.events.front().name == "metadata");
    for (std::size_t i = 1; i < batch.events.size(); ++i)
      all.push_back(batch.events[i].name + ' ' + *batch.events[i].data);
    return all;
  }

  void let_outside_go() {
    outside.hold = false;
    self->send(door, let_go{});
    sched.run();
  }
  void let_disk_go() {
    disk.hold = false;
    self->send(writer, let_go{});
    sched.run();
  }
  void pass(std::chrono::milliseconds time) {
    sched.advance_time(time);
    sched.run();
  }

  // --- what is stored ----------------------------------------------------------------------------

  template <class Read>
  auto found(Read what) {
    storage::open_read<Read> opened{std::move(what)};
    REQUIRE(ask<read_done>(app->reader(), opened.question));
    return std::move(**opened.found);
  }
  std::shared_ptr<const record> stored(kind type, const std::string& id) {
    return found(storage::get_record{{type, "acme", id}});
  }
  std::string thread_status(const std::string& id) { return stored(kind::thread, id)->status; }
  /// "" when there is no such run.
  std::string run_status(const run_ref& run) {
    auto row = stored(kind::run, run.plan->run_id);
    return row ? row->status : "";
  }
  std::vector<record> checkpoints(const std::string& thread) {
    query q;
    q.type = kind::checkpoint;
    q.tenant = "acme";
    q.parent = thread;
    q.sort = sort_key::id;
    q.descending = false;
    auto search = storage::new_search(*app, q);
    std::vector<record> all;
    for (bool done = false; !done;) { // a slow machine needs more than one slice
      auto part = found(storage::read_slice{search});
      std::move(part.rows.begin(), part.rows.end(), std::back_inserter(all));
      done = part.done;
    }
    return all;
  }
};

inline json::value js(std::string_view text) {
  return parse_json(text).value();
}

} // namespace behalf
