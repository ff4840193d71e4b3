// A custom `authenticate` handler and `on` handlers, as a plugin. It asks a service who the caller
// is and takes a secret for calls on `mail` from a header.
#include "behalf/plugin.hpp"

#include <stdexcept>

using namespace behalf;

namespace {

coroutine<result<auth_answer>> ask_directory(auth_context ctx) {
  const auto& request = ctx.request();
  auto bearer = request.bearer();
  if (bearer.empty())
    co_return fail(errc::unauthenticated, "who are you?", "WWW-Authenticate", "Gate");
  if (bearer == "banned")
    co_return fail(errc::denied, "you are banned");
  const auto* where = find_header(request.headers, "x-directory");
  const auto url = where ? *where : std::string{};
  auto found = co_await ctx.fetch("directory", url).as_caller();
  if (!found)
    co_return found.error();
  if (found->status != 200)
    co_return fail(errc::unauthenticated, "the directory does not know you");
  auto body = parse_json(found->body);
  auth_answer answer;
  answer.identity = std::string(string_or(body->as_object(), "user"));
  answer.permissions = {"gate"};
  answer.custom = {{"via", "gate"}};
  answer.secret_fields["mail"] = wiped_string{bearer};
  co_return answer;
}

// No coroutine itself: what it does comes before the one it returns.
coroutine<result<auth_answer>> authenticate(auth_context ctx) {
  if (ctx.request().bearer() == "faulty")
    throw std::runtime_error("the handler failed as asked");
  return ask_directory(std::move(ctx));
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.authenticate(authenticate);
  registry.on("threads", [](const on_context& ctx, json::object& value) -> on_answer {
    if (!value.contains("metadata") || !value["metadata"].is_object())
      value["metadata"] = json::object{};
    value["metadata"].get_object()["owner"] = ctx.who.identity;
    return json::object{{"owner", ctx.who.identity}};
  });
  registry.on("threads.delete",
              [](const on_context&, json::object&) -> on_answer { return false; });
}
