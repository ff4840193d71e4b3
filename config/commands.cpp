#include "config/commands.hpp"

#include "runtime/http/client.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/process.hpp"

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

} // namespace

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
    auto code =
      say(fail(errc::invalid_argument, why.starts_with("line ") ? file + ": " + why : why));
    if (summary.error().kind == broken_audit_end)
      std::fprintf(stderr,
                   "behalf: nothing whole follows; if a crash or a full disk did this: "
                   "behalf audit repair %s\n",
                   file.c_str());
    return code;
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
         + "): only `behalf dev` has one, where users log in. Without log-in (--no-auth) leave "
           "--user "
           "out, elsewhere say --token";
}

result<std::string> token_of(const std::string& url, const outbound_reply& reply) {
  auto body = parse_json(reply.body);
  auto answer = body && body->is_object() ? body->get_object() : json::object{};
  if (reply.status != 200)
    return fail(errc::denied, refusal(url, reply.status, answer));
  return std::string(string_or(answer, "access_token"));
}

} // namespace

result<std::string> development_token(const token_command& given) {
  auto url = given.url;
  while (url.ends_with('/'))
    url.pop_back();
  auto where = parse_origin(url);
  if (!where)
    return fail(errc::invalid_argument, "--url: " + where.error().message);
  boost::asio::io_context io;
  auto outbound = client::create(io, {});
  if (!outbound)
    return outbound.error();
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
  result<std::string> token = fail(errc::upstream, "nobody answered");
  (*outbound)->start(std::move(request),
                     std::chrono::steady_clock::now() + std::chrono::seconds(10),
                     [&](result<outbound_reply> reply) {
                       io.stop(); // what keeps connections for reuse has nothing to wait for
                       if (reply)
                         token = token_of(url, *reply);
                       else
                         token = reply.error();
                     });
  io.run();
  return token;
}

int run_token(const token_command& given) {
  auto token = development_token(given);
  if (!token)
    return say(token.error(), exit_of(token.error()));
  std::cout << *token << std::endl;
  return exit_ok;
}

} // namespace behalf
