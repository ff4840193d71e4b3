#include "config/commands.hpp"

#include "config/assemble.hpp"
#include "config/dev_mode.hpp"
#include "runtime/auth/identities.hpp"
#include "runtime/http/client.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/storage/open_storage.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/master_key.hpp"
#include "secrets/process.hpp"
#include "secrets/references.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
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

// `dev` makes its folder; here a folder that is not there is a mistyped one.
result<config> store_of_dev(config c, const secret_command& given) {
  if (!given.data.empty()) {
    if (given.verb != "put" && !std::filesystem::exists(given.data + "/secrets.db"))
      return fail(errc::invalid_argument, "--data: no secrets are stored in " + given.data);
    if (auto ok = complete_for_dev(c, given.data, true); !ok)
      return ok.error();
  }
  return c;
}

result<config> settings_of(const secret_command& given) {
  config c;
  if (!given.config.empty()) {
    auto loaded = load_config(given.config);
    if (!loaded.problems.empty())
      return fail(errc::invalid_argument, loaded.problems.front().text());
    c = std::move(loaded.value);
  }
  auto complete = store_of_dev(std::move(c), given);
  if (!complete)
    return complete.error();
  const auto& found = complete->secrets;
  if (found.type == secrets_config::kind::vault)
    return fail(errc::invalid_argument,
                given.config + ": secrets are in Vault; use `vault kv put` (docs/how-to/vault.md)");
  if (found.type == secrets_config::kind::none)
    return fail(errc::invalid_argument, given.config
                                          + ": has no secrets section; of a `behalf "
                                            "dev`, give the folder: --data ./.behalf");
  if (found.master_key.empty())
    return fail(errc::invalid_argument, given.config
                                          + ": secrets.master_key: is needed: file:<path> or "
                                            "env:<name> of a 32-byte key");
  return complete;
}

result<secret> master_key_of(const std::string& reference, const std::string& base) {
  reference_resolver references{base};
  auto bytes = references.resolve(reference, readers::owner_only);
  if (!bytes)
    return bytes.error();
  return parse_master_key((*bytes)->expose(), reference);
}

std::string folder_of(const secret_command& given) {
  auto folder = std::filesystem::path(given.config).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A token under names that nothing looks for is stored, and never found. Plugins and `behalf dev`
// have issuers of their own, which no file tells.
void warn_of_unknown_names(const config& c, const secret_command& given) {
  if (given.config.empty())
    return;
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

int put(embedded_store& store, const config& settings, const secret_command& given) {
  stored_credential what;
  auto value = read_secret_input();
  if (!value)
    return say(value.error(), exit_usage);
  what.value = std::move(*value);
  what.username = given.username;
  if (!given.expires_at.empty()) {
    auto at = parse_iso8601(given.expires_at);
    if (!at)
      return say(fail(errc::invalid_argument, "--expires-at must be like 2027-01-31T00:00:00Z"),
                 exit_usage);
    if (*at <= now())
      return say(fail(errc::invalid_argument, "--expires-at is in the past"), exit_usage);
    what.expires_at = *at;
  }
  warn_of_unknown_names(settings, given);
  credential_key key{{given.tenant, given.issuer, given.subject}, given.service};
  auto done = store.put(key, what, std::nullopt, now());
  if (!done)
    return say(done.error());
  std::printf("stored %s for %s (generation %lld)\n", given.service.c_str(), given.subject.c_str(),
              static_cast<long long>(*done));
  return exit_ok;
}

int list(embedded_store& store, const secret_command& given) {
  auto owners = store.owners();
  if (!owners)
    return say(owners.error());
  for (const auto& who : *owners) {
    if (!given.subject.empty() && who.subject != given.subject)
      continue;
    auto all = store.summaries(who);
    if (!all)
      return say(all.error());
    for (const auto& one : *all)
      std::printf("%s\t%s\t%s\t%s\tgeneration %lld\t%s\n", who.tenant.c_str(), who.issuer.c_str(),
                  who.subject.c_str(), one.service.c_str(), static_cast<long long>(one.generation),
                  one.expires_at ? iso8601(*one.expires_at).c_str() : "does not expire");
  }
  return exit_ok;
}

int rotate(embedded_store& store, const secret& old_key, const secret_command& given) {
  auto fresh = master_key_of(given.new_key, folder_of(given));
  if (!fresh)
    return say(fresh.error());
  if (auto ok = store.rotate_master_key(old_key, std::move(*fresh)); !ok)
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
  auto key = master_key_of(settings->secrets.master_key, folder_of(given));
  if (!key)
    return say(fail(errc::invalid_argument, "secrets.master_key: " + key.error().message),
               exit_config);
  auto old_key = secret{key->expose()};
  auto store = embedded_store::open(settings->secrets.path, std::move(*key));
  if (!store)
    return say(store.error());
  if (given.verb == "list")
    return list(**store, given);
  if (given.verb == "rotate-master-key")
    return rotate(**store, old_key, given);
  if (given.verb == "put")
    return put(**store, *settings, given);
  auto gone = (*store)->remove({{given.tenant, given.issuer, given.subject}, given.service});
  if (!gone)
    return say(gone.error());
  std::printf("deleted %s of %s\n", given.service.c_str(), given.subject.c_str());
  return exit_ok;
}

int run_audit_verify(const std::string& file, const std::string& anchor) {
  std::optional<audit_anchor> at;
  if (!anchor.empty()) {
    auto colon = anchor.find(':');
    auto digits = anchor.substr(0, colon);
    if (colon == anchor.npos || digits.empty() || digits.size() > 18
        || digits.find_first_not_of("0123456789") != digits.npos)
      return say(fail(errc::invalid_argument, "--anchor must be <line number>:<hash>"), exit_usage);
    at = audit_anchor{std::atoll(digits.c_str()), anchor.substr(colon + 1)};
  }
  auto summary = verify_audit_log(file, at);
  if (!summary) {
    auto why = summary.error().message;
    if (summary.error().kind == broken_audit_end)
      std::fprintf(stderr,
                   "behalf: nothing whole follows; if a crash or a full disk did this: "
                   "behalf audit repair %s\n",
                   file.c_str());
    return say(fail(errc::invalid_argument, why.starts_with("line ") ? file + ": " + why : why));
  }
  if (summary->lines == 0) {
    std::printf("no lines yet\n");
    return exit_ok;
  }
  std::printf("%lld lines, all in order and unchanged\nlast: %lld:%s\n",
              static_cast<long long>(summary->lines), static_cast<long long>(summary->last.seq),
              summary->last.hash.c_str());
  return exit_ok;
}

int run_storage_check(const std::string& file, bool set_aside) {
  auto found = find_damage(storage_url(file),
                           set_aside ? damaged_records::set_aside : damaged_records::report);
  if (!found)
    return say(found.error());
  for (const auto& fault : found->faults)
    std::fprintf(stderr, "behalf: %s: %s\n", file.c_str(), fault.c_str());
  std::printf("%lld records looked at, %zu faults\n", static_cast<long long>(found->records),
              found->faults.size());
  if (found->set_aside > 0)
    std::printf("%lld records are now in the table set_aside; nothing reads them\n",
                static_cast<long long>(found->set_aside));
  if (found->pages_damaged)
    std::printf("pages are damaged: restore a backup; without one, stop the server and save what "
                "can be read: behalf storage recover %s NEW\n",
                file.c_str());
  else if (!found->faults.empty() && !set_aside)
    std::printf("to take damaged records out: stop the server, then add --set-aside\n");
  return found->faults.empty() || (set_aside && !found->pages_damaged) ? exit_ok : exit_failed;
}

int run_storage_recover(const std::string& from, const std::string& to) {
  auto saved = recover_storage(storage_url(from), storage_url(to));
  if (!saved)
    return say(saved.error());
  for (const auto& fault : saved->faults)
    std::fprintf(stderr, "behalf: %s: %s\n", from.c_str(), fault.c_str());
  std::printf("%lld records are in %s; %s is unchanged\n%s\n",
              static_cast<long long>(saved->records), to.c_str(), from.c_str(),
              saved->advice.c_str());
  return exit_ok;
}

int run_audit_repair(const std::string& file) {
  auto done = repair_audit_log(file);
  if (!done)
    return say(done.error());
  if (done->cut_bytes == 0)
    std::printf("nothing to repair: %lld lines, all in order\n",
                static_cast<long long>(done->kept_lines));
  else
    std::printf("kept %lld lines; %zu bytes behind them are in %s, and a line in the log says so\n",
                static_cast<long long>(done->kept_lines), done->cut_bytes, done->cut_file.c_str());
  return exit_ok;
}

namespace {

// An issuer refuses as OAuth does, with `error`; anything else answers as a server without one.
std::string refusal(const std::string& url, unsigned status, const json::object& answer) {
  if (answer.contains("error"))
    return std::string(string_or(answer, "error_description", string_or(answer, "error")));
  return "there is no development issuer at " + url + "/dev (it answered " + std::to_string(status)
         + "); only `behalf dev` has one";
}

} // namespace

int run_token(const token_command& given) {
  auto url = given.url;
  while (url.ends_with('/'))
    url.pop_back();
  auto where = parse_origin(url);
  if (!where)
    return say(fail(errc::invalid_argument, "--url: " + where.error().message), exit_usage);
  boost::asio::io_context io;
  auto door = client::create(io, {});
  if (!door)
    return say(door.error());
  wire_request request;
  request.call.service = "token";
  request.call.method = "POST";
  request.call.url = url + "/dev/token";
  request.call.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  wiped_string form{"grant_type=password&client_id=behalf-cli&username="};
  append_percent(form, given.user);
  form.append("&password=");
  append_percent(form, given.password);
  request.secret_body = std::make_shared<const wiped_string>(std::move(form));
  request.policy = {{*where}, true, true};
  int code = exit_unavailable;
  (*door)->start(std::move(request), std::chrono::steady_clock::now() + std::chrono::seconds(10),
                 [&](result<outbound_reply> reply) {
                   io.stop(); // what keeps connections for reuse has nothing to wait for
                   if (!reply)
                     return static_cast<void>(say(reply.error()));
                   auto body = parse_json(reply->body);
                   auto answer = body && body->is_object() ? body->get_object() : json::object{};
                   if (reply->status == 200) {
                     std::cout << string_or(answer, "access_token") << std::endl;
                     code = exit_ok;
                     return;
                   }
                   code = exit_failed;
                   say(fail(errc::upstream, refusal(url, reply->status, answer)));
                 });
  io.run();
  return code;
}

} // namespace behalf
