// Results that are too long for a model: what it is told, and how it reads on.
#include "agents/tools/kept_results.hpp"
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/task_facts.hpp"
#include "runtime/net/codec.hpp"
#include "tests/support/agent_pieces.hpp"
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

// An agent over a service of strangers that answers with `text`.
struct bench {
  explicit bench(std::string text, json::array tools = {listed("dump")})
    : runner(make_agent(options())) {
    runner.as("alice");
    lists(web, std::move(tools)).answers("dump", std::move(text));
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

// `n` results of other threads, older than any that are made now.
void fill(testing::memory_store& store, const std::string& user, int n) {
  for (int i = 100; i < 100 + n; ++i)
    store.put({"kept_results", user, "thread-of-" + std::to_string(i), "0-" + std::to_string(i)},
              "text", {{"text", "old"}});
}

coroutine<node_result> keep(context ctx, tool_outcome& outcome) {
  const taint none;
  auto keeping = keep_left(ctx, outcome, none);
  co_await std::move(keeping);
  co_return flow::update{};
}

// Keeps a result, in a run that is told so; gives what the store was asked.
std::vector<store_operation> asked_to_keep(bool temporary, tool_outcome& outcome) {
  auto run = std::make_shared<run_facts>();
  run->thread_id = "thread-1";
  run->temporary = temporary;
  auto facts = std::make_shared<task_facts>();
  facts->run = run;
  context ctx{facts};
  const auto machine = coroutine_node(keep(ctx, outcome));
  const state_view none;
  std::vector<store_operation> asked;
  auto now = machine->start({none, ctx});
  while (auto* wanted = std::get_if<std::vector<asked_effect>>(&now)) {
    asked.push_back(std::get<store_operation>(wanted->front().what));
    now = machine->resume(wanted->front().id, store_reply{});
  }
  return asked;
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
  const auto* item = b.runner.store().find({"kept_results", "alice", "thread-1", name}, "text");
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
  const auto read = [&](std::string_view args) {
    auto all = parse_json(args).value().as_object();
    all.emplace("name", name);
    b.model.calls({{"read_result", all}}).says("Done.");
    const auto out = b.say("read");
    const auto& messages = out.state.at("messages").as_array();
    const auto& told = messages.at(messages.size() - 2);
    return std::pair{std::string(told.at("status").as_string()), text_of(told)};
  };
  const auto much = read(R"({"lines": 1000})");
  CHECK(much.first == "success");
  CHECK(much.second.starts_with("xxx"));
  CHECK(much.second.ends_with("\n[lines 0 to 23 of 150]"));
  for (const auto* args : {R"({"from": 148, "lines": 1})", R"({"from": 148.0, "lines": 1.0})",
                           R"({"from": 1.48e2, "lines": 1e0})"})
    CHECK(read(args).second.ends_with("\n[lines 148 to 148 of 150]"));

  // What is not taken is an error, which says what is.
  const std::vector<std::pair<std::string_view, std::string_view>> refused{
    {R"({"from": 150})", "there is no line 150: the result has 150 lines, from 0 on"},
    {R"({"from": 1e300})", "The argument from must be at most 4194304"},
    {R"({"from": 4611686018427387904})", "The argument from must be at most 4194304"},
    {R"({"from": 18446744073709551615})", "The argument from must be at most 4194304"},
    {R"({"from": -1})", "The argument from must be at least 0"},
    {R"({"from": -1e300})", "The argument from must be at least 0"},
    {R"({"from": 1.5})", "The argument from must be an integer"},
    {R"({"from": "3"})", "The argument from must be an integer"},
    {R"({"from": null})", "The argument from must be an integer"},
    {R"({"from": [3]})", "The argument from must be an integer"},
    {R"({"lines": 0})", "The argument lines must be at least 1"},
    {R"({"lines": 1e300})", "The argument lines must be at most 1000"},
    {R"({"lines": 0.5})", "The argument lines must be"},
    {R"({"name": 7})", "The argument name must be a string"},
    {R"({"name": "nothing"})", "there is no result of that name, or not any more"}};
  for (const auto& [args, why] : refused) {
    const auto [status, text] = read(args);
    CAPTURE(args, text);
    CHECK(status == "error");
    CHECK(text.find(why) != text.npos);
  }
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
    return labels{"kept_results", "alice", "thread-1", name_in(text_of(tool_message(out, nth)))};
  };
  CHECK_FALSE(b.runner.store().find(place(0), "text"));
  CHECK_FALSE(b.runner.store().find(place(1), "text"));
  CHECK(b.runner.store().find(place(2), "text"));
  CHECK(b.runner.store().find(place(21), "text"));
}

TEST_CASE("of results that come side by side no more are kept", "[agents][tools]") {
  bench b{long_text()};
  const testing::scripted_model::call dump{"dump", json::object{}};
  b.model.calls(std::vector(40, dump)).says("Enough.");
  b.say("dump it");
  CHECK(b.runner.store().size() == 20);
}

TEST_CASE("of a user's results the newest are kept", "[agents][tools]") {
  bench b{long_text()};
  auto& store = b.runner.store();
  fill(store, "alice", 105);
  fill(store, "bob", 105);
  store.put({"kept_results", "alice"}, "text", {{"text", "her own"}});
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  const auto name = name_in(text_of(tool_message(b.say("dump it"))));
  CHECK(store.size() == 100 + 105 + 1);
  const auto of = [&](const std::string& user, int i) {
    return store.find(
      {"kept_results", user, "thread-of-" + std::to_string(i), "0-" + std::to_string(i)}, "text");
  };
  CHECK_FALSE(of("alice", 105));
  CHECK(of("alice", 106));
  CHECK(of("bob", 100));
  CHECK(store.find({"kept_results", "alice"}, "text"));
  CHECK(store.find({"kept_results", "alice", "thread-1", name}, "text"));
}

TEST_CASE("a user called * has no say over the results of others", "[agents][tools]") {
  bench b{long_text()};
  b.runner.as("*");
  fill(b.runner.store(), "bob", 120);
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  b.say("dump it");
  CHECK(b.runner.store().size() >= 120);
}

TEST_CASE("where there is no room nothing is kept", "[agents][tools]") {
  bench b{long_text()};
  auto& store = b.runner.store();
  for (int i = 0; i < 200; ++i) // of the user's own
    store.put({"kept_results", "alice", std::to_string(i)}, "text", {{"text", "mine"}});
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  const auto message = tool_message(b.say("dump it"));
  CHECK(text_of(message).find("kept whole") == std::string::npos);
  CHECK_FALSE(object_or_empty(message.as_object(), "artifact").contains("kept"));
  CHECK(store.size() == 200);
  CHECK(b.told(1) == names{"dump"});
}

TEST_CASE("results stay an hour where the thread goes with the run", "[agents][tools]") {
  const auto temporary = GENERATE(false, true);
  tool_outcome outcome{json::object{{"content", "line 0"}, {"name", "dump"}}};
  outcome.left.text = long_text();
  const auto asked = asked_to_keep(temporary, outcome);
  REQUIRE(asked.size() == 2); // nothing is there yet
  const auto& put = std::get<store_put>(asked.front());
  CHECK(put.ttl_minutes == (temporary ? 60 : 7 * 24 * 60));
  CHECK(text_of(outcome.message).find(temporary ? "for an hour as " : "for 7 days as ")
        != std::string::npos);
}

TEST_CASE("files that a model does not get are kept, and given by their number",
          "[agents][tools]") {
  const auto png = base64("\x89PNG\r\n\x1a\n" + std::string(2'000'000, 'x'));
  bench b{"", list(listed("fetch"))};
  b.web.answers_by("fetch", [&](const auto&) -> result<service_reply> {
    json::object zip{{"uri", "file:///a.zip"}, {"mimeType", "application/zip"}, {"blob", "AP8A"}};
    json::object image{{"type", "image"}, {"mimeType", "image/png"}, {"data", png}};
    json::object resource{{"type", "resource"}, {"resource", std::move(zip)}};
    service_reply reply;
    reply.body = json::object{{"content", list(image, image, std::move(resource))}};
    return reply;
  });
  b.model.calls({{"fetch", json::object{}}}).says("I see.");
  const auto message = tool_message(b.say("fetch it"));
  const auto& blocks = message.at("content").as_array();
  REQUIRE(blocks.size() == 4);
  CHECK(blocks[0].at("type") == "image");
  CHECK(blocks[1].at("text")
        == "[left out: a file of image/png, 2000010 bytes, the result is too long; kept as file 1, "
           "which read_result gives]");
  CHECK(blocks[2].at("text")
        == "[left out: a file of application/zip, 3 bytes, file:///a.zip, models cannot read it; "
           "kept as file 2, for the user]");
  const std::string_view last = blocks[3].at("text").as_string();
  const auto& kept = message.at("artifact").at("kept");
  const std::string name(kept.at("namespace").at(3).as_string());
  CHECK(last == "[the files are kept whole for 7 days as " + name + "]");
  CHECK(kept.at("files") == list("1.png", "2-a.zip"));
  CHECK(b.told(1) == names{"fetch", "read_result"});
  const labels place{"kept_results", "alice", "thread-1", name};
  const auto* item = b.runner.store().find(place, "text");
  REQUIRE(item);
  CHECK(item->at("text") == "");
  CHECK(std::string(item->at("files").at(0).at("base64").as_string()) == png);
  CHECK(item->at("files").at(0).at("bytes") == 2'000'008);
  CHECK(item->at("taint").at("untrusted").as_object().contains("web"));

  const auto read = [&](int nth) {
    json::object args{{"name", name}, {"file", nth}};
    b.model.calls({{"read_result", args}}).says("Done.");
    const auto out = b.say("read");
    const auto& messages = out.state.at("messages").as_array();
    return messages.at(messages.size() - 2);
  };
  const auto given = read(1);
  CHECK(given.at("status") == "success");
  CHECK(given.at("content")
        == list(json::object{{"type", "image"}, {"base64", png}, {"mime_type", "image/png"}}));
  const auto refused = [&](int nth) {
    const auto told = read(nth);
    CHECK(told.at("status") == "error");
    return text_of(told);
  };
  CHECK(refused(2)
        == "Error: models cannot read file 2, of application/zip. The user can fetch it.");
  CHECK(refused(3) == "Error: the result has no file 3: it has 2.");
  CHECK(refused(21).find("The argument file must be at most 20") != std::string::npos);
  auto large = *item;
  large["files"].at(1) = json::object{{"base64", base64(std::string(4'000'000, 'x'))}};
  b.runner.store().put(place, "text", large);
  CHECK(refused(2).find("is too large for a model. The user can fetch it.") != std::string::npos);
  b.runner.store().put(place, "text", {{"files", list(7)}});
  CHECK(refused(1) == "Error: the result has no file 1: it has 1.");
  b.runner.as("bob");
  CHECK(refused(1) == "Error: there is no result of that name, or not any more.");
}

TEST_CASE("each note of a text says which file it is", "[agents][tools]") {
  bench b{"", list(listed("fetch"))};
  b.web.answers_by("fetch", [&](const auto&) -> result<service_reply> {
    json::object zip{{"mimeType", "application/zip"}, {"blob", "AP8A"}};
    json::object resource{{"type", "resource"}, {"resource", std::move(zip)}};
    json::object more{{"type", "text"}, {"text", "[left out: nothing]"}};
    service_reply reply;
    reply.body = json::object{{"content", list(more, resource, more, resource)}};
    return reply;
  });
  b.model.calls({{"fetch", json::object{}}}).says("I see.");
  auto text = text_of(tool_message(b.say("fetch it")));
  text.erase(text.find("\n[the files are kept whole for 7 days as "));
  const auto note = [](int n) {
    return "[left out: nothing]\n[left out: a file of application/zip, 3 bytes, models cannot read "
           "it; kept as file "
           + std::to_string(n) + ", for the user]";
  };
  CHECK(text == note(1) + "\n" + note(2));
}

TEST_CASE("read_result comes behind the tools there were", "[agents][tools]") {
  bench b{long_text(), {listed("dump"), listed("zip")}};
  b.model.calls({{"dump", json::object{}}}).says("I see.").says("Yes.");
  b.say("dump it");
  CHECK(b.told(0) == names{"dump", "zip"});
  CHECK(b.told(1) == names{"dump", "zip", "read_result"});
  b.say("and then?");
  CHECK(b.told(2) == b.told(1));
}

TEST_CASE("a service's own tool of that name gets another for models", "[agents][tools]") {
  bench b{long_text(), {listed("dump"), listed("read_result")}};
  b.model.calls({{"dump", json::object{}}}).says("I see.");
  b.say("dump it");
  CHECK(b.told(0) == names{"dump", "web_read_result"});
  CHECK(b.told(1) == names{"dump", "web_read_result", "read_result"});
  b.web.answers("read_result", "theirs");
  b.model.calls({{"web_read_result", json::object{}}}).says("Done.");
  CHECK(text_of(tool_message(b.say("go"), 1)) == "theirs");
}
