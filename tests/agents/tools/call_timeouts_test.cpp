// Calls of tools that take longer than the agent's declaration lets them.
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "behalf/tools.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace call_timeouts_test {

struct nothing {};
BOOST_DESCRIBE_STRUCT(nothing, (), ())

} // namespace call_timeouts_test

namespace {

using call_timeouts_test::nothing;

// In the runner no time passes: a sleep is over before what is asked behind it.
function_tool sleeper(std::string name, int naps) {
  return tool(std::move(name), "",
              [naps](context ctx, const nothing&) -> coroutine<result<json::value>> {
                for (int i = 0; i < naps; ++i)
                  co_await ctx.sleep(1s);
                co_return json::value("rested");
              });
}

agent_options helper(const function_tool& what, std::chrono::milliseconds timeout) {
  agent_options o;
  o.name = "helper";
  o.model = "main";
  o.functions.push_back({what, function_use::rule::allow, timeout});
  return o;
}

std::string result_with(const agent_options& options) {
  testing::graph_runner runner{make_agent(options)};
  runner.model("main")
    .calls({{options.functions.front().what.what.name, json::object{}}})
    .says("Done.");
  const auto out = runner.run({{"messages", list(human("hi"))}});
  REQUIRE_FALSE(out.error);
  const auto& messages = out.state.at("messages").as_array();
  CHECK(text_of(messages.back()) == "Done.");
  return first_result(out);
}

} // namespace

TEST_CASE("a call that takes too long is ended, and the model told", "[agents][tools]") {
  CHECK(result_with(helper(sleeper("nap", 2), 0ms)) == "success: rested");
  CHECK(result_with(helper(sleeper("nap", 1), 5s)) == "success: rested"); // in time
  CHECK(
    result_with(helper(sleeper("nap", 2), 1500ms))
    == "error: Error: 'nap' did not answer within 1500 ms. Whether the call was made is unknown. "
       "Find out before you call the tool once more.");
  auto harmless = sleeper("nap", 2);
  harmless.hints.read_only = true;
  CHECK(result_with(helper(harmless, 1s)) == "error: Error: 'nap' did not answer within 1000 ms.");
}

TEST_CASE("a service that never answers ends no run", "[agents][tools]") {
  agent_options o;
  o.name = "helper";
  o.model = "main";
  tool_source mail{"mail", {"read"}};
  mail.timeouts = {{"read", 20s}};
  o.tools.push_back(mail);
  testing::graph_runner runner{make_agent(o)};
  lists(runner.service("mail"), {listed("read")}).never_answers("read");
  runner.model("main").calls({{"read", json::object{}}}).says("Done.");
  const auto out = runner.run({{"messages", list(human("hi"))}});
  REQUIRE_FALSE(out.error);
  const auto& messages = out.state.at("messages").as_array();
  CHECK(text_of(messages.at(2)).starts_with("Error: 'read' did not answer within 20000 ms."));
  CHECK(text_of(messages.back()) == "Done.");
}

TEST_CASE("a tool may have a time of its own", "[agents][tools]") {
  tool_source source;
  source.timeout = 20s;
  source.timeouts = {{"export", 2min}};
  CHECK(source.timeout_of("export") == 2min);
  CHECK(source.timeout_of("search") == 20s);
}
