// A plugin as somebody else would write it.
#include "behalf/plugin.hpp"

#include <boost/version.hpp> // as many a plugin does: it says nothing else of itself for that

using namespace behalf;

namespace {

coroutine<node_result> greet(state_view s, context ctx) {
  auto reply = co_await ctx.service("names").get("/me");
  if (!reply)
    co_return reply.error();
  co_return flow::update{{"text", "hi " + std::string(s.text("name"))}};
}

result<std::shared_ptr<const graph>> greeter() {
  graph_builder b{"greeter"};
  b.channel("name", flow::last_value()).channel("text", flow::last_value());
  b.node("greet", greet);
  b.edge(flow::start, "greet");
  return b.build();
}

coroutine<result<auth_answer>> who_is_it(auth_context ctx) {
  if (ctx.request().bearer() != "letmein")
    co_return fail(errc::unauthenticated, "say the word");
  auth_answer who;
  who.identity = "friend";
  co_return who;
}

} // namespace

BEHALF_PLUGIN(plugins) {
  plugins.graph(greeter(), "says hi");
  plugins.authenticate(who_is_it);
  plugins.on("threads.create", [](const on_context& ctx, json::object& value) -> on_answer {
    value["metadata"] = json::object{{"owner", ctx.who.identity}};
    return json::object{{"owner", ctx.who.identity}};
  });
}
