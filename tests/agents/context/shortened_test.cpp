#include "agents/context/shortened.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using testing::outcome;

namespace {

json::value with_tokens(json::value message, int64_t in, int64_t out) {
  message.as_object()["usage_metadata"] = {{"input_tokens", in}, {"output_tokens", out}};
  return message;
}

// Ids "0", "1", …: a question, a call, its result, an answer, and so on.
json::array rounds(std::size_t n, std::size_t result_bytes = 4) {
  json::array all;
  auto add = [&](json::value one) {
    all.push_back(with_id(std::move(one), std::to_string(all.size())));
  };
  for (std::size_t i = 0; i < n; ++i) {
    const auto call = "call-" + std::to_string(i);
    add(human("question"));
    add(ai("", list(tool_call(call, "search", {{"q", "x"}}))));
    add(tool_message(std::string(result_bytes, 'r'), call));
    add(ai("answer"));
  }
  return all;
}

std::string types(const json::array& messages) {
  std::string all;
  for (const auto& one : messages)
    all += one.at("type").as_string().front();
  return all;
}

json::value by_anthropic(std::string_view id) {
  auto one = with_id(ai("thought of"), id);
  one.as_object()["response_metadata"] = {{"model_provider", "anthropic"}};
  return one;
}

} // namespace

TEST_CASE("tokens are those of the last answer, and of what came since", "[agents]") {
  auto all = rounds(2);
  CHECK(shortened(all, {}).tokens() > 20);
  all[3] = with_tokens(all[3], 900, 100);
  all.push_back(human(std::string(4000, 'x')));
  const auto since = shortened(all, {}).tokens();
  CHECK(since > 2000);
  CHECK(since < 2200);
  // An image counts as one, however many bytes it has.
  all.push_back(human(list(image_data(std::string(400'000, 'A'), "image/png"))));
  CHECK(shortened(all, {}).tokens() - since < 2000);
}

TEST_CASE("what is cut ends before no result of a call", "[agents]") {
  auto all = rounds(10);
  shortened s{all, {}};
  const auto cut = s.cut(1'000'000);
  REQUIRE(cut);
  CHECK(*cut == 20);
  s.leave_out(*cut, "before");
  const auto shown = s.shown();
  CHECK(types(shown) == "h" + types(rounds(5)));
  CHECK(shown.front().at("content") == "before");
  CHECK(shown.front().at("additional_kwargs").at("lc_source") == "summarization");
  CHECK_FALSE(s.cut(1'000'000)); // all that is left stays

  all = rounds(2, 4000);
  all.pop_back();
  shortened few{all, {}};
  const auto last = few.cut(100); // not even one fits: the call with its result stays
  REQUIRE(last);
  CHECK(*last == 5);
  const json::array one{human("x")};
  CHECK_FALSE(shortened(one, {}).cut(0));
  CHECK_FALSE(shortened({}, {}).cut(0));
}

TEST_CASE("a conversation goes on as it was shown, until it is shortened again", "[agents]") {
  auto all = rounds(8);
  shortened first{all, {}};
  first.leave_out(*first.cut(1'000'000), "summary");
  const auto before = first.shown();
  auto kept = first.kept();
  all.push_back(with_id(with_tokens(ai("more"), 50, 5), "later"));
  shortened next{all, kept};
  auto after = next.shown();
  CHECK(next.tokens() == 55);
  REQUIRE(after.size() == before.size() + 1);
  after.pop_back();
  CHECK(after == before);
  // Its beginning was deleted: what is left is shown, and no summary of what is gone.
  json::array other{with_id(human("new"), "n")};
  CHECK(types(shortened(other, kept).shown()) == "h");
  CHECK(shortened(other, kept).shown().front().at("content") == "new");
}

TEST_CASE("answers to another beginning lose their thinking, later ones keep it", "[agents]") {
  json::array all{human("a"), by_anthropic("1"), human("b"), by_anthropic("2")};
  all[0] = with_id(all[0], "0");
  shortened s{all, {}};
  s.leave_out(1, "summary");
  all.push_back(by_anthropic("3"));
  const auto shown = shortened(all, s.kept()).shown();
  REQUIRE(shown.size() == 5);
  CHECK(shown[1].at("response_metadata") == json::object{});
  CHECK(shown[3].at("response_metadata") == json::object{});
  CHECK(shown[4].at("response_metadata").at("model_provider") == "anthropic");
}

TEST_CASE("all but the last results are cleared, once", "[agents]") {
  auto all = rounds(5, 4000);
  shortened s{all, {}};
  const auto whole = s.tokens();
  CHECK(s.clear_results(3));
  CHECK_FALSE(s.clear_results(3));
  const auto shown = s.shown();
  REQUIRE(shown.size() == all.size());
  CHECK(shown[2].at("content") == "[cleared]");
  CHECK(shown[6].at("content") == "[cleared]");
  CHECK(shown[6].at("tool_call_id") == "call-1");
  CHECK(text_of(shown[10]).size() == 4000);
  CHECK(whole - s.tokens() > 1900);
  CHECK(shortened(all, s.kept()).shown() == shown);
  auto few = rounds(3);
  CHECK_FALSE(shortened(few, {}).clear_results(3));
}

TEST_CASE("a transcript has the end of what is left out, and is bounded", "[agents]") {
  auto all = rounds(3);
  shortened s{all, {}};
  CHECK(s.transcript(4, 1000)
        == "human: question\nai: [calls search {\"q\":\"x\"}]\ntool: rrrr\nai: answer\n");
  CHECK(s.transcript(4, 20) == "tool: rrr […]\nai: answer\n");
  s.leave_out(4, "what was before");
  CHECK(s.transcript(5, 1000) == "what was before\nhuman: question\n");
  const json::array long_one{human(std::string(100'000, 'x')), human("y")};
  CHECK(shortened(long_one, {}).transcript(1, 1 << 20).size() < 10'000);
}

namespace {

agent_options remembering(memory_options memory) {
  agent_options all;
  all.name = "helper";
  all.model = "main";
  all.prompt = "Be brief.";
  all.memory = memory;
  return all;
}

outcome say(testing::graph_runner& runner, const std::string& text) {
  return runner.run({{"messages", list(human(text))}});
}

} // namespace

TEST_CASE("a long conversation is summarised for the model, and stays whole", "[agents]") {
  testing::graph_runner runner{make_agent(remembering({.summarise_above = 1000}))};
  auto& model = runner.model("main");
  model.says("one").says("SUMMARY").says("two").says("three");
  const std::string much(6000, 'x');
  say(runner, much);
  const auto out = say(runner, "and now?");
  REQUIRE_FALSE(out.error);
  REQUIRE(model.asked().size() == 3);
  const auto& summarised = model.asked().at(1).at("messages");
  CHECK(summarised.at(0).at("role") == "system");
  CHECK(summarised.at(1).at("content").as_string().starts_with("human: xxx"));
  const auto& asked = model.asked().at(2).at("messages").as_array();
  REQUIRE(asked.size() >= 3);
  CHECK(asked[0].at("content") == "Be brief.");
  CHECK(asked[1].at("role") == "user");
  CHECK(asked[1].at("content") == "Here is a summary of the conversation to date:\n\nSUMMARY");
  CHECK(out.state.at("messages").as_array().size() == 4);
  CHECK(text_of(out.state.at("messages").at(0)) == much);
  for (const auto& chunk : out.data("messages"))
    CHECK(text_of(chunk.at(0)).find("SUMMARY") == std::string::npos);
  CHECK_FALSE(out.state.contains("shortened"));
  // No more summaries, and the next question begins with what this one was.
  say(runner, "again");
  REQUIRE(model.asked().size() == 4);
  const auto& next = model.asked().at(3).at("messages").as_array();
  for (std::size_t i = 0; i < asked.size(); ++i)
    CHECK(next.at(i) == asked[i]);
}

TEST_CASE("a summary hides from nobody what was seen", "[agents]") {
  auto options = remembering({.summarise_above = 1000});
  options.tools.push_back({"web", {"read", "send"}});
  testing::graph_runner runner{make_agent(options)};
  lists(runner.service("web"), {listed("read"), listed("send")})
    .answers("read", "a page")
    .answers("send", "sent");
  auto& model = runner.model("main");
  model.calls({{"read", {}}}).says("Read.").says("SUMMARY").calls({{"send", {}}});
  say(runner, "read it");
  const auto out = say(runner, std::string(6000, 'x'));
  REQUIRE_FALSE(out.error);
  REQUIRE(model.asked().size() == 4);
  CHECK(dump(model.asked().at(1).at("messages")).find("a page") != std::string::npos);
  CHECK(dump(model.asked().back().at("messages")).find("a page") == std::string::npos);
  CHECK(out.interrupts.size() == 1);
}

TEST_CASE("a summary that fails is done without", "[agents]") {
  testing::graph_runner runner{make_agent(remembering({.summarise_above = 1000}))};
  auto& model = runner.model("main");
  model.says("one").fails(fail(errc::upstream, "down")).says("two");
  say(runner, std::string(6000, 'x'));
  const auto out = say(runner, "and now?");
  REQUIRE_FALSE(out.error);
  CHECK(text_of(out.state.at("messages").as_array().back()) == "two");
  CHECK(model.asked().back().at("messages").as_array().size() == 4);
  CHECK(out.data("custom").at(0).at("type") == "summary_failed");
}

TEST_CASE("a conversation is trimmed where it is not summarised", "[agents]") {
  testing::graph_runner runner{make_agent(remembering({.trim_above = 1000}))};
  auto& model = runner.model("main");
  model.says("one").says("two");
  say(runner, std::string(6000, 'x'));
  const auto out = say(runner, "and now?");
  const auto& asked = model.asked().back().at("messages").as_array();
  CHECK(dump(asked).find("xxx") == std::string::npos);
  CHECK(asked.back().at("content") == "and now?");
  CHECK(out.state.at("messages").as_array().size() == 4);
}
