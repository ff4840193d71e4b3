// Results that are too long for a model: what it is told, and how it reads on.
#include "agents/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

constexpr int lines = 20'000;

std::string long_text() {
  std::string all;
  for (int i = 0; i < lines; ++i)
    all += "line " + std::to_string(i) + "\n";
  return all;
}

json::object listed(std::string_view name) {
  json::object schema{{"type", "object"}};
  return {{"name", name}, {"inputSchema", schema}};
}

// An agent over a service of strangers that answers with `text`.
struct bench {
  explicit bench(std::string text, json::array tools = {listed("dump")})
    : runner(make_agent(options())) {
    runner.as("alice");
    service_reply all;
    all.body = json::object{{"tools", std::move(tools)}};
    web.answers_by("tools/list", [all](const auto&) -> result<service_reply> { return all; });
    web.answers("dump", std::move(text));
  }

  static agent_options options() {
    agent_options o;
    o.name = "helper";
    o.model = "main";
    o.tools.push_back({"web", {"*"}});
    o.rule_of_two = tainted_calls::off;
    return o;
  }

  testing::outcome say(std::string_view text) {
    auto out = runner.run({{"messages", list(human(text))}});
    REQUIRE_FALSE(out.error);
    return out;
  }

  // Names of the tools that the model was told of in that question.
  std::vector<std::string> told(std::size_t question) const {
    std::vector<std::string> names;
    for (const auto& one : model.asked().at(question).at("tools").as_array())
      names.emplace_back(one.at("function").at("name").as_string());
    return names;
  }

  testing::graph_runner runner;
  testing::scripted_model& model = runner.model("main");
  testing::scripted_service& web = runner.service("web");
};

using names = std::vector<std::string>;

json::value tool_message(const testing::outcome& out, std::size_t nth = 0) {
  for (const auto& one : out.state.at("messages").as_array())
    if (one.at("type") == "tool" && nth-- == 0)
      return one;
  return nullptr;
}

std::string name_in(const std::string& text) {
  const std::string_view before = "[kept whole for 7 days as ";
  const auto at = text.find(before);
  REQUIRE(at != text.npos);
  return text.substr(at + before.size(), 36);
}

} // namespace

TEST_CASE("a long result is kept, and read on", "[agents][tools]") {
  const auto text = long_text();
  bench b{text};
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  auto out = b.say("dump it");
  const auto message = tool_message(out);
  const auto shown = text_of(message);
  CHECK(shown.starts_with("line 0\nline 1\n"));
  CHECK(shown.size() < 67'000);
  const auto name = name_in(shown);
  const auto from = shown.find("from line ");
  REQUIRE(from != shown.npos);
  const auto next = std::stoi(shown.substr(from + 10));
  CHECK(shown.find("line " + std::to_string(next - 1) + "\n") != shown.npos);
  CHECK(shown.find("line " + std::to_string(next + 1) + "\n") == shown.npos);
  CHECK(b.told(0) == names{"dump"});
  CHECK(b.told(1) == names{"dump", "read_result"});
  const auto& kept = message.at("artifact").at("kept");
  CHECK(kept.at("namespace").at(1) == "alice");
  const auto* item = b.runner.store().find({"results", "alice", "thread-1", name}, "text");
  REQUIRE(item);
  CHECK(string_or(*item, "text") == text);
  CHECK(item->at("tool") == "dump");
  CHECK(item->at("taint").at("untrusted").as_object().contains("web"));

  // In a later run of the thread, too.
  json::object rest{{"name", name}, {"from", next}, {"lines", 3}};
  b.model.calls({{"read_result", rest}}).says("Done.");
  out = b.say("and then?");
  CHECK(b.told(2) == names{"dump", "read_result"});
  const auto n = [&](int i) { return "line " + std::to_string(next + i) + "\n"; };
  CHECK(text_of(tool_message(out, 1))
        == n(0) + n(1) + n(2) + "\n[lines " + std::to_string(next) + " to "
             + std::to_string(next + 2) + " of 20000]");
}

TEST_CASE("what is read is bounded, and only what there is", "[agents][tools]") {
  bench b{std::string(300'000, 'x')}; // one line
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  const auto name = name_in(text_of(tool_message(b.say("dump it"))));
  const auto read = [&](json::object args) {
    args.emplace("name", name);
    b.model.calls({{"read_result", args}}).says("Done.");
    const auto out = b.say("read");
    const auto& all = out.state.at("messages").as_array();
    return text_of(all.at(all.size() - 2));
  };
  const auto much = read({{"lines", 1'000}});
  CHECK(much.starts_with("xxx"));
  CHECK(much.ends_with("\n[lines 0 to 23 of 150]"));
  CHECK(read({{"from", 150}}) == "There is no line 150: the result has 150 lines, from 0 on.");
  CHECK(read({{"from", int64_t{1} << 62}}).starts_with("There is no line"));
  CHECK(read({{"name", "nothing"}}) == "Error: there is no result of that name, or not any more.");
}

TEST_CASE("what fits is not kept", "[agents][tools]") {
  bench b{std::string(60'000, 'x')};
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  const auto out = b.say("dump it");
  CHECK(text_of(tool_message(out)).size() == 60'000);
  CHECK(b.runner.store().size() == 0);
  CHECK(b.told(1) == names{"dump"});
}

TEST_CASE("of a thread's results the newest are kept", "[agents][tools]") {
  bench b{long_text()};
  for (int i = 0; i < 22; ++i)
    b.model.calls({{"dump", json::object{}}});
  b.model.says("Enough.");
  const auto out = b.say("dump it");
  CHECK(b.runner.store().size() == 20);
  const auto place = [&](std::size_t nth) {
    return labels{"results", "alice", "thread-1", name_in(text_of(tool_message(out, nth)))};
  };
  CHECK_FALSE(b.runner.store().find(place(0), "text"));
  CHECK_FALSE(b.runner.store().find(place(1), "text"));
  CHECK(b.runner.store().find(place(2), "text"));
  CHECK(b.runner.store().find(place(21), "text"));
}

TEST_CASE("a service's own tool of that name stays what it is", "[agents][tools]") {
  bench b{long_text(), {listed("dump"), listed("read_result")}};
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  b.say("dump it");
  CHECK(b.told(1) == names{"dump", "read_result"});
  b.web.answers("read_result", "theirs");
  b.model.calls({{"read_result", json::object{}}}).says("Done.");
  CHECK(text_of(tool_message(b.say("go"), 1)) == "theirs");
}
