// What clients may send, tried at the door of a whole server.
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

struct door : running_fixture {
  api_client alice{system->port()};
  door() { REQUIRE(alice.log_in("alice")); }

  /// Status and detail of an answer.
  static std::string said(const raw_reply& reply) {
    auto body = parse_json(reply.body);
    auto detail = body && body->is_object() ? string_or(body->get_object(), "detail") : "";
    return std::to_string(reply.status) + ' ' + std::string(detail);
  }
  std::string run(std::string_view body) { return said(alice.post_text("/runs/wait", body)); }
};

} // namespace

TEST_CASE_METHOD(door, "a thread with a ttl is created, by those who may", "[shape]") {
  const json::object body{{"ttl", {{"strategy", "delete"}, {"ttl", 60}}}};
  CHECK(alice.post("/threads", body).status == 200);
  CHECK(api_client{system->port()}.post("/threads", body).status == 401);
  CHECK(said(alice.post("/threads", {{"ttl", {{"ttl", 1e300}}}}))
        == "422 1e+300 is not between 0.0 and 52560000.0\n\nOn instance[\"ttl\"]");
}

TEST_CASE_METHOD(door, "what cannot be read again does not come in", "[shape]") {
  CHECK(run(R"({"assistant_id": "hello", "input": {"a": [1e400]}})")
        == "422 1e400 is beyond the range of a number\n\nOn instance[\"input\"][\"a\"][0]");
  CHECK(run("{\"assistant_id\": \"hello\", \"input\": {\"a\": \"\xff\"}}")
        == "422 Invalid JSON in request body");
  CHECK(run(R"({"assistant_id": "hello", "input": {"a": 0.1}})") == "200 ");
}

TEST_CASE_METHOD(door, "a list of names has an end", "[shape]") {
  std::string modes = "\"values\"";
  for (int i = 1; i < 50'000; ++i)
    modes += ",\"values\"";
  CHECK(run("{\"assistant_id\": \"hello\", \"stream_mode\": [" + modes + "]}")
        == "422 there are more than 1000 elements in this list\n\nOn instance[\"stream_mode\"]");
  auto thread = parse_json(alice.post("/threads").body).value();
  auto target = "/threads/" + std::string(string_or(thread.as_object(), "thread_id"))
                + "/runs?select=" + std::string(3'000, ',');
  std::string names;
  for (int i = 0; i < 1'001; ++i)
    names += "a,";
  CHECK(alice.get(target).status == 200);
  CHECK(said(alice.get(target + names))
        == "400 query parameter 'select' has more than 1000 values");
}

TEST_CASE_METHOD(door, "feedback keys are names, kept and shown with the run", "[shape]") {
  json::object body{{"assistant_id", "hello"}, {"feedback_keys", {"user_score", "tone"}}};
  auto made = parse_json(alice.post("/runs", body).body).value();
  CHECK(made.at("kwargs").at("feedback_keys") == json::value{"user_score", "tone"});
  CHECK(run(R"({"assistant_id": "hello", "feedback_keys": [1]})").starts_with("422 "));
}

TEST_CASE_METHOD(door, "a form of many fields is refused at once", "[shape]") {
  std::string form = "grant_type=password";
  for (int i = 0; i < 2'000; ++i)
    form += "&f" + std::to_string(i) + "=";
  CHECK(said(alice.post_text("/dev/token", form)) == "400 the form has more than 1000 fields");
}

TEST_CASE_METHOD(door, "what a thread's metadata grows to is bounded, and what runs copy of it",
                 "[shape]") {
  const std::string half(40 * 1024, 'x');
  auto thread = parse_json(alice.post("/threads", {{"metadata", {{"a", half}}}}).body).value();
  auto at = "/threads/" + std::string(string_or(thread.as_object(), "thread_id"));
  CHECK(
    said(alice.post("/threads", {{"metadata", {{"a", half}, {"b", half}}}})).starts_with("422 "));
  CHECK(said(alice.call("PATCH", at, {{"metadata", {{"b", half}}}}))
        == "422 metadata would have more than 65536 bytes of JSON");
  auto run = [&](json::object more) {
    more["assistant_id"] = "hello";
    more["input"] = json::object{};
    return said(alice.post(at + "/runs/wait", more));
  };
  const std::string too_much =
    "422 the run's metadata, with its thread's, its config's and the "
    "texts in config.configurable or context, has more than 65536 bytes of JSON";
  CHECK(run({{"metadata", {{"b", half}}}}) == too_much);
  CHECK(run({{"config", {{"metadata", {{"b", half}}}}}}) == too_much);
  CHECK(run({{"config", {{"configurable", {{"b", half}}}}}}) == too_much);
  CHECK(run({{"config", {{"configurable", {{"b", {{"not copied", half}}}}}}}}) == "200 ");
  CHECK(run({}) == "200 ");
}
