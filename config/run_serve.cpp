// `behalf dev` and `behalf serve`: start, say so, wait for a signal, stop.
#include "config/assemble.hpp"
#include "config/commands.hpp"
#include "config/dev_mode.hpp"
#include "config/schema.hpp"
#include "runtime/base/log.hpp"
#include "secrets/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

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
  auto taken = why.message.find("another process") != why.message.npos;
  auto hint = given.dev && taken ? "; is another `behalf dev` running here? --data gives this one "
                                   "a folder of its own"
                                 : "";
  return say({why.code, why.message + hint}, exit_unavailable);
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
  auto ip = boost::asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, ec);
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

void banner(const config& c, bool dev) {
  auto url = base_url(c.system.http);
  std::printf("Behalf %s\n\n  API:    %s\n  Docs:   %s/docs\n", BEHALF_VERSION, url.c_str(),
              url.c_str());
  if (dev && !c.dev.users.empty()) {
    std::printf("  Issuer: %s/dev\n  Users: ", url.c_str());
    for (const auto& u : c.dev.users)
      std::printf(" %s", u.username.c_str());
    std::printf("  (password = name unless configured)\n\n  behalf token --url %s --user %s "
                "--password …\n",
                url.c_str(), c.dev.users.front().username.c_str());
  }
  const auto& address = c.system.http.address;
  if (dev && !c.dev.users.empty() && address != "127.0.0.1" && address != "::1"
      && address != "localhost")
    std::printf("\n  Not only this machine can reach it: whoever knows a test user's password may "
                "come in.\n");
  if (!dev && c.identity.open())
    std::printf("\n  No identity section: everyone on this machine may do everything.\n");
  std::printf("\n");
  std::fflush(stdout);
}

// Blocked before the first thread starts, so that only sigwait sees them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
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
  if (given.port >= 0)
    c.system.http.port = static_cast<uint16_t>(given.port);
  if (given.dev)
    if (auto ok = complete_for_dev(c, given.data, !given.config.empty()); !ok)
      return ok.error();
  loaded.problems = contradictions(c, loaded.places);
  auto missing = unreadable_files(c, loaded.places);
  loaded.problems.insert(loaded.problems.end(), missing.begin(), missing.end());
  return loaded;
}

// The second signal ends the process at once; what was acknowledged is on disk already.
void wait_for_signal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("stopping", {{"signal", signal}, {"hint", "once more stops at once"}});
  std::signal(SIGINT, SIG_DFL); // a shell may have had it ignored
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

} // namespace

int run_serve(const serve_command& given) {
  auto loaded = read(given);
  if (!loaded)
    return say(loaded.error(), exit_failed);
  if (!loaded->problems.empty())
    return say_problems(loaded->problems);
  auto& c = loaded->value;
  harden_process({c.allow_core_dumps});
  auto format = c.log_json ? log::format::json : log::format::text;
  if (auto ok = log::configure(c.log_level, format, c.log_file); !ok)
    return say_where(ok.error(), loaded->places);
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
  auto folder = std::filesystem::path(given.config).parent_path().string();
  auto setup = assemble(c, folder.empty() ? "." : folder);
  if (!setup)
    return say_where(setup.error(), loaded->places);
  setup->issuer = issuer;
  auto signals = block_signals();
  auto system = running_system::start(std::move(*setup));
  if (!system && system.error().code == errc::invalid_argument)
    return say_where(system.error(), loaded->places);
  if (!system)
    return say_unavailable(system.error(), given);
  banner(c, given.dev);
  log::info("started", {{"port", (*system)->port()}, {"version", BEHALF_VERSION}});
  wait_for_signal(signals);
  auto returned = (*system)->stop();
  log::info("stopped");
  if (!returned)
    std::_Exit(exit_ok);
  return exit_ok;
}

int run_validate(const std::string& file) {
  auto loaded = load_config(file);
  if (!loaded.problems.empty())
    return say_problems(loaded.problems);
  if (auto found = contradictions(loaded.value, loaded.places); !found.empty())
    return say_problems(found);
  const auto& c = loaded.value;
  if (c.secrets.type == secrets_config::kind::vault)
    if (auto ok = check_vault(c); !ok)
      return say_where(ok.error(), loaded.places);
  auto counted = [](std::size_t n, const char* one, const char* many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
  };
  std::printf(
    "%s is valid: %s, %s, %s, %s\n", file.c_str(),
    counted(c.graphs.size(), "graph", "graphs").c_str(),
    counted(c.services.size(), "service", "services").c_str(),
    counted(c.identity.providers.size(), "identity provider", "identity providers").c_str(),
    counted(c.rules.size(), "rule", "rules").c_str());
  return exit_ok;
}

int run_schema() {
  std::printf("%s\n", dump(config_schema()).c_str());
  return exit_ok;
}

} // namespace behalf
