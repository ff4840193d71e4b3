#include "actors/endpoints/body.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/runs/run_plan.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

static_assert(
  std::is_constructible_v<endpoints::body_reader, const json::value&, const shape_limits&>);
static_assert(std::is_constructible_v<endpoints::body_reader, json::value&, const shape_limits&>);
static_assert(std::is_constructible_v<endpoints::body_reader, json::object&, const shape_limits&>);
static_assert(!std::is_constructible_v<endpoints::body_reader, json::value, const shape_limits&>);
static_assert(
  !std::is_constructible_v<endpoints::body_reader, const json::value, const shape_limits&>);
static_assert(!std::is_constructible_v<endpoints::body_reader, json::object, const shape_limits&>);
static_assert(
  !std::is_constructible_v<endpoints::body_reader, const json::object, const shape_limits&>);

const shape_limits bounds;

// The fault of reading one field of `body`.
template <class Read>
std::string fault_of(const json::value& body, Read read) {
  endpoints::body_reader in{body, bounds};
  read(in);
  return in.fault() ? in.fault()->message : "none";
}

json::array names(std::size_t n) {
  return json::array(n, "x");
}

json::object fields(std::size_t n) {
  json::object all;
  for (std::size_t i = 0; i < n; ++i)
    all[std::to_string(i)] = i;
  return all;
}

} // namespace

TEST_CASE("an object inside a body is read in its place", "[body]") {
  const json::value body{{"ttl", {{"strategy", "delete"}, {"ttl", 60}}}};
  endpoints::body_reader in{body, bounds};
  const auto ttl = in.object("ttl", &shape_limits::fields);
  REQUIRE(ttl);
  endpoints::body_reader of{*ttl, bounds};
  CHECK(of.one_of("strategy", {"delete", "keep_latest"}) == "delete");
  CHECK(of.number("ttl", 0, 100) == 60.0);
  CHECK_FALSE(of.one_of("ttl", {"x"}));
  CHECK(of.fault());
  CHECK_FALSE(in.fault());
}

TEST_CASE("what holds many things is read up to its bound", "[body]") {
  auto texts = [](endpoints::body_reader& in) { in.texts("f", &shape_limits::names); };
  CHECK(fault_of({{"f", names(bounds.names)}}, texts) == "none");
  CHECK(fault_of({{"f", names(bounds.names + 1)}}, texts)
        == "there are more than 1000 elements in this list\n\nOn instance[\"f\"]");
  auto object = [](endpoints::body_reader& in) { in.object("f", &shape_limits::fields); };
  CHECK(fault_of({{"f", fields(bounds.fields)}}, object) == "none");
  CHECK(fault_of({{"f", fields(bounds.fields + 1)}}, object)
        == "there are more than 1000 members in this object\n\nOn instance[\"f\"]");
  auto filter = [](endpoints::body_reader& in) { in.conditions("f"); };
  CHECK(fault_of({{"f", {{"a", names(bounds.conditions - 1)}}}}, filter) == "none");
  CHECK(fault_of({{"f", {{"a", names(bounds.conditions)}}}}, filter)
        == "there are more than 1000 values in this filter\n\nOn instance[\"f\"]");
  auto text = [](endpoints::body_reader& in) { in.text("f"); };
  CHECK(fault_of({{"f", std::string(bounds.name_bytes, 'x')}}, text) == "none");
  CHECK(fault_of({{"f", std::string(bounds.name_bytes + 1, 'x')}}, text)
        == "there are more than 8192 bytes in this text\n\nOn instance[\"f\"]");
  CHECK(fault_of({{"f", std::string("a\0b", 3)}}, text)
        == "the text holds a NUL\n\nOn instance[\"f\"]");
}

TEST_CASE("what is copied into every run is read up to its length as text", "[body]") {
  auto metadata = [](endpoints::body_reader& in) { in.metadata(); };
  auto of_length = [](std::size_t bytes) {
    return json::object{{"metadata", {{"k", std::string(bytes - std::size("{'k':''}") + 1, 'x')}}}};
  };
  CHECK(fault_of(of_length(bounds.metadata_bytes), metadata) == "none");
  CHECK(fault_of(of_length(bounds.metadata_bytes + 1), metadata)
        == "there are more than 65536 bytes of JSON in this object\n\nOn instance[\"metadata\"]");
  CHECK(fault_of({{"metadata", nullptr}}, metadata)
        == "null is not of type \"object\"\n\nOn instance[\"metadata\"]");
}

TEST_CASE("a fault does not repeat what is large", "[body]") {
  auto flag = [](endpoints::body_reader& in) { in.flag("f"); };
  CHECK(fault_of({{"f", names(100'000)}}, flag)
        == "list is not of type \"boolean\"\n\nOn instance[\"f\"]");
  CHECK(fault_of(names(100'000), flag) == "list is not of type \"object\"");
}

TEST_CASE("absurd numbers are refused", "[body]") {
  auto ttl = [](endpoints::body_reader& in) { in.number("f", 0, 1e6); };
  CHECK(fault_of({{"f", 1e300}}, ttl)
        == "1e+300 is not between 0.0 and 1000000.0\n\nOn instance[\"f\"]");
  CHECK(fault_of({{"f", -1}}, ttl) != "none");
  auto limit = [](endpoints::body_reader& in) { in.integer("f", 1, 1000); };
  CHECK(fault_of({{"f", UINT64_MAX}}, limit)
        == "18446744073709551615 is not between 1 and 1000\n\nOn instance[\"f\"]");
  CHECK(fault_of({{"f", 1.5}}, limit) == "1.5 is not of type \"integer\"\n\nOn instance[\"f\"]");
}

TEST_CASE("a run starts at the checkpoint that it names, or that its configuration does",
          "[body]") {
  const std::string one = "1f1e6698-0ff3-69b5-8001-14b300ffae46";
  const std::string other = "1f1e6698-22f6-6330-8001-68e67ac03a2b";
  const auto named = [](json::object more) {
    more["assistant_id"] = "hello";
    auto r = endpoints::run_request::parse(more, false, bounds, {});
    return r ? r->checkpoint_id : r.error().message;
  };
  const json::object configured{{"configurable", {{"checkpoint_id", one}}}};
  CHECK(named({{"checkpoint_id", one}}) == one);
  CHECK(named({{"config", configured}}) == one);
  CHECK(named({{"config", configured}, {"checkpoint_id", other}}) == other);
  CHECK(named({{"config", configured}, {"checkpoint", {{"checkpoint_id", other}}}}) == other);
  CHECK(named({{"config", {{"configurable", {{"checkpoint_id", nullptr}}}}}}).empty());
  for (json::value bad : {json::value(7), json::value("x"), json::value(json::object{})})
    CHECK(named({{"config", {{"configurable", {{"checkpoint_id", bad}}}}}})
          == "Invalid checkpoint ID");
}

TEST_CASE("every list of a run's request is bounded", "[body]") {
  auto parsed = [](json::object more) {
    more["assistant_id"] = "hello";
    auto r = endpoints::run_request::parse(more, false, bounds, {});
    return r ? "accepted" : r.error().message;
  };
  const auto many = names(bounds.names + 1);
  const auto wide = fields(bounds.fields + 1);
  for (auto field : {"stream_mode", "interrupt_before", "interrupt_after"})
    CHECK(parsed({{field, many}}).ends_with("On instance[\"" + std::string(field) + "\"]"));
  for (auto field : {"metadata", "config", "context", "command", "checkpoint"})
    CHECK(parsed({{field, wide}}).ends_with("On instance[\"" + std::string(field) + "\"]"));
  for (auto field : {"configurable", "metadata"})
    CHECK(parsed({{"config", {{field, wide}}}})
            .ends_with("On instance[\"" + std::string(field) + "\"]"));
  CHECK(parsed({{"command", {{"goto", many}}}}).ends_with("On instance[\"goto\"]"));
  const std::string long_text(bounds.metadata_bytes, 'x'), longer_text(bounds.config_bytes, 'x');
  CHECK(parsed({{"metadata", {{"a", long_text}}}}).ends_with("On instance[\"metadata\"]"));
  CHECK(parsed({{"config", {{"metadata", {{"a", long_text}}}}}})
          .ends_with("On instance[\"metadata\"]"));
  for (auto field : {"config", "context"})
    CHECK(parsed({{field, {{"a", longer_text}}}})
            .ends_with("On instance[\"" + std::string(field) + "\"]"));
  CHECK(parsed({{"checkpoint", {{"checkpoint_id", long_text}}}}) == "Invalid checkpoint ID");
  CHECK(parsed({{"config", {{"recursion_limit", 10'000}}}}) == "accepted");
  CHECK(parsed({{"config", {{"recursion_limit", 10'001}}}})
        == "config.recursion_limit must be 10000 at most");
  CHECK(parsed({{"input", {{"messages", names(50'000)}}}}) == "accepted");
  auto modes = endpoints::run_request::parse(
    {{"assistant_id", "hello"}, {"stream_mode", {"values", "debug", "values"}}}, false, bounds, {});
  REQUIRE(modes);
  CHECK(modes->value.at("kwargs").at("stream_mode") == json::array{"values", "debug"});
}
