#include "runtime/base/json_writer.hpp"
#include "runtime/graph/messages.hpp"
#include "runtime/graph/state.hpp"
#include "tests/support/catch.hpp"

#include <limits>

using namespace behalf;

namespace {

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

std::shared_ptr<const channel_table> table() {
  auto t = std::make_shared<channel_table>();
  auto add = [&](std::string name, channel c) {
    c.name = std::move(name);
    t->add(std::move(c));
  };
  add("x", flow::last_value());
  add("list", flow::append());
  add("messages", flow::messages());
  add("sum", flow::reduced(
               [](const json::value& old, const json::value& update) -> json::value {
                 return old.to_number<int64_t>() + update.to_number<int64_t>();
               },
               0));
  return t;
}

result<std::vector<channel_change>> apply(graph_state& s, std::string_view update) {
  auto writes = to_writes(s.channels(), js(update));
  if (!writes)
    return writes.error();
  return s.apply(std::move(*writes));
}

std::string shown(const graph_state& s) {
  return dump(state_view{s}.to_json());
}

} // namespace

TEST_CASE("channels show their initial value, or nothing, before the first write", "[graph]") {
  graph_state s{table()};
  CHECK(shown(s) == R"({"list":[],"messages":[],"sum":0})");
  CHECK(s.find("x") == nullptr);
  CHECK(s.find("nope") == nullptr);
}

TEST_CASE("each channel joins writes in its own way", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"x": 1, "list": ["a"], "sum": 2, "unknown": 9})"));
  REQUIRE(apply(s, R"({"x": {"y": 2}, "list": "b", "sum": 3})"));
  CHECK(shown(s) == R"({"x":{"y":2},"list":["a","b"],"messages":[],"sum":5})");
}

TEST_CASE("a state that shares its values is not changed through another", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"list": ["a"]})"));
  auto copy = s;
  state_view view{s};
  REQUIRE(apply(s, R"({"list": ["b"]})"));
  CHECK(shown(copy) == R"({"list":["a"],"messages":[],"sum":0})");
  CHECK(view.list("list").size() == 1);
  CHECK(s.find("list")->as_array().size() == 2);
}

TEST_CASE("a list nobody else sees grows in place", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"list": ["a"]})"));
  const auto* before = s.find("list");
  REQUIRE(apply(s, R"({"list": ["b"]})"));
  CHECK(s.find("list") == before);
}

TEST_CASE("changes tell growth from replacement", "[graph]") {
  graph_state s{table()};
  auto grown = apply(s, R"({"list": ["a", "b"]})").value();
  REQUIRE(grown.size() == 1);
  CHECK((grown[0].append && grown[0].value == js(R"(["a", "b"])")));
  auto set = apply(s, R"({"x": 1})").value();
  CHECK((!set[0].append && set[0].channel == 0));
  REQUIRE(apply(s, R"({"messages": {"role": "user", "content": "1", "id": "m"}})"));
  auto same = apply(s, R"({"messages": {"role": "user", "content": "2", "id": "m"}})").value();
  CHECK_FALSE(same[0].append);
}

TEST_CASE("a failed step leaves the state as it was", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"x": 1, "list": ["a"]})"));
  auto before = shown(s);
  channel_writes twice{{1, js(R"(["b"])")}, {0, 2}, {0, 3}};
  auto clash = s.apply(twice);
  REQUIRE(clash.has_error());
  CHECK(clash.error().kind == "InvalidUpdateError");
  CHECK(apply(s, R"({"list": ["c"], "sum": "no number"})").has_error());
  CHECK(apply(s, R"({"list": ["c"], "messages": {"type": "remove", "id": "?"}})").has_error());
  CHECK(shown(s) == before);
}

TEST_CASE("an update is an object or null", "[graph]") {
  auto t = table();
  CHECK(to_writes(*t, nullptr).value().empty());
  auto bad = to_writes(*t, js("[1]"));
  REQUIRE(bad.has_error());
  CHECK(bad.error().message == "Expected dict, got [1]");
}

TEST_CASE("what a checkpoint could not be read back with is no update", "[graph]") {
  auto t = table();
  for (const auto& v : {json::value(std::numeric_limits<double>::infinity()), json::value("\xff"),
                        json::value{{"a", {{"\xc0", 1}}}}}) {
    auto bad = to_writes(*t, json::object{{"x", v}});
    REQUIRE(bad.has_error());
    CHECK(bad.error().kind == "InvalidUpdateError");
    CHECK(bad.error().message.starts_with("At key 'x': a value cannot be stored"));
  }
}

TEST_CASE("a view reads by type and never fails", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"x": "text", "list": [1, 2]})"));
  state_view v{s};
  CHECK(v.text("x") == "text");
  CHECK(v.text("list", "-") == "-");
  CHECK(v.number("x", 7) == 7);
  CHECK(v.last("list")->as_int64() == 2);
  CHECK(v.last("messages") == nullptr);
  CHECK(v["nope"].is_null());
  state_view sent{js(R"({"n": 3, "on": true})")};
  CHECK((sent.number("n") == 3 && sent.flag("on") && sent.sent()));
  state_view numbers{js(R"({"high": 1e19, "low": -1e19, "most": 9223372036854775808.0,
                           "least": -9223372036854775808.0, "big": 18446744073709551615,
                           "part": -2.7})")};
  for (const auto* beyond : {"high", "low", "most", "big"})
    CHECK(numbers.number(beyond, 7) == 7);
  CHECK(numbers.number("least") == std::numeric_limits<int64_t>::min());
  CHECK(numbers.number("part") == -2);
  auto not_one = std::numeric_limits<double>::quiet_NaN();
  CHECK(state_view{json::value{{"n", not_one}}}.number("n", 7) == 7);
  state_view scalar{js("5")};
  CHECK((scalar.find("n") == nullptr && *scalar.sent() == json::value(5)));
}

TEST_CASE("the text of a view is the text of its JSON", "[graph]") {
  graph_state s{table()};
  REQUIRE(apply(s, R"({"x": "\u00fc \" \\ \u2028", "list": [1.5, null, {"a": []}]})"));
  json_writer written;
  state_view{s}.write(written);
  const auto text = written.take();
  CHECK(text == shown(s));
  CHECK(js(text) == state_view{s}.to_json());
}

TEST_CASE("a state grows up to its bound, and stays as it was beyond it", "[graph]") {
  graph_state s{table()};
  s.limit_bytes(100, 0);
  const auto takes = [&](const std::string& before, std::size_t n, const std::string& after) {
    return ::apply(s, before + std::string(n, 'x') + after);
  };
  for (int i = 0; i < 10; ++i) // what is replaced does not count
    REQUIRE(takes(R"({"x": ")", 60, "\"}"));
  REQUIRE(takes(R"({"list": [")", 1, "\"]}"));
  const auto before = shown(s);
  auto refused = takes(R"({"list": [")", 40, "\"]}");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == "InvalidUpdateError");
  CHECK(refused.error().message
        == "The state of the thread would have more than 100 bytes of JSON");
  CHECK_FALSE(takes(R"({"x": ")", 200, "\"}"));
  CHECK(shown(s) == before);
  REQUIRE(takes(R"({"x": ")", 1, "\"}"));
  CHECK(takes(R"({"list": [")", 40, "\"]}"));
}
