#include "actors/endpoints/projection.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const shape_limits bounds;
const endpoints::projectable fields{{"id", "status", "values"}, {"values", "metadata"}};

json::object row() {
  return {{"id", "t1"},
          {"status", "idle"},
          {"metadata", {{"owner", "alice"}}},
          {"values", {{"n", 7}, {"messages", {{{"content", "a"}}, {{"content", "b"}}}}}}};
}

// The row as `body` asks for it, or the fault.
json::value shown(const json::value& body) {
  endpoints::body_reader in{body, bounds};
  auto wanted = endpoints::projection::read(in, fields);
  if (in.fault())
    return json::value(in.fault()->message);
  return wanted.apply(row());
}

std::string fault(const json::value& body) {
  const auto what = shown(body);
  return what.is_string() ? std::string(what.get_string()) : "none";
}

json::value extract(std::string_view path) {
  return shown({{"extract", {{"x", path}}}}).at("extracted").at("x");
}

} // namespace

TEST_CASE("a search shows the fields selected", "[endpoints]") {
  CHECK(shown(json::object{}) == json::value(row()));
  CHECK(shown({{"select", {"id", "status"}}}) == json::value{{"id", "t1"}, {"status", "idle"}});
  CHECK(shown({{"select", {"id", "id", "id"}}}) == json::value(json::object{{"id", "t1"}}));
}

TEST_CASE("a field that cannot be selected is refused by its name", "[endpoints]") {
  CHECK(fault({{"select", json::array{"colour"}}})
        == "Invalid select columns: ['colour']. Expected: id, status, values");
}

TEST_CASE("values are taken out of a row by their paths", "[endpoints]") {
  CHECK(extract("values.n") == 7);
  CHECK(extract("metadata") == json::value{{"owner", "alice"}});
  CHECK(extract("values.messages[0].content") == "a");
  CHECK(extract("values.messages[-1].content") == "b");
  auto both = shown({{"select", json::array{"id"}}, {"extract", {{"n", "values.n"}}}});
  CHECK(both == json::value{{"id", "t1"}, {"extracted", {{"n", 7}}}});
}

TEST_CASE("a path that leads nowhere finds null", "[endpoints]") {
  for (auto path : {"values.none", "values.n.deeper", "values.messages[2]", "values.messages[-3]",
                    "values.n[0]", "values.messages.content"})
    CHECK(extract(path) == nullptr);
}

TEST_CASE("paths that cannot be read are refused", "[endpoints]") {
  CHECK(fault({{"extract", {{"x", "status"}}}})
        == "Extract path \"status\" must start with one of: values, metadata");
  for (auto path : {"values.", "values..n", "values[x]", "values[1", "values[]", "values[1]n",
                    "values[99999999999999999999]"})
    CHECK(fault({{"extract", {{"x", path}}}}).ends_with("with indices as [n]"));
  const auto longest = "values." + std::string(1'017, 'a');
  CHECK(extract(longest) == nullptr);
  CHECK(fault({{"extract", {{"x", longest + "a"}}}}).ends_with("have at most 1024 bytes"));
  CHECK(fault({{"extract", {{"x", 7}}}}) == "7 is no extract path");
  CHECK(fault({{"extract", json::array{}}}).find("is not of type \"object\"") != std::string::npos);
  json::object many;
  for (int i = 0; i < 11; ++i)
    many["x" + std::to_string(i)] = "values";
  CHECK(fault({{"extract", many}}) == "'extract' has more than 10 paths");
}

TEST_CASE("only what needs no document is read without it", "[endpoints]") {
  const auto of_heads = [](const json::value& body) {
    endpoints::body_reader in{body, bounds};
    return endpoints::projection::read(in, fields).only_of_heads();
  };
  CHECK(of_heads({{"select", json::array{"status"}}}));
  CHECK(of_heads({{"select", json::array{"status"}}, {"extract", {{"x", "metadata.owner"}}}}));
  CHECK_FALSE(of_heads({{"select", json::array{"status"}}, {"extract", {{"x", "values.n"}}}}));
  CHECK_FALSE(of_heads(json::object{}));
}
