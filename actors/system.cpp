#include "actors/system.hpp"

#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/endpoints/calls_under_way.hpp"
#include "actors/endpoints/cron_clock.hpp"
#include "actors/endpoints/request.hpp"
#include "actors/endpoints/route_meters.hpp"
#include "actors/listen_address.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "actors/runs/event_memory.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/model_meters.hpp"
#include "actors/runs/recovery.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/storage/spawn.hpp"
#include "actors/threads/blocking_threads.hpp"
#include "actors/threads/io_scheduler.hpp"
#include "actors/threads/thread_pool.hpp"
#include "agents/models/model_options.hpp"
#include "agents/models/spending.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/exchangeable.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/process_metrics.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/http/server.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/usage.hpp"
#include "runtime/storage/vector_index.hpp"
#include "runtime/storage/write_batch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <thread>

namespace behalf {
namespace {

result<std::shared_ptr<const policy>> policy_of(const system_setup& setup) {
  auto made = make_policy(rights_of(setup), setup.rules, setup.plugins.handlers());
  if (!made)
    return made.error();
  return std::make_shared<const policy>(std::move(*made));
}

// Read at each scrape: the sizes change with the storage's own housekeeping.
void add_storage_metrics(metrics& all, const std::string& url) {
  auto& data = all.gauge("behalf_database_bytes", "Size of the database's file");
  auto& log = all.gauge("behalf_wal_bytes", "Size of its write-ahead log");
  all.before_reading([&data, &log, url] {
    auto now = bytes_of_storage(url);
    data.set(now.data);
    log.set(now.log);
  });
}

void add_log_metrics(metrics& all) {
  auto& lost = all.counter("behalf_log_lines_lost_total", "Lines of the log that nobody took");
  all.before_reading([&lost] { lost.add(static_cast<double>(log::lost_lines()) - lost.value()); });
}

// Adds the path, which errors of the storage leave out as clients may see them.
error of_storage(error why, const std::string& url) {
  if (why.kind == storage_full)
    why.message = url + ": " + why.message;
  return why;
}

constexpr std::chrono::milliseconds most_to_suspend{2'000}; // of the grace, after the exchanges
constexpr std::chrono::milliseconds most_for_cutting{500};
constexpr std::chrono::milliseconds most_for_sessions{2'000};
constexpr std::chrono::milliseconds least{250}; // for each step of the shutdown

// The time left, but at least `least`, so that the storage is closed in order.
std::chrono::nanoseconds time_to(deadline by) {
  return std::max<std::chrono::nanoseconds>(by - std::chrono::steady_clock::now(), least);
}

// An actor whose death ends the process: others wait for its answers without a timer.
struct core_actor {
  const char* name;
  std::function<void(caf::scoped_actor&)> end; // sends it the exit
};

} // namespace

bool has_identity(const system_setup& setup) {
  return !setup.identity.providers.empty() || setup.plugins.authenticate();
}

rights_source rights_of(const system_setup& setup) {
  return rights_from(setup.has_rules, !setup.plugins.handlers().empty(), has_identity(setup));
}

namespace {

// Those that the configuration names, or whose tokens callers are known by.
std::shared_ptr<const std::vector<std::string>>
token_issuers(const system_options& options, const admission::identity_setup& identity) {
  auto all = options.authorization_servers;
  if (all.empty())
    for (const auto& provider : identity.providers) {
      if (const auto* oidc = std::get_if<oidc_settings>(&provider))
        all.push_back(oidc->rules.issuer);
      else if (const auto* asked = std::get_if<introspection_settings>(&provider);
               asked && !asked->rules.issuer.empty())
        all.push_back(asked->rules.issuer);
    }
  return std::make_shared<const std::vector<std::string>>(std::move(all));
}

// Vectors of another model than the configured one are to be made anew; without an index there are
// none, so that none can be found that is not of its item's present value.
result<void> use_index(storage_engine& db,
                       const std::optional<store_options::index_options>& index) {
  write_batch what;
  what.embedded_by = "";
  if (index)
    what.embedded_by = dump(json::object{
      {"model", index->model}, {"dims", index->dims}, {"fields", json::value_from(index->fields)}});
  if (auto begun = db.begin(); !begun)
    return begun;
  auto done = db.apply(what);
  auto flushed = db.flush();
  return done ? flushed : done;
}

// Budgets by day go on from what was spent before the start.
result<void> load_spending(storage_engine& db, day_spending& spending) {
  if (!spending.is_limited())
    return {};
  const auto day = spending.today();
  auto rows = db.usage({{}, {}, day, day, usage_by::row, std::numeric_limits<int64_t>::max()});
  if (!rows)
    return rows.error();
  for (const auto& one : *rows)
    spending.load(one.day, one.tenant, one.owner, one.model, one.agent, one.used);
  return {};
}

} // namespace

struct running_system::parts {
  explicit parts(system_setup given) : setup(std::move(given)) {
    threads::run_actors_on(cfg, io);
    sys.emplace(cfg);
    const auto cores = std::max<std::size_t>(2, std::thread::hardware_concurrency());
    const auto working = setup.threads ? setup.threads : cores;
    pool.start({working, setup.spare_threads});
    app->long_work = fair_turns{std::max<std::size_t>(1, working / 2)};
    app->run_blocking = [this](const principal_key& who, const threads::activity& what,
                               std::function<void()> work) {
      blocking.run(who, what, std::move(work));
    };
  }

  system_setup setup;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy{io.get_executor()};
  std::shared_ptr<app_context> app = std::make_shared<app_context>();
  threads::thread_pool pool{io, app->meters, [this](std::vector<caf::resumable*> jobs) {
                              threads::adopt_jobs(*sys, std::move(jobs));
                            }};
  threads::blocking_threads blocking{io, setup.options.runs.blocking_threads, app->meters};
  caf::actor_system_config cfg;
  std::optional<caf::actor_system> sys;

  std::shared_ptr<client> http_out;
  std::unique_ptr<server> http_in;
  // That requests apply themselves; a reload exchanges them. Null when a plugin has handlers.
  exchangeable<policy> own_rules;
  http_client_actor http;
  audit_actor audit;
  std::vector<core_actor> vital; // those that answer before those that ask
  uint16_t port = 0;
  bool stopped = false;

  template <class Handle>
  Handle guarded(const char* name, Handle made);
  result<void> all_guarded();
  result<void> spawn_outside();
  result<void> spawn_inside();
  result<void> listen();
  void drain(deadline by);
  void suspend_runs(deadline by);
  void end_mcp_sessions(deadline by);
  void end_actors(deadline by);
  bool end_system(deadline by);
};

// Registers a core actor: its death ends the process, and it is ended with the system.
template <class Handle>
Handle running_system::parts::guarded(const char* name, Handle made) {
  when_lost(made, [name] {
    log::error("core_actor_lost", {{"actor", name}});
    std::_Exit(exit_core_lost);
  });
  vital.push_back({name, [made](caf::scoped_actor& self) {
                     self->monitor(made);
                     self->send_exit(made, caf::exit_reason::user_shutdown);
                   }});
  return made;
}

// Called before the first run and the first request: only core actors exist.
result<void> running_system::parts::all_guarded() {
  if (sys->registry().running() == vital.size())
    return {};
  return fail(errc::internal, "an actor of the core has ended, or is not guarded");
}

// Audit, HTTP client, secret store, egress.
result<void> running_system::parts::spawn_outside() {
  auto services = service_registry::create(setup.services);
  if (!services)
    return services.error();
  app->services = std::make_shared<const service_registry>(std::move(*services));
  app->models = std::move(setup.models);
  auto outbound = client::create(io, setup.egress);
  if (!outbound)
    return outbound.error();
  http_out = std::move(*outbound);
  http = guarded("http_client", outside::spawn_http_client(*sys, http_out));
  auto line = audit_log::open(setup.audit_path);
  if (!line)
    return line.error();
  if (line->recovered_bytes() > 0)
    log::warning("audit_tail_removed", {{"bytes", line->recovered_bytes()}});
  audit = guarded("audit", outside::spawn_audit(*sys, std::move(*line), &app->meters));
  bool credentials = false;
  for (const auto& s : setup.services)
    credentials = credentials || s.takes_credential();
  if (credentials)
    app->secrets = guarded(
      "secret_store", outside::spawn_secret_store(*sys, std::move(setup.secrets), app->services,
                                                  http, setup.options.runs.timeout, app->meters,
                                                  std::move(setup.server_keys)));
  app->egress = guarded("egress", outside::spawn_egress(*sys, app->services, app->secrets, audit,
                                                        http, app->meters, http_out));
  if (std::any_of(setup.services.begin(), setup.services.end(),
                  [](const service_options& s) { return s.type == service_type::mcp; }))
    app->mcp = guarded("mcp_keeper",
                       outside::spawn_mcp_keeper(*sys, app->services, app->egress, app->secrets));
  return {};
}

// Storage, admission, runs.
result<void> running_system::parts::spawn_inside() {
  add_process_metrics(app->meters);
  add_log_metrics(app->meters);
  auto options = std::make_shared<system_options>(setup.options);
  options->authenticated = has_identity(setup);
  app->options = std::move(options);
  app->requests = std::make_shared<const endpoints::route_meters>(app->meters);
  app->exchanges = fair_budget{setup.options.http.max_connections};
  app->memory = fair_budget{setup.options.http.max_body_memory};
  app->answers = fair_budget{setup.options.answer_memory};
  app->events = std::make_shared<runs::event_memory>(setup.options.runs.event_memory,
                                                     setup.options.runs.event_bytes);
  app->issuer = setup.issuer;
  app->mcp_calls = std::make_shared<endpoints::calls_under_way>();
  app->token_issuers.set(token_issuers(setup.options, setup.identity));
  app->graphs.serve(std::move(setup.graphs));
  auto run_meters = std::make_shared<runs::run_meters>(app->meters);
  for (const auto& served : app->graphs.entries())
    run_meters->serve(served.graph_id);
  app->runs = std::move(run_meters);
  app->models_used = std::make_shared<const runs::model_meters>(
    app->meters, app->models ? *app->models : model_directory{});
  app->spending = setup.spending;
  add_storage_metrics(app->meters, setup.storage.url);
  auto rules = policy_of(setup);
  if (!rules)
    return rules.error();
  auto db = open_storage(setup.storage);
  if (!db)
    return of_storage(db.error(), setup.storage.url);
  if (app->spending)
    if (auto ok = load_spending(**db, *app->spending); !ok)
      return of_storage(ok.error(), setup.storage.url);
  auto recovered = runs::recover_runs(**db, setup.options.runs.max_attempts);
  if (!recovered)
    return of_storage(recovered.error(), setup.storage.url);
  if (auto ok = use_index(**db, setup.options.store.index); !ok)
    return of_storage(ok.error(), setup.storage.url);
  std::vector<std::unique_ptr<storage_reader>> connections;
  while (connections.size() < 2 * setup.options.readers) {
    auto reader = (*db)->open_reader();
    if (!reader)
      return reader.error();
    connections.push_back(std::move(*reader));
  }
  // Made before its readers, so that it ends after them: the connection that is closed last copies
  // the log into the database, which a reader's may not.
  app->writer = guarded("database_writer",
                        storage::spawn_database_writer(*sys, std::move(*db), &app->meters, true,
                                                       setup.options.store.sweep_interval));
  std::vector<database_reader_actor> of_scans;
  for (auto& connection : connections) {
    auto& some = app->readers.size() < setup.options.readers ? app->readers : of_scans;
    some.push_back(guarded("database_reader", storage::spawn_database_reader(
                                                *sys, std::move(connection), &app->meters)));
  }
  app->scans = guarded("read_queue", storage::spawn_read_queue(*sys, std::move(of_scans)));
  if (const auto& index = setup.options.store.index) {
    app->vectors = std::make_shared<vector_indexes>(index->dims, index->memory);
    app->graph_builder = guarded("graph_builder", storage::spawn_graph_builder(*sys));
    app->embedder = guarded("embedder", storage::spawn_embedder(*sys, app));
  }
  app->authorizer = guarded("authorizer", admission::spawn_authorizer(*sys, *rules));
  if (setup.plugins.handlers().empty())
    own_rules.set(*rules);
  setup.identity.handler = setup.plugins.authenticate();
  plugin_auth_actor plugin;
  if (setup.identity.handler)
    plugin =
      guarded("plugin_auth", admission::spawn_plugin_auth(*sys, setup.identity.handler,
                                                          app->services, http, app->run_blocking));
  app->authenticator = guarded(
    "authenticator", admission::spawn_authenticator(
                       *sys, std::make_shared<const admission::identity_setup>(setup.identity),
                       http, plugin, app->meters));
  app->webhooks = guarded("webhook_caller",
                          runs::spawn_webhook_caller(*sys, app, http, std::move(setup.webhooks)));
  if (auto ok = all_guarded(); !ok)
    return ok;
  if (auto n = recovered->plans.size() + recovered->delayed.size(); n > 0)
    log::info("runs_recovered", {{"count", n}, {"delayed", recovered->delayed.size()}});
  // The scheduler and the actors it starts get the context as it is now, with all but the
  // scheduler.
  app->scheduler = guarded("scheduler", runs::spawn_scheduler(*sys, app, std::move(*recovered)));
  app->run_directory = app->scheduler;
  app->crons = guarded("cron_clock", endpoints::spawn_cron_clock(*sys, app));
  return {};
}

result<void> running_system::parts::listen() {
  if (auto ok = check_listen_address(setup.options.http.address, has_identity(setup)); !ok)
    return ok;
  http_in = std::make_unique<server>();
  auto bound = http_in->start(io, setup.options.http, [this](exchange_ptr ex) {
    endpoints::spawn_request(*sys, app, own_rules.get(), std::move(ex));
  });
  if (!bound)
    return bound.error();
  port = *bound;
  return {};
}

// Waits for exchanges to end, until the deadline.
void running_system::parts::drain(deadline by) {
  if (!http_in || port == 0)
    return;
  app->stopping = true;
  auto drained = std::make_shared<std::promise<void>>();
  http_in->drain([drained] { drained->set_value(); });
  auto end = drained->get_future();
  if (end.wait_until(by) == std::future_status::ready)
    return;
  log::warning("shutdown_cuts_connections", {{"open", http_in->connections()}});
  http_in->close_all();
  end.wait_for(most_for_cutting);
}

// Suspends runs: they continue from their last checkpoint after the next start.
void running_system::parts::suspend_runs(deadline by) {
  if (!app->scheduler)
    return;
  caf::scoped_actor self{*sys};
  stop_runs all;
  all.why = stop_reason::suspended;
  self->request(app->scheduler, time_to(by), std::move(all))
    .receive(
      [](runs_stopped n) {
        if (n.count > 0)
          log::info("runs_suspended", {{"count", n.count}});
      },
      [](caf::error&) { log::warning("runs_not_suspended"); });
}

// Ends MCP sessions at their servers, as far as these answer in time.
void running_system::parts::end_mcp_sessions(deadline by) {
  if (!app->mcp)
    return;
  caf::scoped_actor self{*sys};
  auto time = std::min<std::chrono::nanoseconds>(time_to(by), most_for_sessions);
  self->request(app->mcp, time, end_sessions{})
    .receive([](sessions_ended) {}, [](caf::error&) { log::warning("mcp_sessions_left_open"); });
}

// Actors that ask end before those that answer.
void running_system::parts::end_actors(deadline by) {
  caf::scoped_actor self{*sys};
  for (; !vital.empty(); vital.pop_back()) {
    vital.back().end(self);
    self->receive([](caf::down_msg&) {},
                  caf::after(time_to(by)) >>
                    [&] {
                      log::error("actor_did_not_end", {{"actor", vital.back().name}});
                    });
  }
}

// The actor system's destructor waits for all actors, so it runs on a thread of its own: when an
// actor does not end, the process still does.
bool running_system::parts::end_system(deadline by) {
  auto ended = std::make_shared<std::promise<void>>();
  auto end = ended->get_future();
  caf::logger::set_current_actor_system(nullptr); // drops this thread's reference
  std::thread waiting{[this, ended] {
    sys.reset();
    ended->set_value();
  }};
  if (end.wait_until(by) == std::future_status::ready) {
    waiting.join();
    return true;
  }
  waiting.detach();
  log::error("actors_did_not_end");
  return false;
}

running_system::running_system() = default;

running_system::~running_system() {
  stop();
}

uint16_t running_system::port() const {
  return parts_->port;
}

result<std::unique_ptr<running_system>> running_system::start(system_setup setup) {
  std::unique_ptr<running_system> made{new running_system};
  made->parts_ = std::make_unique<parts>(std::move(setup));
  auto& p = *made->parts_;
  for (auto step : {&parts::spawn_outside, &parts::spawn_inside, &parts::listen})
    if (auto ok = (p.*step)(); !ok)
      return ok.error();
  return made;
}

result<void> running_system::reload(live_setup fresh) {
  auto& p = *parts_;
  const auto& plugins = p.setup.plugins;
  fresh.identity.handler = plugins.authenticate();
  auto identity = !fresh.identity.open();
  if (identity != p.app->options->authenticated)
    return fail(errc::invalid_argument,
                "identity: whether callers have an identity at all changes with a restart only");
  auto from = rights_from(fresh.has_rules, !plugins.handlers().empty(), identity);
  auto rules = make_policy(from, fresh.rules, plugins.handlers());
  if (!rules)
    return rules.error();
  if (auto ok = p.http_in->reload_certificate(); !ok)
    return fail(errc::invalid_argument, "server.tls: " + ok.error().message);
  auto shared = std::make_shared<const policy>(std::move(*rules));
  if (plugins.handlers().empty())
    p.own_rules.set(shared);
  tell(p.app->authorizer, use_rules{std::move(shared)});
  use_identity next;
  p.app->token_issuers.set(token_issuers(*p.app->options, fresh.identity));
  if (fresh.other_identity)
    next.setup = std::make_shared<const admission::identity_setup>(std::move(fresh.identity));
  tell(p.app->authenticator, std::move(next));
  return {};
}

void running_system::serve(std::vector<served_graph> graphs) {
  parts_->app->graphs.serve(std::move(graphs));
  parts_->app->seeded.forget();
}

bool running_system::stop() {
  if (!parts_ || std::exchange(parts_->stopped, true))
    return true;
  auto& p = *parts_;
  const auto grace = p.setup.options.runs.shutdown_grace;
  const auto by = std::chrono::steady_clock::now() + grace;
  p.pool.reserve_for_the_end();
  p.drain(by - std::min<std::chrono::milliseconds>(grace / 5, most_to_suspend));
  p.suspend_runs(by);
  p.end_mcp_sessions(by);
  p.end_actors(by);
  // Everything is on disk. A node that has not returned by now may never do.
  auto returned = p.blocking.stop(std::chrono::steady_clock::now() + time_to(by));
  returned = p.pool.stop(std::chrono::steady_clock::now() + time_to(by)) && returned;
  if (!returned) {
    static_cast<void>(parts_.release());
    return false;
  }
  // Handles, in the core and in exchanges and calls, keep actors alive, and the actor system waits
  // for all of them; they are released on a thread of the pool.
  auto& app = *p.app;
  app.scheduler = nullptr;
  app.run_directory = nullptr;
  app.authenticator = nullptr;
  app.authorizer = nullptr;
  app.webhooks = nullptr;
  app.mcp = nullptr;
  app.egress = nullptr;
  app.secrets = nullptr;
  app.writer = nullptr;
  app.scans = nullptr;
  app.embedder = nullptr;
  app.graph_builder = nullptr;
  app.readers.clear();
  p.http = nullptr;
  p.audit = nullptr;
  p.http_out.reset();
  p.http_in.reset();
  threads::drop_timers(*p.sys);
  p.pool.start({1, 0});
  if (!p.end_system(std::chrono::steady_clock::now() + time_to(by))) {
    static_cast<void>(parts_.release());
    return false;
  }
  return p.pool.stop(deadline::max());
}

} // namespace behalf
