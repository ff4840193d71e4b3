// `behalf secret`: users' tokens in a secret store, whichever kind it is.
#include "config/assemble.hpp"
#include "config/commands.hpp"
#include "config/dev_mode.hpp"
#include "config/warnings.hpp"
#include "runtime/auth/provider_conflicts.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/inject.hpp"
#include "secrets/master_key.hpp"
#include "secrets/process.hpp"
#include "secrets/references.hpp"
#include "secrets/secret_call.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <unistd.h>

namespace behalf {
namespace {

int say(const error& why, int code = exit_failed) {
  std::fprintf(stderr, "behalf: %s\n", why.message.c_str());
  return code;
}

// One line, without its end. A token goes into a header, where nothing else can stand.
result<secret> read_secret_input() {
  constexpr std::size_t most = 64 << 10;
  if (isatty(STDIN_FILENO))
    std::fprintf(stderr, "value: ");
  wiped_string bytes;
  char c = 0;
  while (bytes.size() <= most && read(STDIN_FILENO, &c, 1) == 1) {
    if (c == '\n' && isatty(STDIN_FILENO))
      break;
    bytes.push_back(c);
  }
  for (char end : {'\n', '\r'})
    if (!bytes.empty() && bytes.view().back() == end)
      bytes.resize(bytes.size() - 1);
  if (bytes.empty())
    return fail(errc::invalid_argument, "no value on standard input");
  if (bytes.size() > most)
    return fail(errc::invalid_argument, "the value is longer than 64 KiB");
  for (unsigned char one : bytes.view())
    if (one < ' ' || one == 127)
      return fail(errc::invalid_argument,
                  "the value has a line break or control character in it; a token is one line");
  return secret{std::move(bytes)};
}

result<config> settings_of(const secret_command& given) {
  config c;
  if (!given.config.empty()) {
    auto loaded = load_config(given.config);
    if (!loaded.problems.empty())
      return fail(errc::invalid_argument, loaded.problems.front().text());
    c = std::move(loaded.value);
  }
  if (given.data.empty() && c.secrets.type == secret_store_config::backend::none)
    return fail(errc::invalid_argument, given.config
                                          + ": has no secrets section; of a `behalf "
                                            "dev`, give the folder: --data ./.behalf");
  return c;
}

// `dev` makes its folder; here a folder that is not there may be a mistyped one.
result<void> take_store_of_dev(config& c, const secret_command& given) {
  // Empty where the configuration keeps them elsewhere.
  const auto kept = kept_in_dev_folder(c.secrets);
  const bool there = std::filesystem::exists(given.data + kept);
  if (!there && given.verb != "put")
    return fail(errc::invalid_argument, "--data: no secrets are stored in " + given.data);
  if (auto ok = complete_for_dev(c, given.data, true); !ok)
    return ok;
  if (!there && !kept.empty())
    std::fprintf(stderr,
                 "behalf: there was no secret store in %s; this one is new, for a `behalf dev "
                 "--data %s`\n",
                 given.data.c_str(), given.data.c_str());
  return {};
}

result<secret> master_key_of(const std::string& reference, const std::string& base) {
  reference_resolver references{base};
  return resolve_master_key(reference, references);
}

std::string folder_of(const secret_command& given) {
  auto folder = std::filesystem::path(given.config).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A token under names that nothing looks for is stored, and never found. Plugins and `behalf dev`
// have issuers of their own, which no file tells.
void warn_of_unknown_names(const config& c, const secret_command& given) {
  if (given.config.empty()) {
    if (!given.issuer.empty() && !given.issuer.ends_with("/dev"))
      std::fprintf(stderr,
                   "behalf: warning: the issuer of `behalf dev` is its address and /dev, as "
                   "in http://127.0.0.1:2024/dev; '%s' is another one\n",
                   given.issuer.c_str());
    return;
  }
  auto warn = [&](std::string_view what, const std::string& name, std::set<std::string> known) {
    std::string list;
    for (const auto& one : known)
      list += (list.empty() ? "" : ", ") + one;
    if (!known.contains(name))
      std::fprintf(stderr, "behalf: warning: %s names no %.*s '%s'; there %s\n",
                   given.config.c_str(), static_cast<int>(what.size()), what.data(), name.c_str(),
                   known.empty() ? "is none" : ("are: " + list).c_str());
  };
  std::set<std::string> issuers, services;
  for (const auto& provider : c.identity.providers)
    issuers.insert(issuer_of(provider));
  for (const auto& service : c.services)
    if (service.credential.from == credential_source::secrets)
      services.emplace(service.credential_name());
  if (c.plugins.empty() && c.dev.users.empty())
    warn("issuer", given.issuer, std::move(issuers));
  warn("credential of a service", given.service, std::move(services));
}

// How the services that take this credential send it.
std::vector<credential_rule> uses_of(const config& c, const secret_command& given) {
  std::vector<credential_rule> found;
  for (const auto& service : c.services)
    if (service.credential.from == credential_source::secrets
        && service.credential_name() == given.service && service.credential.store == given.store)
      found.push_back(service.credential.inject);
  return found;
}

// One that no call could bring along would be found out by its user, much later.
result<void> can_be_sent(const config& c, const secret_command& given,
                         const stored_credential_ptr& what) {
  constexpr credential_form any = credential_form::query; // how long it may be holds for all
  if (auto ok = make_writer({any, "key"}, what); !ok)
    return ok.error();
  for (const auto& rule : uses_of(c, given))
    if (auto ok = make_writer(rule, what); !ok)
      return ok.error();
  return {};
}

// Passwords have blanks.
bool may_have_blanks(const config& c, const secret_command& given) {
  const auto uses = uses_of(c, given);
  return !given.username.empty() || std::ranges::any_of(uses, [](const auto& rule) {
    return rule.form == credential_form::basic;
  });
}

// Calls the store and waits for its reply.
result<secret_reply> send(const secret_call& call, const endpoint_policy& policy,
                          const client_options& egress) {
  auto request = to_wire(call, policy, "behalf secret");
  if (!request)
    return request.error();
  boost::asio::io_context io;
  auto door = client::create(io, egress);
  if (!door)
    return door.error();
  boost::asio::steady_timer{io, call.delay}.wait();
  const auto body = request->secret_reply;
  result<secret_reply> answer = fail(errc::upstream, "the store did not answer");
  (*door)->start(std::move(*request), std::chrono::steady_clock::now() + call.timeout,
                 [&](result<outbound_reply> reply) {
                   io.stop(); // what keeps connections for reuse has nothing to wait for
                   if (reply)
                     answer = from_wire(std::move(*reply), body);
                   else
                     answer = reply.error();
                 });
  io.run();
  return answer;
}

// The store that the command is about.
struct open_store {
  config settings;
  std::unique_ptr<secret_source> source;

  result<secret_answer> carry_out(std::unique_ptr<secret_operation> operation) const {
    auto step = operation->start(now());
    while (const auto* call = std::get_if<secret_call>(&step))
      step = operation->resume(send(*call, source->policy(), settings.egress), now());
    if (auto* end = std::get_if<result<secret_answer>>(&step))
      return std::move(*end);
    return fail(errc::internal, "the store waits for another operation, and there is none");
  }
};

principal_key owner_of(const secret_command& given) {
  return {given.tenant, given.issuer, given.subject};
}

// What `put` is to store.
result<stored_credential> read_credential(const config& c, const secret_command& given) {
  stored_credential what;
  auto value = read_secret_input();
  if (!value)
    return value.error();
  what.value = std::move(*value);
  what.username = given.username;
  if (!given.expires_at.empty()) {
    auto at = parse_iso8601(given.expires_at);
    if (!at)
      return fail(errc::invalid_argument, "--expires-at must be like 2027-01-31T00:00:00Z");
    if (*at <= now())
      return fail(errc::invalid_argument, "--expires-at is in the past");
    what.expires_at = *at;
  }
  const auto same = std::make_shared<const stored_credential>(
    stored_credential{secret{what.value.expose()}, what.username});
  if (auto ok = can_be_sent(c, given, same); !ok)
    return fail(errc::invalid_argument, "the value cannot be used: " + ok.error().message);
  return what;
}

int put(const open_store& store, const secret_command& given, stored_credential what) {
  warn_of_unknown_names(store.settings, given);
  if (what.value.expose().size() < short_credential)
    std::fprintf(stderr, "behalf: warning: the value %s\n", short_credential_note);
  if (what.value.expose().find(' ') != std::string_view::npos
      && !may_have_blanks(store.settings, given))
    std::fprintf(stderr, "behalf: warning: the value %s\n", blank_note);
  auto done = store.carry_out(
    store.source->write({owner_of(given), given.service}, std::move(what), std::nullopt, nullptr));
  if (!done)
    return say(done.error());
  std::printf("stored %s for %s (generation %lld)\n", given.service.c_str(), given.subject.c_str(),
              static_cast<long long>(done->generation));
  return exit_ok;
}

// Whose credentials to list: one user's, or of everybody where the store can tell who they are.
result<std::vector<principal_key>> owners(const open_store& store, const secret_command& given) {
  auto* embedded = dynamic_cast<embedded_store*>(store.source.get());
  if (!embedded && (given.subject.empty() || given.issuer.empty()))
    return fail(errc::invalid_argument,
                "this store does not tell whose secrets it has: give --user and --issuer");
  if (!embedded)
    return std::vector<principal_key>{owner_of(given)};
  auto all = embedded->owners();
  if (all)
    std::erase_if(*all, [&](const principal_key& who) {
      return (!given.subject.empty() && who.subject != given.subject)
             || (!given.issuer.empty() && who.issuer != given.issuer);
    });
  return all;
}

int list(const open_store& store, const secret_command& given) {
  auto all = owners(store, given);
  if (!all)
    return say(all.error(), all.error().code == errc::invalid_argument ? exit_usage : exit_failed);
  for (const auto& who : *all) {
    auto found = store.carry_out(store.source->list(who, nullptr));
    if (!found)
      return say(found.error());
    for (const auto& one : found->list)
      std::printf("%s\t%s\t%s\t%s\tgeneration %lld\t%s\n", who.tenant.c_str(), who.issuer.c_str(),
                  who.subject.c_str(), one.service.c_str(), static_cast<long long>(one.generation),
                  one.expires_at ? iso8601(*one.expires_at).c_str() : "does not expire");
  }
  return exit_ok;
}

int remove(const open_store& store, const secret_command& given) {
  auto gone = store.carry_out(store.source->erase({owner_of(given), given.service}, nullptr));
  if (!gone)
    return say(gone.error());
  std::printf("deleted %s of %s\n", given.service.c_str(), given.subject.c_str());
  return exit_ok;
}

int rotate(const secret_store_config& found, const secret_command& given) {
  if (found.type != secret_store_config::backend::embedded || found.master_key.empty())
    return say(fail(errc::invalid_argument, "this store has no master key"), exit_config);
  auto key = master_key_of(found.master_key, folder_of(given));
  if (!key)
    return say(fail(errc::invalid_argument, "secrets.master_key: " + key.error().message),
               exit_config);
  auto old_key = secret{key->expose()};
  auto store = embedded_store::open(found.path, std::move(*key));
  if (!store)
    return say(store.error());
  auto fresh = master_key_of(given.new_key, folder_of(given));
  if (!fresh)
    return say(fresh.error());
  if (auto ok = (*store)->rotate_master_key(old_key, std::move(*fresh)); !ok)
    return say(ok.error());
  std::printf("every data key is wrapped by the new master key; configure it and restart\n");
  return exit_ok;
}

} // namespace

int run_secret(const secret_command& given) {
  harden_process();
  if (given.config.empty() && given.data.empty())
    return say(fail(errc::invalid_argument, "which store? --config FILE, or --data ./.behalf for "
                                            "the one of `behalf dev`"),
               exit_usage);
  auto settings = settings_of(given);
  if (!settings)
    return say(settings.error(), exit_config);
  auto what = given.verb == "put" ? read_credential(*settings, given) : stored_credential{};
  if (!what) // before anything is made
    return say(what.error(), exit_usage);
  if (!given.data.empty())
    if (auto ok = take_store_of_dev(*settings, given); !ok)
      return say(ok.error(), exit_config);
  const auto* found = settings->secrets.find(given.store);
  if (!found)
    return say(fail(errc::invalid_argument, "--store: there is no store '" + given.store + "'"),
               exit_usage);
  if (given.verb == "rotate-master-key")
    return rotate(*found, given);
  auto source = open_secrets(*settings, folder_of(given), given.store);
  if (!source)
    return say(source.error(), exit_config);
  const open_store store{std::move(*settings), std::move(*source)};
  return given.verb == "put"    ? put(store, given, std::move(*what))
         : given.verb == "list" ? list(store, given)
                                : remove(store, given);
}

} // namespace behalf
