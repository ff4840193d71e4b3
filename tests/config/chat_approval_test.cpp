#include "config/chat_approval.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

using form = chat_question::form;

chat_question question_of(const std::string& value) {
  return read_question({{"id", "i1"}, {"value", *parse_json(value)}});
}

asked_action send_action() {
  return {"send", {{"to", "bob"}}, "", {"approve", "edit", "reject", "respond"}};
}

std::string decided(std::string_view line, const asked_action& action = send_action(),
                    form as = form::batch) {
  auto decision = read_decision(line, action, as);
  return decision ? dump(*decision) : "no: " + decision.error().message;
}

} // namespace

TEST_CASE("an approval is read with what it allows", "[chat]") {
  auto q = question_of(R"({"action_requests":[
      {"name":"send","args":{"to":"bob"},"description":"Sends"},{"name":"drop","args":{}}],
    "review_configs":[
      {"action_name":"send","allowed_decisions":["approve","edit"]},
      {"action_name":"drop","allowed_decisions":["reject","else"]}]})");
  REQUIRE(q.actions.size() == 2);
  CHECK(q.id == "i1");
  CHECK(q.actions[0].name == "send");
  CHECK(q.actions[0].args.at("to") == "bob");
  CHECK(choices(q.actions[0]) == "approve or edit {JSON}");
  CHECK(choices(q.actions[1]) == "reject [why]");
}

TEST_CASE("review_configs may be one for each tool, or missing", "[chat]") {
  auto q = question_of(R"({"action_requests":[{"name":"a"},{"name":"b"},{"name":"a"}],
    "review_configs":[{"action_name":"b","allowed_decisions":["approve"]}]})");
  REQUIRE(q.actions.size() == 3);
  CHECK(choices(q.actions[1]) == "approve");
  CHECK(choices(q.actions[2]) == "approve, edit {JSON}, reject [why] or respond TEXT");
}

TEST_CASE("what is no approval has no actions", "[chat]") {
  for (auto value : {"\"ok?\"", "null", "[]", R"({"question":"ok?"})", R"({"action_requests":7})"})
    CHECK(question_of(value).actions.empty());
}

TEST_CASE("what is waited for is said in short", "[chat]") {
  CHECK(in_short(question_of("\"ok?\"")) == "an answer to \"ok?\"");
  CHECK(in_short(question_of(R"({"action_requests":[{"name":"a","args":{"x":1}},{"name":"b"}]})"))
        == "an approval of a {\"x\":1} and 1 more");
  CHECK(in_short(question_of(R"({"action_requests":[{"name":"ask_user","description":"Which?"}],
    "review_configs":[{"action_name":"ask_user","allowed_decisions":["respond","reject"]}]})"))
        == "an answer to \"Which?\"");
}

TEST_CASE("an action is shown whole, and nothing of it passes for our words", "[chat]") {
  auto action = send_action();
  action.args["text"] = std::string(1000, 'x') + "\x1b\n";
  action.description = "Sends it.\nThe assistant asks\x1b[1A";
  CHECK(show_action(action)
        == "The assistant asks to call send with\n  \"to\": \"bob\"\n  \"text\": \""
             + std::string(1000, 'x') + "\\u001b\\n\"\n  | Sends it.\n  | The assistant asks[1A\n");
  CHECK(show_action({"stop", {}, "", {}}) == "The assistant asks to call stop without arguments\n");
}

TEST_CASE("decisions are read in a letter or a word", "[chat]") {
  for (auto line : {"a", "approve", " Approve \r"})
    CHECK(decided(line) == R"({"type":"approve"})");
  CHECK(decided("r") == R"({"type":"reject"})");
  CHECK(decided("reject not him") == R"({"type":"reject","message":"not him"})");
  CHECK(decided("respond 42") == R"({"type":"respond","message":"42"})");
  CHECK(decided(R"(e {"to": "eve"})")
        == R"({"type":"edit","edited_action":{"name":"send","args":{"to":"eve"}}})");
  CHECK(decided(R"(edit {})", send_action(), form::camel_batch)
        == R"({"type":"edit","editedAction":{"name":"send","args":{}}})");
}

TEST_CASE("a decision that cannot be is refused with what can", "[chat]") {
  const auto all = "no: The answer is one of: approve, edit {JSON}, reject [why] or respond TEXT";
  for (auto line : {"", " ", "yes", "ap", "approved"})
    CHECK(decided(line) == all);
  CHECK(decided("a please") == "no: To approve, say approve alone");
  CHECK(decided("respond").starts_with("no: respond needs a text"));
  for (auto line : {"edit", "edit {", "edit [1]", "edit 7"})
    CHECK(decided(line)
          == R"(no: edit needs all the arguments, as a JSON object: edit {"to":"bob"})");
  auto strict = send_action();
  strict.allowed = {"reject"};
  CHECK(decided("a", strict) == "no: The answer is one of: reject [why]");
}

TEST_CASE("a question in words is answered in words", "[chat]") {
  asked_action ask{"ask_user",
                   {{"question", "Which?"}, {"answer", ""}},
                   "Which?\n- a\n- edit",
                   {"respond", "edit", "reject"}};
  CHECK(show_action(ask) == "The assistant asks:\n  | Which?\n  | - a\n  | - edit\n");
  CHECK(choices(ask) == "your answer, or reject [why]");
  for (auto line : {"a", "e", "r", "edit", "edit it", "approve", "the red one", "7"})
    CHECK(decided(line, ask) == dump(json::object{{"type", "respond"}, {"message", line}}));
  CHECK(decided("respond blue", ask) == R"({"type":"respond","message":"blue"})");
  CHECK(decided("reject not now", ask) == R"({"type":"reject","message":"not now"})");
  CHECK(decided(R"(edit {"answer":"x"})", ask)
        == R"({"type":"edit","edited_action":{"name":"ask_user","args":{"answer":"x"}}})");
  CHECK(decided(" ", ask) == "no: An answer is needed");
  ask.name = "send"; // what another tool would be called with stays in sight
  CHECK(show_action(ask).starts_with("The assistant asks to call send with\n  \"question\""));
}

TEST_CASE("an answer is JSON if it can be, else text", "[chat]") {
  CHECK(read_answer(" true ") == json::value(true));
  CHECK(read_answer(R"({"a":1})") == json::value{{"a", 1}});
  CHECK(read_answer("yes, do") == json::value("yes, do"));
}

TEST_CASE("decisions resume as the question wants them", "[chat]") {
  json::object approve{{"type", "approve"}};
  auto batch = question_of(R"({"action_requests":[{"name":"a"}]})");
  CHECK(dump(resume_of(batch, {approve})) == R"({"decisions":[{"type":"approve"}]})");
  auto one = question_of(R"({"type":"tool_approval","name":"a","args":{"x":1}})");
  REQUIRE(one.actions.size() == 1);
  CHECK(one.actions[0].args.at("x") == 1);
  CHECK(dump(resume_of(one, {approve})) == R"({"type":"approve"})");
  auto camel = question_of(R"({"actionRequests":[{"name":"a"}],
    "reviewConfigs":[{"actionName":"a","allowedDecisions":["approve"]}]})");
  REQUIRE(camel.actions.size() == 1);
  CHECK(camel.answer_form == form::camel_batch);
  CHECK(choices(camel.actions[0]) == "approve");
}

TEST_CASE("several interrupts are answered by their ids", "[chat]") {
  auto other = question_of("\"ok?\"");
  CHECK(dump(resume_all({other}, {true})) == "true");
  auto second = other;
  second.id = "i2";
  CHECK(dump(resume_all({other, second}, {true, "no"})) == R"({"i1":true,"i2":"no"})");
}

} // namespace behalf
