// A plugin's `authenticate` handler, which is foreign code in the way of every request.
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "connectors/registry.hpp"
#include "tests/support/actor_fixture.hpp"

#include <limits>
#include <stdexcept>

namespace behalf {
namespace {

// No coroutine itself: what it does comes before the one it returns.
coroutine<result<auth_answer>> accept(auth_context ctx) {
  auth_answer answer;
  answer.identity = ctx.request().path;
  co_return answer;
}

coroutine<result<auth_answer>> give_nonsense(auth_context) {
  auth_answer answer;
  answer.identity = "alice";
  answer.custom = {{"level", std::numeric_limits<double>::quiet_NaN()}};
  co_return answer;
}

coroutine<result<auth_answer>> stumble(auth_context ctx) {
  if (ctx.request().path != "never")
    throw std::runtime_error("inside");
  co_return auth_answer{};
}

coroutine<result<auth_answer>> ask_in_vain(auth_context ctx) {
  auth_answer answer;
  int64_t refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    auto reply = co_await ctx.fetch("stranger", "https://nowhere.example/");
    refused += !reply;
  }
  answer.identity = std::to_string(refused);
  co_return answer;
}

coroutine<result<auth_answer>> by_path(auth_context ctx) {
  if (ctx.request().path == "throw")
    throw std::runtime_error("before the coroutine begins");
  if (ctx.request().path == "stumble")
    return stumble(std::move(ctx));
  if (ctx.request().path == "nonsense")
    return give_nonsense(std::move(ctx));
  if (ctx.request().path == "in vain")
    return ask_in_vain(std::move(ctx));
  return accept(std::move(ctx));
}

struct plugin_fixture : actor_fixture {
  plugin_auth_actor gate = own(admission::spawn_plugin_auth(
    sys, by_path, std::make_shared<const service_registry>(service_registry::create({}).value()),
    {}));

  result<std::string> identity(const std::string& path) {
    auto request = std::make_shared<auth_request>();
    request->path = path;
    auto answer = ask<vouched_by_handler>(gate, call_auth_handler{request});
    if (!answer)
      return answer.error();
    return answer->who->identity;
  }
};

} // namespace

TEST_CASE_METHOD(plugin_fixture, "a handler that throws fails its request, and no other",
                 "[plugin-auth]") {
  for (const auto* path : {"throw", "stumble"}) {
    CHECK(identity(path).error().code == errc::internal);
    CHECK(identity("alice").value() == "alice");
  }
}

TEST_CASE_METHOD(plugin_fixture, "who cannot be stored is nobody", "[plugin-auth]") {
  CHECK(identity("nonsense").error().code == errc::internal);
}

TEST_CASE_METHOD(plugin_fixture, "a handler may be refused as often as it likes", "[plugin-auth]") {
  CHECK(identity("in vain").value() == "5000");
}

} // namespace behalf
