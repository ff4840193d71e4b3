#include "agents/response.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using testing::outcome;

namespace {

json::object person_schema() {
  return {{"title", "Person found"},
          {"type", "object"},
          {"properties", {{"name", {{"type", "string"}}}, {"age", {{"type", "integer"}}}}},
          {"required", {"name", "age"}}};
}

agent_options asked_for_a_person(response_strategy how) {
  agent_options all;
  all.name = "finder";
  all.model = "main";
  all.tools.push_back({"mail", {"*"}, {}, {}, true});
  all.response = {person_schema(), how};
  return all;
}

struct bench {
  explicit bench(response_strategy how = response_strategy::tool)
    : bench(asked_for_a_person(how)) {}
  explicit bench(agent_options options) : runner(make_agent(std::move(options))) {
    runner.as("alice");
    runner.service("mail").answers("search", "2 found");
  }

  outcome say(std::string_view text) { return runner.run({{"messages", list(human(text))}}); }

  testing::graph_runner runner;
  testing::scripted_model& model = runner.model("main");
};

const json::value ann = json::object{{"name", "Ann"}, {"age", 7}};

std::vector<std::string> texts(const outcome& out) {
  std::vector<std::string> all;
  for (const auto& one : out.state.at("messages").as_array())
    all.push_back(std::string(one.at("type").as_string()) + ": " + text_of(one));
  return all;
}

} // namespace

TEST_CASE("an answer given by the schema's tool is checked and kept", "[agents]") {
  bench b;
  b.model.calls({{"search", json::object{}}}).calls({{"Person_found", ann}});
  const auto out = b.say("who?");
  REQUIRE_FALSE(out.error);
  CHECK(out.state.at("structured_response") == ann);
  CHECK(texts(out)
        == std::vector<std::string>{"human: who?", "ai: ", "tool: 2 found",
                                    "ai: ", "tool: Returning structured response: " + dump(ann)});
  CHECK(out.state.at("messages").as_array().back().at("name") == "Person_found");
  const auto& asked = b.model.asked().at(0);
  CHECK(asked.at("tools").as_array().size() == 2);
  CHECK(asked.at("tool_choice") == "required");
  CHECK_FALSE(asked.as_object().contains("response_format"));
}

TEST_CASE("an answer of a turn before is gone in the next", "[agents]") {
  bench b;
  b.model.calls({{"Person_found", ann}}).calls({{"search", json::object{}}});
  CHECK(b.say("who?").state.at("structured_response") == ann);
  b.runner.interrupt_after({"model"});
  const auto out = b.say("and now?");
  CHECK(out.state.at("structured_response") == nullptr);
}

TEST_CASE("what is wrong with an answer is told, three times", "[agents]") {
  bench b;
  SECTION("then it is right") {
    b.model.calls({{"Person_found", {{"name", "Ann"}}}})
      .calls({{"Person_found", ann}, {"Person_found", ann}})
      .says("Ann is 7")
      .calls({{"Person_found", ann}});
    const auto out = b.say("who?");
    REQUIRE_FALSE(out.error);
    CHECK(out.state.at("structured_response") == ann);
    const auto said = texts(out);
    REQUIRE(said.size() == 10);
    CHECK(said[2].find("age") != std::string::npos);
    CHECK(said[2].ends_with("Please fix your mistakes."));
    CHECK(said[4].find("2 answers") != std::string::npos);
    CHECK(said[5] == said[4]);
    CHECK(said[7] == "human: Give your answer by calling the tool 'Person_found'.");
    const auto& hidden = out.state.at("messages").at(7).at("id").as_string();
    CHECK(hidden.starts_with("do-not-render-"));
  }
  SECTION("then it is too often") {
    b.model.calls({{"Person_found", {{"name", "Ann"}}}});
    const auto out = b.say("who?");
    REQUIRE(out.error);
    CHECK(out.error->message.find("did not have the form") != std::string::npos);
    CHECK(b.model.asked().size() == 4);
  }
}

TEST_CASE("calls beside an answer are made, and end the turn", "[agents]") {
  bench b;
  b.model.calls({{"search", json::object{}}, {"Person_found", ann}});
  const auto out = b.say("who?");
  REQUIRE_FALSE(out.error);
  CHECK(out.state.at("structured_response") == ann);
  CHECK(b.runner.calls().back().what == "search");
  CHECK(b.model.asked().size() == 1);
}

TEST_CASE("a provider is asked for the form where it can", "[agents]") {
  bench b{response_strategy::automatic};
  SECTION("and keeps to it") {
    b.model.says("```json\n" + dump(ann) + "\n```");
  }
  SECTION("or is told") {
    b.model.says("Ann, 7").says(R"({"name": "Ann"})").says(dump(ann));
  }
  const auto out = b.say("who?");
  REQUIRE_FALSE(out.error);
  CHECK(out.state.at("structured_response") == ann);
  const auto& asked = b.model.asked().at(0);
  CHECK(asked.at("response_format").at("json_schema").at("schema") == json::value(person_schema()));
  CHECK(asked.at("tools").as_array().size() == 1);
}

TEST_CASE("clients do not write an answer", "[agents]") {
  bench b;
  b.model.calls({{"Person_found", ann}});
  const auto out =
    b.runner.run({{"messages", list(human("who?"))}, {"structured_response", "mine"}});
  CHECK(out.state.at("structured_response") == ann);
}

TEST_CASE("the tool of an answer has a name of its own", "[agents]") {
  model_directory none;
  auto name = [&](std::string_view title, std::vector<agent_tool> tools) {
    auto form = person_schema();
    form["title"] = title;
    const response_options wanted{form, response_strategy::automatic};
    chat_request question{{}};
    response_form{wanted, "main", &none, tools}.ask_for_it(question);
    return question.tools.at(0).name;
  };
  agent_tool taken;
  taken.as_told.name = "response";
  CHECK(name("", {}) == "response");
  CHECK(name("3 é-x y", {}) == "x_y");
  CHECK(name("", {taken}) == "response_2");
  CHECK(name(std::string(100, 'x'), {}).size() == 64);
}
