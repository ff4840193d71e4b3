#include "config/commands.hpp"

#include "config/assemble.hpp"
#include "config/dev_mode.hpp"
#include "runtime/http/client.hpp"
#include "runtime/http/url.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/master_key.hpp"
#include "secrets/process.hpp"
#include "secrets/references.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <unistd.h>

namespace behalf {
namespace {

int say(const error& why, int code = exit_failed) {
  std::fprintf(stderr, "behalf: %s\n", why.message.c_str());
  return code;
}

// One line, or everything up to the end of a pipe, without its last line break.
secret read_secret_input() {
  if (isatty(STDIN_FILENO))
    std::fprintf(stderr, "value: ");
  wiped_string bytes;
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) == 1 && bytes.size() < (64 << 10)) {
    if (c == '\n' && isatty(STDIN_FILENO))
      break;
    bytes.push_back(c);
  }
  if (!bytes.empty() && bytes.view().back() == '\n')
    bytes.resize(bytes.size() - 1);
  return secret{std::move(bytes)};
}

result<secrets_config> settings_of(const secret_command& given) {
  config c;
  if (!given.config.empty()) {
    auto loaded = load_config(given.config);
    if (!loaded.problems.empty())
      return fail(errc::invalid_argument, loaded.problems.front().text());
    c = std::move(loaded.value);
  }
  if (!given.data.empty())
    if (auto ok = complete_for_dev(c, given.data, true); !ok)
      return ok.error();
  if (c.secrets.type != secrets_config::kind::embedded)
    return fail(errc::invalid_argument,
                "the configuration has no embedded secret store; Vault has commands of its own");
  return c.secrets;
}

result<secret> master_key_of(const std::string& reference, const std::string& base) {
  reference_resolver references{base};
  auto bytes = references.resolve(reference);
  if (!bytes)
    return bytes.error();
  return parse_master_key((*bytes)->expose(), reference);
}

std::string folder_of(const secret_command& given) {
  auto folder = std::filesystem::path(given.config).parent_path().string();
  return folder.empty() ? "." : folder;
}

int put(embedded_store& store, const secret_command& given) {
  stored_credential what;
  what.value = read_secret_input();
  if (what.value.empty())
    return say(fail(errc::invalid_argument, "no value on standard input"), exit_usage);
  what.username = given.username;
  if (!given.expires_at.empty()) {
    auto at = parse_iso8601(given.expires_at);
    if (!at)
      return say(fail(errc::invalid_argument, "--expires-at must be like 2027-01-31T00:00:00Z"),
                 exit_usage);
    what.expires_at = *at;
  }
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
  auto settings = settings_of(given);
  if (!settings)
    return say(settings.error(), exit_config);
  auto key = master_key_of(settings->master_key, folder_of(given));
  if (!key)
    return say(key.error(), exit_config);
  auto old_key = secret{key->expose()};
  auto store = embedded_store::open(settings->path, std::move(*key));
  if (!store)
    return say(store.error());
  if (given.verb == "list")
    return list(**store, given);
  if (given.verb == "rotate-master-key")
    return rotate(**store, old_key, given);
  if (given.verb == "put")
    return put(**store, given);
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
    if (colon == anchor.npos)
      return say(fail(errc::invalid_argument, "--anchor must be <line number>:<hash>"), exit_usage);
    at = audit_anchor{std::atoll(anchor.c_str()), anchor.substr(colon + 1)};
  }
  auto summary = verify_audit_log(file, at);
  if (!summary)
    return say(summary.error());
  std::printf("%lld lines, all in order and unchanged\nlast: %lld:%s\n",
              static_cast<long long>(summary->lines), static_cast<long long>(summary->last.seq),
              summary->last.hash.c_str());
  return exit_ok;
}

int run_token(const token_command& given) {
  auto where = parse_origin(given.url);
  if (!where)
    return say(where.error(), exit_usage);
  boost::asio::io_context io;
  auto door = client::create(io, {});
  if (!door)
    return say(door.error());
  wire_request request;
  request.call.service = "token";
  request.call.method = "POST";
  request.call.url = given.url + "/dev/token";
  request.call.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  wiped_string form{"grant_type=password&client_id=behalf-cli&username="};
  form.append(percent_encode(given.user));
  form.append("&password=");
  form.append(percent_encode(given.password));
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
                   auto why = string_or(answer, "error_description",
                                        string_or(answer, "detail", "no development issuer there"));
                   say(fail(errc::upstream, "the issuer answered " + std::to_string(reply->status)
                                              + ": " + std::string(why)));
                 });
  io.run();
  return code;
}

} // namespace behalf
