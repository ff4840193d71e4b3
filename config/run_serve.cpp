// `behalf dev` and `behalf serve`: start, say so, wait for a signal, stop.
#include "config/assemble.hpp"
#include "config/commands.hpp"
#include "config/dev_mode.hpp"
#include "runtime/base/log.hpp"
#include "secrets/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <csignal>
#include <cstdio>
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
    return fail(errc::invalid_argument, "--host: '" + address + "' is no address");
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
  return set;
}

result<config> read(const serve_command& given, std::vector<config_problem>& problems) {
  config c;
  if (!given.config.empty()) {
    auto loaded = load_config(given.config);
    problems = std::move(loaded.problems);
    c = std::move(loaded.value);
  }
  if (!given.host.empty())
    c.system.http.address = given.host;
  if (given.port >= 0)
    c.system.http.port = static_cast<uint16_t>(given.port);
  if (given.dev)
    if (auto ok = complete_for_dev(c, given.data, !given.config.empty()); !ok)
      return ok.error();
  return c;
}

} // namespace

int run_serve(const serve_command& given) {
  std::vector<config_problem> problems;
  auto c = read(given, problems);
  if (!problems.empty())
    return say_problems(problems);
  if (!c)
    return say(c.error(), exit_failed);
  problems = contradictions(*c, given.config.empty() ? "command line" : given.config);
  if (!problems.empty())
    return say_problems(problems);
  harden_process({c->allow_core_dumps});
  log::configure(c->log_level, c->log_json ? log::format::json : log::format::text, c->log_file);
  if (c->system.http.port == 0) {
    auto port = free_port(c->system.http.address);
    if (!port)
      return say(port.error(), exit_unavailable);
    c->system.http.port = *port;
  }
  std::shared_ptr<shared_issuer> issuer;
  if (given.dev) {
    auto made = add_dev_issuer(*c, given.data, base_url(c->system.http));
    if (!made)
      return say(made.error(), exit_failed);
    issuer = *made;
  }
  auto folder = std::filesystem::path(given.config).parent_path().string();
  auto setup = assemble(*c, folder.empty() ? "." : folder);
  if (!setup)
    return say(setup.error(), exit_config);
  setup->issuer = issuer;
  auto signals = block_signals();
  auto system = running_system::start(std::move(*setup));
  if (!system)
    return say(system.error(), exit_unavailable);
  banner(*c, given.dev);
  log::info("started", {{"port", (*system)->port()}, {"version", BEHALF_VERSION}});
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("stopping", {{"signal", signal}});
  (*system)->stop();
  log::info("stopped");
  return exit_ok;
}

int run_validate(const std::string& file) {
  auto loaded = load_config(file);
  if (!loaded.problems.empty())
    return say_problems(loaded.problems);
  if (auto found = contradictions(loaded.value, file); !found.empty())
    return say_problems(found);
  std::printf("%s is valid: %zu graphs, %zu services, %zu identity providers, %zu rules\n",
              file.c_str(), loaded.value.graphs.size(), loaded.value.services.size(),
              loaded.value.identity.providers.size(), loaded.value.rules.size());
  return exit_ok;
}

} // namespace behalf
