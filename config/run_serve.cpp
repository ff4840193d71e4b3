// `behalf dev` and `behalf serve`: start, say so, wait for a signal, stop.
#include "actors/listen_address.hpp"
#include "config/agent_versions.hpp"
#include "config/assemble.hpp"
#include "config/commands.hpp"
#include "config/dev_mode.hpp"
#include "config/file_watch.hpp"
#include "config/json_schema_export.hpp"
#include "config/library_watch.hpp"
#include "config/online_check.hpp"
#include "config/open_files.hpp"
#include "config/reload.hpp"
#include "config/warnings.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/url.hpp"
#include "secrets/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>

namespace behalf {
namespace {

int say_problems(const std::vector<config_problem>& problems) {
  for (const auto& p : problems)
    std::fprintf(stderr, "behalf: %s\n", p.text().c_str());
  return exit_config;
}

int say(const error& why, int code) {
  std::fprintf(stderr, "behalf: %s\n", why.message.c_str());
  return code;
}

// A fault of the configuration begins with its key: "graphs.inbox: …".
int say_where(const error& why, const config_places& places) {
  auto key = std::string_view{why.message}.substr(0, why.message.find(": "));
  auto where = places.of(key);
  return say({why.code, (where.empty() ? "" : where + ": ") + why.message}, exit_config);
}

// Somebody else has what this server needs.
int say_unavailable(const error& why, const serve_command& given) {
  auto says = [&](const char* what) { return why.message.find(what) != why.message.npos; };
  const auto* hint = says("the port is in use") ? "; --port takes another one, 0 any free one"
                     : given.dev && says("another process")
                       ? "; is another `behalf dev` running here? --data gives this one a folder "
                         "of its own"
                       : "";
  return say({why.code, why.message + hint}, exit_unavailable);
}

std::string folder_of(const std::string& file) {
  auto folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string base_url(const server_options& o) {
  if (!o.public_url.empty())
    return o.public_url;
  auto host = o.address.find(':') == o.address.npos ? o.address : "[" + o.address + "]";
  return (o.tls_certificate.empty() ? "http://" : "https://") + host + ":" + std::to_string(o.port);
}

// The issuer's name holds the port, so "any free port" is decided before the server starts.
result<uint16_t> free_port(const std::string& address) {
  boost::system::error_code ec;
  boost::asio::io_context io;
  auto ip = boost::asio::ip::make_address(address, ec);
  if (ec)
    return fail(errc::invalid_argument, "'" + address + "' is no IP address");
  boost::asio::ip::tcp::acceptor probe{io};
  boost::asio::ip::tcp::endpoint any{ip, 0};
  probe.open(any.protocol(), ec);
  probe.bind(any, ec);
  if (ec)
    return fail(errc::invalid_argument, "cannot listen on " + address + ": " + ec.message());
  return probe.local_endpoint().port();
}

std::string counted(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

// Who comes in and what they may do, in words that are true of this setup.
struct admission_facts {
  explicit admission_facts(const system_setup& s)
    : callers(s.plugins.authenticate() ? "a plugin's authenticate handler judges every request"
              : has_identity(s)
                ? counted(s.identity.providers.size(), "identity provider", "identity providers")
                : "nobody is asked who they are, on this machine only"),
      rights(described(rights_of(s))), by_plugin(s.plugins.authenticate() != nullptr) {}

  std::string callers, rights;
  bool by_plugin;
};

void banner(const config& c, bool dev, const admission_facts& facts) {
  if (c.no_auth)
    std::printf("WITHOUT AUTHENTICATION (--no-auth): every program on this machine may do "
                "everything, all as one anonymous user.\n\n");
  auto url = base_url(c.system.http);
  std::printf("Behalf %s\n\n  API:    %s\n  Docs:   %s/docs\n", BEHALF_VERSION, url.c_str(),
              url.c_str());
  auto users = dev && !c.dev.users.empty() && !facts.by_plugin;
  if (users) {
    std::printf("  Issuer: %s/dev\n  Users: ", url.c_str());
    for (const auto& u : c.dev.users)
      std::printf(" %s", u.username.c_str());
    std::printf("  (password = name unless configured)\n\n  behalf token --url %s --user %s "
                "--password …\n",
                url.c_str(), c.dev.users.front().username.c_str());
  }
  const auto& address = c.system.http.address;
  if (users && !check_listen_address(address, false))
    std::printf("\n  Not only this machine can reach it: whoever knows a test user's password may "
                "come in.\n");
  std::string agents;
  for (const auto& one : c.agents)
    agents += (agents.empty() ? "" : ", ") + one.name;
  if (!agents.empty())
    std::printf("\n  Agents:  %s\n  behalf chat --url %s --agent %s%s%s\n", agents.c_str(),
                url.c_str(), c.agents.front().name.c_str(), users ? " --user " : "",
                users ? c.dev.users.front().username.c_str() : "");
  std::printf("\n  Callers: %s\n  Rights:  %s\n\n", facts.callers.c_str(), facts.rights.c_str());
  std::fflush(stdout);
}

// Who made a folder with `behalf new` easily forgets it, and finds no agent there.
void say_what_is_not_read(const serve_command& given) {
  constexpr auto usual = "behalf.yaml";
  std::error_code ec;
  if (!given.config.empty() || !std::filesystem::exists(usual, ec))
    return;
  std::printf("  %s in this folder is not read without --config %s\n\n", usual, usual);
  std::fflush(stdout);
}

// A hang-up waits until the server runs: it asks for a reload and never ends the process.
void hold_hang_ups() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// Blocked before the first thread starts, so that only sigwait sees them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); // a limit on the size of files: the write fails, as on a full disk
  return set;
}

// Without a file everything is as `behalf dev` has it, and faults are the command line's.
result<loaded_config> read(const serve_command& given) {
  loaded_config loaded;
  if (!given.config.empty())
    loaded = load_config(given.config);
  if (!loaded.problems.empty())
    return loaded;
  auto& c = loaded.value;
  if (!given.host.empty()) {
    c.system.http.address = given.host;
    loaded.places.lines["server.listen"] = "--host";
  }
  c.system.http.address = listen_address(c.system.http.address);
  if (given.port >= 0)
    c.system.http.port = static_cast<uint16_t>(given.port);
  if (given.dev)
    if (auto ok = complete_for_dev(c, given.data, !given.config.empty(), given.no_auth); !ok)
      return ok.error();
  loaded.problems = contradictions(c, loaded.places);
  if (!given.dev && loaded.problems.empty()) {
    c.dev = {}; // here it brings neither users nor a store
    loaded.problems = contradictions(c, loaded.places);
  }
  if (c.no_auth && !check_listen_address(c.system.http.address, false))
    loaded.problems = {{"--no-auth", "server.listen",
                        "without authentication the server serves this machine only: listen on "
                        "127.0.0.1 or [::1], not on "
                          + c.system.http.address}};
  auto missing = unreadable_files(c, loaded.places);
  loaded.problems.insert(loaded.problems.end(), missing.begin(), missing.end());
  return loaded;
}

result<void> configure_log(const config& c) {
  return log::configure(c.log_level, c.log_json ? log::format::json : log::format::text,
                        c.log_file);
}

// Without this, connections that are allowed would find no descriptor, and neither would a call
// out.
void fit_connections(config& c) {
  auto files = raise_open_files();
  auto& most = c.system.http.max_connections;
  auto possible = connections_within(most, files);
  if (possible < most)
    log::warning("max_connections_lowered",
                 {{"configured", most},
                  {"used", possible},
                  {"open_files", files},
                  {"hint", "raise the limit of open files (LimitNOFILE, ulimit -Hn)"}});
  most = possible;
}

// But those that were there before.
void log_warnings(const loaded_config& c, const std::string& base,
                  const loaded_config* before = nullptr) {
  const auto known =
    before ? warnings(before->value, before->places, base) : std::vector<config_problem>{};
  for (const auto& one : warnings(c.value, c.places, base))
    if (std::none_of(known.begin(), known.end(), [&](const auto& old) {
          return old.key == one.key && old.message == one.message;
        }))
      log::warning("config", {{"where", one.where}, {"key", one.key}, {"problem", one.message}});
}

// `behalf dev --watch`: puts rebuilt libraries in place of those loaded before, and agents that are
// declared otherwise.
class graph_reloader {
public:
  graph_reloader(config c, library_watch& watch, running_system& system)
    : config_(std::move(c)), watch_(watch), system_(system) {}

  void look() {
    const auto rebuilt = watch_.rebuilt();
    if (rebuilt.empty())
      return;
    if (auto ok = load(); !ok)
      return log::error("watch_refused", {{"problem", ok.error().message},
                                          {"hint", "the graphs loaded before go on"}});
    for (const auto& file : rebuilt) {
      log::info("watch_reloaded", {{"library", file}});
      if (std::find(config_.plugins.begin(), config_.plugins.end(), file) != config_.plugins.end())
        log::warning("watch_needs_a_restart",
                     {{"library", file}, {"hint", "its handlers stay as they were"}});
    }
  }

  /// Runs under way keep the agent they began with. Error: invalid_argument, naming the key.
  result<void> take_agents(std::vector<agent_options> fresh) {
    for (const auto& one : fresh)
      if (!known_parts(one))
        return fail(errc::invalid_argument, "agents." + one.name
                                              + ": its model, or a service of its tools, came "
                                                "after the start; a restart is needed");
    std::swap(config_.agents, fresh);
    if (auto ok = load(); !ok) {
      std::swap(config_.agents, fresh);
      return ok;
    }
    for (const auto& one : config_.agents)
      if (std::none_of(fresh.begin(), fresh.end(), [&](const auto& before) {
            return before.name == one.name && before.version == one.version;
          }))
        log::info("agent_reloaded", {{"agent", one.name}, {"version", one.version}});
    for (const auto& before : fresh)
      if (std::none_of(config_.agents.begin(), config_.agents.end(),
                       [&](const auto& one) { return one.name == before.name; }))
        log::info("agent_removed", {{"agent", before.name}});
    return {};
  }

  bool same_agents(const std::vector<agent_options>& fresh) const {
    return std::equal(fresh.begin(), fresh.end(), config_.agents.begin(), config_.agents.end(),
                      [](const auto& one, const auto& other) {
                        return one.name == other.name && one.version == other.version;
                      });
  }

private:
  result<void> load() {
    auto fresh =
      load_libraries(config_, [this](const std::string& file) { return watch_.copy_of(file); });
    if (!fresh)
      return fresh.error();
    system_.serve(std::move(fresh->graphs));
    return {};
  }

  bool runs_service(const std::string& name) const {
    return std::any_of(config_.services.begin(), config_.services.end(),
                       [&](const service_options& one) { return one.name == name; });
  }

  // Models and services are those that the server started with.
  bool known_parts(const agent_options& agent) const {
    const auto& models = agent.choices.models;
    return config_.models.find(agent.model)
           && std::all_of(models.begin(), models.end(),
                          [&](const auto& one) { return config_.models.find(one) != nullptr; })
           && std::all_of(agent.tools.begin(), agent.tools.end(),
                          [&](const auto& one) { return runs_service(one.service); });
  }

  config config_;
  library_watch& watch_;
  running_system& system_;
};

// Answers hang-ups: the log file is opened anew, and of the configuration holds at once what can.
class reloader {
public:
  /// `now`: what the server runs by. `identity`: with its secrets resolved. `graphs`: null where
  /// agents stay as they are.
  reloader(serve_command given, loaded_config now, admission::identity_setup identity,
           graph_reloader* graphs, running_system& system)
    : given_(std::move(given)), now_(std::move(now)), identity_(std::move(identity)),
      graphs_(graphs), system_(system), agents_in_(files_of_agents(now_.places)),
      parts_(versions_of_parts(now_.places)) {}

  /// The files that are read.
  std::vector<std::string> files() const {
    auto all = agents_in_;
    if (!given_.config.empty())
      all.push_back(given_.config);
    return all;
  }

  void run() {
    report(configure_log(now_.value),
           now_.places); // what goes wrong below is already in the new file
    auto fresh = given_.config.empty() ? result<loaded_config>{now_} : read(given_);
    if (!fresh)
      return report(fresh.error(), now_.places);
    for (const auto& p : fresh->problems)
      report(p);
    if (!fresh->problems.empty())
      return;
    if (const auto what = lost(now_.places, fresh->places); !what.empty())
      return report(
        {fresh->places.file, what == "the file" ? "" : what,
         (what == "the file" ? "nothing stands in the file" : "the section is gone")
           + std::string("; what was read before goes on, as a file that was written in "
                         "part would open up what it closed. A restart does without")});
    // Models and services stay as they are until a restart.
    set_agent_versions(fresh->value, fresh->places, parts_);
    log_warnings(*fresh, folder_of(given_.config), &now_);
    auto changed = changes(now_.places, fresh->places);
    if (auto ok = configure_log(fresh->value); !ok)
      return report(ok.error(), fresh->places);
    if (auto ok = take_over(fresh->value, changed); !ok) {
      report(configure_log(now_.value), now_.places);
      return report(ok.error(), fresh->places);
    }
    if (graphs_ && !graphs_->same_agents(fresh->value.agents))
      if (auto ok = graphs_->take_agents(fresh->value.agents); !ok)
        return report(ok.error(), fresh->places);
    agents_in_ = files_of_agents(fresh->places);
    if (graphs_) // told one by one
      std::erase_if(changed, [](const auto& one) { return one.key.starts_with("agents."); });
    for (const auto& change : changed) {
      if (change.live)
        log::info("reload_changed", {{"key", change.key}});
      else
        log::warning("reload_needs_a_restart", {{"key", change.key}});
    }
    log::info("reloaded");
    fresh->places = taken_over(now_.places, std::move(fresh->places));
    now_ = std::move(*fresh);
  }

private:
  static bool same_secrets(const admission::identity_setup& a, const admission::identity_setup& b) {
    return std::equal(a.client_secrets.begin(), a.client_secrets.end(), b.client_secrets.begin(),
                      b.client_secrets.end(), [](const auto& one, const auto& other) {
                        return one.first == other.first
                               && one.second->view() == other.second->view();
                      });
  }

  result<void> take_over(config c, const std::vector<config_change>& changed) {
    if (given_.config.empty())
      return {};
    c.system.http.port = system_.port();
    if (given_.dev)
      if (auto made = add_dev_issuer(c, given_.data, base_url(c.system.http)); !made)
        return made.error();
    auto live = assemble_live(std::move(c), folder_of(given_.config), identity_);
    if (!live)
      return live.error();
    auto identity = live->identity;
    live->other_identity = !same_secrets(identity, identity_) || concern_callers(changed);
    if (auto ok = system_.reload(std::move(*live)); !ok)
      return ok;
    identity_ = std::move(identity);
    return {};
  }
  static void report(const result<void>& done, const config_places& places) {
    if (done)
      return;
    report(problem_of(done.error(), places));
  }
  static void report(const config_problem& p) {
    log::error("reload_refused", {{"where", p.where}, {"key", p.key}, {"problem", p.message}});
  }

  serve_command given_;
  loaded_config now_;
  admission::identity_setup identity_;
  graph_reloader* graphs_;
  running_system& system_;
  std::vector<std::string> agents_in_;
  part_versions parts_;
};

// The second signal ends the process at once; what was acknowledged is on disk already.
// `each_second` is called while nothing comes, where there is one.
template <class HangUp>
void wait_for_signal(const sigset_t& signals, HangUp on_hang_up,
                     const std::function<void()>& each_second) {
  const timespec second{1, 0};
  int signal = 0;
  for (;;) {
    signal =
      each_second ? sigtimedwait(&signals, nullptr, &second) : sigwaitinfo(&signals, nullptr);
    if (signal == SIGHUP)
      on_hang_up();
    else if (signal > 0)
      break;
    else if (each_second && errno == EAGAIN)
      each_second();
  }
  std::signal(SIGINT, SIG_DFL); // a shell may have had it ignored
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr); // before all that could hold this thread up
  log::info("stopping", {{"signal", signal}, {"hint", "once more stops at once"}});
}

} // namespace

int run_serve(const serve_command& given) {
  hold_hang_ups();
  auto loaded = read(given);
  if (!loaded)
    return say(loaded.error(), exit_failed);
  if (!loaded->problems.empty())
    return say_problems(loaded->problems);
  auto& c = loaded->value;
  harden_process({c.allow_core_dumps});
  if (auto ok = configure_log(c); !ok)
    return say_where(ok.error(), loaded->places);
  log_warnings(*loaded, folder_of(given.config));
  fit_connections(c);
  if (c.system.http.port == 0) {
    auto port = free_port(c.system.http.address);
    if (!port)
      return say(port.error(), exit_unavailable);
    c.system.http.port = *port;
  }
  std::shared_ptr<shared_issuer> issuer;
  if (given.dev) {
    auto made = add_dev_issuer(c, given.data, base_url(c.system.http));
    if (!made)
      return say(made.error(), exit_failed);
    issuer = *made;
  }
  complete_page_rules(c, given.dev);
  std::optional<library_watch> watch;
  library_file file_of;
  if (given.watch) {
    watch.emplace(library_files(c), given.data + "/watch");
    file_of = [&watch](const std::string& file) { return watch->copy_of(file); };
  }
  auto setup = assemble(c, folder_of(given.config), file_of);
  if (!setup)
    return say_where(setup.error(), loaded->places);
  setup->issuer = issuer;
  if (!has_identity(*setup))
    if (auto found = without_identity(c, loaded->places); !found.empty())
      return say_problems(found);
  const admission_facts facts{*setup};
  auto identity = setup->identity;
  auto signals = block_signals();
  auto system = running_system::start(std::move(*setup));
  if (!system && system.error().code == errc::invalid_argument)
    return say_where(system.error(), loaded->places);
  if (!system && system.error().code == errc::denied) // the storage's master key is another one
    return say(system.error(), exit_config);
  if (!system)
    return say_unavailable(system.error(), given);
  banner(c, given.dev, facts);
  say_what_is_not_read(given);
  log::info("started", {{"port", (*system)->port()},
                        {"version", BEHALF_VERSION},
                        {"callers", facts.callers},
                        {"rights", facts.rights}});
  std::optional<graph_reloader> graphs;
  if (watch)
    graphs.emplace(c, *watch, **system);
  if (c.no_auth)
    log::warning("no_auth", {{"hint", "everything is allowed to every program on this machine"}});
  reloader reload{given, std::move(*loaded), std::move(identity), graphs ? &*graphs : nullptr,
                  **system};
  std::function<void()> look;
  file_watch files;
  files.watch(reload.files());
  if (watch)
    look = [&] {
      graphs->look();
      if (!files.changed())
        return;
      reload.run();
      files.watch(reload.files());
    };
  wait_for_signal(
    signals, [&] { reload.run(); }, look);
  auto returned = (*system)->stop();
  log::info("stopped");
  if (!returned)
    std::_Exit(exit_ok);
  return exit_ok;
}

namespace {

// What a library brings is known once it is loaded; where one is missing that is no fault of the
// configuration.
std::string missing_library(const config& c) {
  for (const auto& file : library_files(c))
    if (!std::filesystem::exists(file))
      return file;
  return {};
}

// Says who may come in, and finds what only the loaded libraries tell.
int validate_admission(const config& c, const config_places& places, std::string& words,
                       loaded_libraries& loaded) {
  system_setup seen;
  if (auto missing = missing_library(c); !missing.empty()) {
    words = "callers and rights cannot be told here: " + missing + " is not there\n";
    return exit_ok;
  }
  auto libraries = load_libraries(c);
  if (!libraries)
    return say_where(libraries.error(), places);
  loaded = std::move(*libraries);
  seen.plugins = loaded.handlers;
  seen.identity.providers = c.identity.providers;
  seen.has_rules = c.has_rules;
  auto by_dev = !has_identity(seen) && !c.dev.users.empty();
  if (by_dev)
    seen.identity.providers.emplace_back(); // as `behalf dev` adds one for its users
  if (!has_identity(seen))
    if (auto found = without_identity(c, places); !found.empty())
      return say_problems(found);
  const admission_facts facts{seen};
  words = "callers: " + (by_dev ? "users of `behalf dev`" : facts.callers)
          + "\nrights:  " + facts.rights + "\n";
  return exit_ok;
}

// What becomes of OpenAPI documents, which mostly others have written.
void say_operations(const config& c) {
  constexpr std::size_t most_named = 20;
  for (const auto& [service, document] : c.documents) {
    std::printf("services.%s.openapi: %s\n", service.c_str(),
                counted(document->operations.size(), "operation", "operations").c_str());
    std::size_t named = 0;
    for (const auto& [name, why] : document->left_out)
      if (++named <= most_named)
        std::printf("  left out: %s\n", why.c_str());
    if (named > most_named)
      std::printf("  and %zu more\n", named - most_named);
    const auto& path = document->server_path;
    for (const auto& one : c.services)
      if (one.name == service && !one.own && one.url.find(path) == one.url.npos)
        std::printf("  its server has the path %s, which base_url does not have\n", path.c_str());
  }
}

// Users of `behalf dev` have their tokens in its folder.
int ask_outside(config c, const std::vector<agent_options>& agents, const validate_command& given,
                const std::string& base) {
  const auto kept = kept_in_dev_folder(c.secrets);
  if (!kept.empty() && std::filesystem::exists(given.data + kept))
    if (auto ok = complete_for_dev(c, given.data, true); !ok)
      return say(ok.error(), exit_failed);
  std::fflush(stdout);
  return check_online(c, agents, base, given) ? exit_ok : exit_failed;
}

} // namespace

int run_validate(const validate_command& given) {
  const auto& file = given.file;
  auto loaded = load_config(file);
  if (!loaded.problems.empty())
    return say_problems(loaded.problems);
  if (auto found = contradictions(loaded.value, loaded.places); !found.empty())
    return say_problems(found);
  const auto& c = loaded.value;
  if (auto ok = check_stores(c); !ok)
    return say_where(ok.error(), loaded.places);
  std::string admission;
  loaded_libraries libraries; // empty where a library is not there
  if (auto code = validate_admission(c, loaded.places, admission, libraries); code != exit_ok)
    return code;
  const auto graphs =
    libraries.graphs.empty() ? c.graphs.size() + c.agents.size() : libraries.graphs.size();
  const auto services = static_cast<std::size_t>(std::count_if(
    c.services.begin(), c.services.end(), [](const service_options& s) { return !s.own; }));
  auto declared = c.models.by_name.empty()
                    ? std::string{}
                    : ", " + counted(c.models.by_name.size(), "model", "models") + ", "
                        + counted(c.agents.size(), "agent", "agents");
  std::printf(
    "%s is valid: %s%s, %s, %s, %s\n%s", file.c_str(),
    counted(graphs - c.agents.size(), "graph", "graphs").c_str(), declared.c_str(),
    counted(services, "service", "services").c_str(),
    counted(c.identity.providers.size(), "identity provider", "identity providers").c_str(),
    counted(c.rules.size(), "rule", "rules").c_str(), admission.c_str());
  say_operations(c);
  const auto base = folder_of(file);
  for (const auto& one : warnings(c, loaded.places, base))
    std::fprintf(stderr, "behalf: warning: %s\n", one.text().c_str());
  return given.online ? ask_outside(c, libraries.agents, given, base) : exit_ok;
}

int run_schema() {
  std::printf("%s\n", dump(config_schema()).c_str());
  return exit_ok;
}

} // namespace behalf
