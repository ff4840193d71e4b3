#include "agents/models/repeated_event.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace behalf;

namespace {

const std::string event = R"({"id":"c","choices":[{"index":0,"delta":{"content":"one"}}],"n":1})";

std::string with(std::string_view text) {
  auto made = event;
  return made.replace(made.find("one"), 3, text);
}

repeated_event learned() {
  repeated_event last;
  last.learn(event, "content", "one");
  return last;
}

} // namespace

TEST_CASE("an event that differs in its text alone is not read again") {
  const auto last = learned();
  CHECK(last.text_of(event) == "one");
  CHECK(last.text_of(with("")) == "");
  CHECK(last.text_of(with(R"(a \"b\"\\\/\n\t\r\b\f)")) == "a \"b\"\\/\n\t\r\b\f");
  CHECK(last.text_of(with("dva \xE2\x82\xAC")) == "dva \xE2\x82\xAC");
}

TEST_CASE("any other event is read") {
  const auto last = learned();
  for (const auto& other :
       {with(R"(\u0041)"), with("\x01"), with("\xFF"), with(R"(a","refusal":"b)"), with("cut\\"),
        event + ' ', event.substr(0, event.size() - 1), std::string(), std::string("{}")})
    CHECK_FALSE(last.text_of(other));
  CHECK_FALSE(repeated_event{}.text_of(event));
}

TEST_CASE("an event is not learned whose text is not in one clear place") {
  for (const auto* odd :
       {R"({"a":{"content":"one"},"b":{"content":"one"}})", R"({"content":"other"})",
        R"({"a":"\"content\":\"one\""})", R"({"content":["one"]})", R"({"content" :"one"})"}) {
    repeated_event last;
    last.learn(odd, "content", "one");
    CHECK_FALSE(last.text_of(odd));
  }
  auto last = learned();
  last.learn(with("two"), "content", "three");
  CHECK_FALSE(last.text_of(event)); // it does not know what the last one was
}

TEST_CASE("noise behind the text may differ") {
  const std::string head = R"({"delta":{"content":")", middle = R"("},"obfuscation":")";
  repeated_event last;
  last.learn(head + "one" + middle + "aB3\"}", "content", "one");
  CHECK(last.text_of(head + "two" + middle + "x\"}") == "two");
  CHECK_FALSE(last.text_of(head + "two" + middle + "x\",\"error\":\"y\"}"));
}
