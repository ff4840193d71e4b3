#include "agents/tools/approvals.hpp"

#include <catch2/catch.hpp>

using namespace behalf;

namespace {

json::value parsed(std::string_view text) {
  return parse_json(text).value();
}

std::vector<gated_call> one_call() {
  return {{"c1", "send", {{"to", "bob"}}}};
}

std::vector<gated_call> two_calls() {
  return {{"c1", "send", {{"to", "bob"}}}, {"c2", "drop", {}}};
}

std::string refusal(std::string_view resume, const std::vector<gated_call>& calls) {
  auto read = read_decisions(parsed(resume), calls);
  if (read)
    return "it was taken";
  CHECK(read.error().code == errc::invalid_argument);
  return read.error().message;
}

// "approve", "edit {…}", "reject no", …, of each call.
std::string decided(std::string_view resume, const std::vector<gated_call>& calls) {
  auto read = read_decisions(parsed(resume), calls);
  if (!read)
    return read.error().message;
  std::string all;
  for (const auto& each : *read) {
    all += all.empty() ? "" : "; ";
    switch (each.type) {
    case decision_type::approve:
      all += "approve";
      break;
    case decision_type::edit:
      all += "edit " + dump(each.args);
      break;
    case decision_type::reject:
      all += "reject " + each.message;
      break;
    case decision_type::respond:
      all += "respond " + each.message;
      break;
    }
  }
  return all;
}

} // namespace

TEST_CASE("calls are asked about as LangChain's middleware does", "[agents]") {
  auto calls = two_calls();
  calls[1].description = "Drop it all?";
  calls[1].notes = "Read before: web.";
  calls[1].tainted_by = {{"untrusted", {{"web", json::array{"c1"}}}}};
  calls[1].allowed = {decision_type::approve, decision_type::reject};
  CHECK(json::value(hitl_request(calls)) == parsed(R"({
    "action_requests": [
      {"name": "send", "args": {"to": "bob"},
       "description": "Tool execution requires approval\n\nTool: send\nArgs: {\"to\":\"bob\"}"},
      {"name": "drop", "args": {},
       "description": "Drop it all?\n\nRead before: web.",
       "tainted_by": {"untrusted": {"web": ["c1"]}}}],
    "review_configs": [
      {"action_name": "send", "allowed_decisions": ["approve", "edit", "reject", "respond"]},
      {"action_name": "drop", "allowed_decisions": ["approve", "reject"]}]})"));
}

TEST_CASE("decisions are read by position", "[agents]") {
  CHECK(
    decided(R"({"decisions":[{"type":"approve"},{"type":"reject","message":"no"}]})", two_calls())
    == "approve; reject no");
  CHECK(
    decided(R"({"decisions":[{"type":"respond","message":"42"},{"type":"reject"}]})", two_calls())
    == "respond 42; reject ");
}

TEST_CASE("an edit is understood in every spelling", "[agents]") {
  for (std::string_view action : {R"("edited_action":{"name":"send","args":{"to":"eve"}})",
                                  R"("editedAction":{"name":"send","args":{"to":"eve"}})",
                                  R"("edited_action":{"name":"send","args":{"to":"eve"}},)"
                                  R"("editedAction":{"name":"send","args":{"to":"eve"}})",
                                  R"("args":{"action":"send","args":{"to":"eve"}})"})
    CHECK(decided(R"({"decisions":[{"type":"edit",)" + std::string(action) + "}]}", one_call())
          == R"(edit {"to":"eve"})");
}

TEST_CASE("answers of HumanInterrupt's clients are understood", "[agents]") {
  CHECK(decided(R"([{"type":"accept","args":null},{"type":"ignore","args":null}])", two_calls())
        == "approve; reject ");
  CHECK(decided(R"([{"type":"response","args":"later"}])", one_call()) == "respond later");
  auto calls = one_call();
  calls[0].allowed = {decision_type::approve, decision_type::reject};
  CHECK(decided(R"([{"type":"response","args":"later"}])", calls) == "reject later");
}

TEST_CASE("an answer that says two things is none", "[agents]") {
  for (const auto* both : {R"({"decisions":[{"type":"approve"}],"type":"reject"})",
                           R"({"decisions":[{"type":"approve"}],"c1":{"type":"reject"}})",
                           R"({"type":"approve","c1":{"type":"reject"}})",
                           R"({"type":"approve","decisions":{"c1":{"type":"reject"}}})"})
    CHECK(refusal(both, one_call()).find("more than one thing") != std::string::npos);
  CHECK(decided(R"({"decisions":[{"type":"approve"}],"note":"fine"})", one_call()) == "approve");
  CHECK(decided(R"({"decisions":null,"type":"approve"})", one_call()) == "approve");
}

TEST_CASE("what a person turns down as a whole is rejected, where it may be", "[agents]") {
  CHECK(decided(R"({"__agui_cancelled__":true})", two_calls()) == "reject ; reject ");
  for (const auto* beside :
       {R"("decisions":[{"type":"approve"}])", R"("type":"approve")", R"("c1":{"type":"approve"})"})
    for (const auto* said : {"true", R"("true")", "1"})
      CHECK(
        decided(R"({"__agui_cancelled__":)" + std::string(said) + "," + beside + "}", one_call())
        == "reject ");
  auto must = one_call();
  must[0].allowed = {decision_type::approve};
  CHECK(refusal(R"({"__agui_cancelled__":true})", must).find("may not be reject")
        != std::string::npos);
  CHECK(refusal(R"({"__agui_cancelled__":false})", one_call()).find("no decision on call c1")
        != std::string::npos);
}

TEST_CASE("decisions are read by ids", "[agents]") {
  CHECK(decided(R"({"c2":{"type":"reject","message":"no"},"c1":{"type":"approve"}})", two_calls())
        == "approve; reject no");
  CHECK(decided(R"({"type":"approve"})", one_call()) == "approve");
}

TEST_CASE("an answer that does not fit the calls is refused", "[agents]") {
  CHECK(refusal(R"({"decisions":[{"type":"approve"}]})", two_calls())
        == "The answer is to hold one decision for each call: 2, not 1");
  CHECK(refusal(R"({"type":"approve"})", two_calls())
        == "The answer is to hold one decision for each call: 2, not 1");
  CHECK(refusal(R"({"decisions":[]})", one_call())
        == "The answer is to hold one decision for each call: 1, not 0");
  CHECK(refusal(R"({"c1":{"type":"approve"}})", two_calls())
        == "The answer has no decision on call c2 (drop). It is {\"decisions\": […]}, or a "
           "decision for each call's id");
  CHECK(refusal(R"({"c1":{"type":"approve"},"c9":{"type":"approve"}})", one_call())
        == "The answer holds decisions on calls that do not wait for one");
  CHECK(refusal(R"({"i2":{"type":"approve"}})", one_call()).starts_with("The answer has no"));
  CHECK(refusal("\"yes\"", one_call())
        == "The answer is a string. It is {\"decisions\": […]}, with one decision per call");
  CHECK(refusal("null", one_call()).starts_with("The answer is a null"));
}

TEST_CASE("an answer by id is refused when two calls have one id", "[agents]") {
  auto calls = two_calls();
  calls[1].id = "c1";
  CHECK(refusal(R"({"c1":{"type":"approve"}})", calls)
        == "The answer holds decisions on calls that do not wait for one");
}

TEST_CASE("a decision that is not allowed is refused", "[agents]") {
  auto calls = two_calls();
  calls[1].allowed = {decision_type::approve, decision_type::reject};
  CHECK(refusal(R"({"decisions":[{"type":"approve"},{"type":"respond","message":"x"}]})", calls)
        == "The decision on call 2 of 2 (drop) may not be respond, only one of: approve, reject");
  CHECK(refusal(R"({"decisions":[{"type":"approve"},
                   {"type":"edit","edited_action":{"name":"drop","args":{}}}]})",
                calls)
        == "The decision on call 2 of 2 (drop) may not be edit, only one of: approve, reject");
  CHECK(refusal(R"({"decisions":[{"type":"allow"},{"type":"approve"}]})", calls)
        == "The decision on call 1 of 2 (send) needs a type, one of: approve, edit, reject, "
           "respond");
}

TEST_CASE("a decision that makes no sense is refused", "[agents]") {
  auto of = [](std::string_view decision) {
    return refusal(R"({"decisions":[)" + std::string(decision) + "]}", one_call());
  };
  const std::string call = "The decision on call 1 of 1 (send) ";
  CHECK(of("true") == call + "is a boolean, not an object with a type");
  CHECK(of(R"({"type":7})") == call + "needs a type, one of: approve, edit, reject, respond");
  CHECK(of(R"({"type":"edit"})") == call + R"(needs edited_action: {"name": …, "args": {…}})");
  CHECK(of(R"({"type":"edit","edited_action":{"name":"drop","args":{}}})")
        == call + "must keep the tool send");
  CHECK(of(R"({"type":"edit","args":{"action":"drop","args":{}}})")
        == call + "must keep the tool send");
  CHECK(of(R"({"type":"edit","edited_action":{"name":"send","args":[1]}})")
        == call + "needs args that are an object");
  CHECK(of(R"({"type":"edit","edited_action":{"name":"send"}})")
        == call + "needs args that are an object");
  CHECK(of(R"({"type":"edit","edited_action":{"name":"send","args":{"a":1}},
              "editedAction":{"name":"send","args":{"a":2}}})")
        == call + "has two edited actions that differ");
  CHECK(of(R"({"type":"reject","message":{"a":1}})") == call + "needs a message that is a text");
  CHECK(of(R"({"type":"respond"})")
        == call + "needs a message: it is what the model gets as the tool's result");
}
