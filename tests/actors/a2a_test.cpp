// Messages of the A2A protocol read, and tasks worded, without a server.
#include "actors/endpoints/a2a_card.hpp"
#include "actors/endpoints/a2a_message.hpp"
#include "actors/endpoints/a2a_task.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace behalf::endpoints;

namespace {

json::object object(std::string_view text) {
  return parse_json(text).value().as_object();
}

result<a2a_message> read(std::string_view parts, std::string_view more = "") {
  const auto text = R"({"message":{"role":"user","messageId":"m","parts":)" + std::string(parts)
                    + std::string(more) + "}}";
  return read_a2a_message(object(text), shape_limits{});
}

json::value input(std::string_view parts, std::string_view more = "") {
  auto message = read(parts, more);
  REQUIRE(message);
  auto made = input_of(*message);
  REQUIRE(made);
  return *made;
}

int code_of(std::string_view parts, std::string_view more = "") {
  auto message = read(parts, more);
  if (!message)
    return a2a_code(message.error());
  auto made = input_of(*message);
  return made ? 0 : a2a_code(made.error());
}

json::value answer(std::string_view parts) {
  auto message = read(parts);
  REQUIRE(message);
  auto made = answer_of(*message);
  REQUIRE(made);
  return *made;
}

a2a_task task_in(a2a_state state) {
  a2a_task task;
  task.id = "t:r";
  task.context_id = "t";
  task.run_id = "r";
  task.state = state;
  return task;
}

} // namespace

TEST_CASE("text is one message of the user, in either version's form", "[a2a]") {
  const auto said = object(R"({"messages":[{"type":"human","content":"a\nb","id":"m"}]})");
  CHECK(input(R"([{"kind":"text","text":"a"},{"kind":"text","text":"b"}])") == said);
  CHECK(input(R"([{"text":"a"},{"text":"b"}])") == said);
  auto of_agent = read_a2a_message(
    object(R"({"message":{"role":"ROLE_AGENT","messageId":"m","parts":[{"text":"a"}]}})"),
    shape_limits{});
  REQUIRE(of_agent);
  CHECK(input_of(*of_agent)->at("messages").at(0).at("type") == "ai");
}

TEST_CASE("files are blocks of the message, whoever words them", "[a2a]") {
  const auto blocks = object(
    R"({"messages":[{"type":"human","id":"m","content":[{"type":"text","text":"a"},
        {"type":"image","base64":"eA==","mime_type":"image/png","extras":{"filename":"n"}},
        {"type":"file","url":"https://x/y"}]}]})");
  CHECK(input(R"([{"kind":"text","text":"a"},
                  {"kind":"file","file":{"bytes":"eA==","mimeType":"image/png","name":"n"}},
                  {"kind":"file","file":{"uri":"https://x/y"}}])")
        == blocks);
  CHECK(input(R"([{"text":"a"},{"raw":"eA==","mediaType":"image/png","filename":"n"},
                  {"url":"https://x/y"}])")
        == blocks);
}

TEST_CASE("data are members of the input, beside the message", "[a2a]") {
  CHECK(input(R"([{"data":{"a":1}},{"data":{"b":[2]}}])") == object(R"({"a":1,"b":[2]})"));
  const auto both = input(R"([{"text":"hi"},{"data":{"a":1,"messages":[{"role":"user"}]}}])");
  CHECK(both.at("a") == 1);
  CHECK(both.at("messages").as_array().size() == 2);
  CHECK(code_of(R"([{"data":[1]}])") == -32005);
}

TEST_CASE("an answer is text, one part of data, or the content of a message", "[a2a]") {
  CHECK(answer(R"([{"text":"yes"}])") == "yes");
  CHECK(answer(R"([{"data":{"approved":true}}])") == object(R"({"approved":true})"));
  CHECK(answer(R"([{"data":{"resume":[1]}}])") == json::array{1});
  CHECK(answer(R"([{"data":7}])") == 7);
  CHECK(answer(R"([{"text":"a"},{"url":"https://x"}])").as_array().size() == 2);
  auto mixed = read(R"([{"text":"a"},{"data":{}}])");
  REQUIRE(mixed);
  CHECK(a2a_code(answer_of(*mixed).error()) == -32602);
}

TEST_CASE("what is no message is refused by what is wrong with it", "[a2a]") {
  for (auto parts : {"[]", "{}", "7", "[7]", R"([{"text":7}])", R"([{"text":"a","data":{}}])",
                     R"([{"file":7}])", R"([{"file":{}}])", R"([{"raw":"!"}])", R"([{"url":7}])",
                     R"([{"file":{"bytes":"eA==","uri":"x"}}])"}) {
    INFO(parts);
    CHECK(code_of(parts) == -32602);
  }
  CHECK(code_of(R"([{"kind":"video"}])") == -32005);
  for (auto more : {R"(,"contextId":7)", R"(,"taskId":[])", R"(,"metadata":7)", R"(,"command":7)",
                    R"(,"role":"system")", R"(,"messageId":"")"}) {
    INFO(more);
    CHECK(code_of(R"([{"text":"a"}])", more) == -32602);
  }
  std::string many = "[";
  for (int i = 0; i < 1001; ++i)
    many += R"({"text":"a"},)";
  many.back() = ']';
  CHECK(code_of(many) == -32602);
}

TEST_CASE("media types match by name and by kind", "[a2a]") {
  CHECK(accepts_media_type({"text/plain", "image/*"}, "IMAGE/png"));
  CHECK(accepts_media_type({"Text/Plain"}, "text/plain; charset=utf-8"));
  CHECK(accepts_media_type({"*/*"}, "a/b"));
  CHECK_FALSE(accepts_media_type({"image/*"}, "imagery/png"));
  CHECK_FALSE(accepts_media_type({"text/plain"}, ""));
}

TEST_CASE("a task is worded as its client's version has it", "[a2a]") {
  auto task = task_in(a2a_state::completed);
  task.values = object(R"({"messages":[{"type":"system","content":"secret"},
    {"type":"human","content":"hi","id":"1"},
    {"type":"tool","content":"42","id":"2","tool_call_id":"c"},
    {"type":"ai","content":[{"type":"text","text":"he"},{"type":"text","text":"llo"},
      {"type":"image","base64":"eA==","mime_type":"image/png"}],"id":"3"},
    {"type":"ai","content":"","id":"4"}]})");
  const auto old = a2a_words{a2a_version::v03}.task(task, {});
  CHECK(old.at("kind") == "task");
  CHECK(old.at("status").at("state") == "completed");
  CHECK(old.at("history").as_array().size() == 3);
  CHECK(dump(old).find("secret") == std::string::npos);
  CHECK(old.at("artifacts").at(0).at("parts")
        == parse_json(R"([{"kind":"text","text":"hello"},
             {"kind":"file","file":{"bytes":"eA==","mimeType":"image/png"}}])")
             .value());
  const auto fresh = a2a_words{a2a_version::v10}.task(task, 1);
  CHECK_FALSE(fresh.contains("kind"));
  CHECK(fresh.at("status").at("state") == "TASK_STATE_COMPLETED");
  CHECK(fresh.at("history").as_array().size() == 1);
  CHECK(fresh.at("history").at(0).at("role") == "ROLE_AGENT");
  CHECK(fresh.at("artifacts").at(0).at("parts")
        == parse_json(R"([{"text":"hello"},{"raw":"eA==","mediaType":"image/png"}])").value());
  CHECK_FALSE(a2a_words{a2a_version::v03}.task(task, 0).contains("history"));
}

TEST_CASE("questions are the status and an artifact with their ids", "[a2a]") {
  auto task = task_in(a2a_state::input_required);
  task.interrupts =
    parse_json(R"([{"id":"i","value":"ok?"},{"id":"j","value":{"a":1}}])").value().as_array();
  const auto shown = a2a_words{a2a_version::v03}.task(task, 0);
  CHECK(shown.at("status").at("state") == "input-required");
  CHECK(shown.at("status").at("message").at("parts")
        == parse_json(R"([{"kind":"text","text":"ok?"},{"kind":"data","data":{"a":1}}])").value());
  CHECK(shown.at("artifacts").at(0).at("parts").at(0).at("data").at("id") == "i");
  const a2a_words fresh{a2a_version::v10};
  CHECK(fresh.status_update(task, true).at("statusUpdate").at("status").at("state")
        == "TASK_STATE_INPUT_REQUIRED");
  CHECK(a2a_words{a2a_version::v03}.status_update(task, true).at("final") == true);
  CHECK(fresh.artifact_update(task)->contains("artifactUpdate"));
  CHECK_FALSE(fresh.artifact_update(task_in(a2a_state::failed)));
}

TEST_CASE("a graph without messages answers its values", "[a2a]") {
  auto task = task_in(a2a_state::completed);
  task.values = object(R"({"sum":3})");
  CHECK(a2a_words{a2a_version::v10}.task(task, 0).at("artifacts").at(0).at("parts")
        == parse_json(R"([{"data":{"sum":3}}])").value());
}

TEST_CASE("a card says what an assistant takes and how to log in", "[a2a]") {
  auto assistant = object(R"({"assistant_id":"a","graph_id":"g","name":"n","description":null,
    "version":3,"metadata":{"a2a":{"output_modes":["text/plain",7]}}})");
  const auto schemas = object(R"({"input_schema":{"properties":{"messages":{}}}})");
  const auto card = a2a_card(assistant, schemas, "https://x/a2a/a", {true, {"https://idp/"}});
  CHECK(card.at("description") == "n assistant");
  CHECK(card.at("version") == "3");
  CHECK(card.at("defaultInputModes") == json::array{"application/json", "text/plain"});
  CHECK(card.at("defaultOutputModes") == json::value(json::array{"text/plain"}));
  CHECK(card.at("supportedInterfaces").at(0).at("url") == "https://x/a2a/a");
  CHECK(card.at("security").as_array().size() == 2);
  CHECK(card.at("securitySchemes").at("oidc").at("type") == "openIdConnect");
  CHECK(card.at("securityRequirements").at(1).at("schemes").as_object().contains("bearer"));
  const auto open = a2a_card(assistant, json::object{}, "https://x", {});
  CHECK_FALSE(open.contains("security"));
  CHECK(open.at("defaultInputModes") == json::value(json::array{"application/json"}));
}
