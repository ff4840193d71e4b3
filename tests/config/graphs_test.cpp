#include "config/config.hpp"
#include "config/json_schema_export.hpp"
#include "config/libraries.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>

using namespace behalf;

namespace {

std::vector<graph_source> graphs_of(const std::string& text) {
  auto c = parse_config("graphs: " + text, "f.yaml");
  INFO(text);
  for (const auto& p : c.problems)
    UNSCOPED_INFO(p.text());
  CHECK(c.problems.empty());
  return c.value.graphs;
}

std::string fault_of(const std::string& text) {
  auto c = parse_config("graphs: " + text, "f.yaml");
  REQUIRE(c.problems.size() == 1);
  return c.problems.front().text();
}

std::string names(const config& c) {
  auto loaded = load_libraries(c);
  if (!loaded)
    return loaded.error().message;
  std::string all;
  for (const auto& one : loaded->graphs)
    all += one.graph_id + " ";
  return all;
}

} // namespace

TEST_CASE("a list of libraries serves all their graphs", "[config]") {
  auto found = graphs_of("[./libone.so, './libtwo.so:agent', builtin:hello]");
  REQUIRE(found.size() == 3);
  CHECK(found[0].library == "./libone.so");
  CHECK(found[0].graph.empty());
  CHECK(found[1].library == "./libtwo.so");
  CHECK(found[1].graph == "agent");
  CHECK(found[2].library.empty());
  CHECK(found[2].graph == "hello");
}

TEST_CASE("what is beside the program is found from every folder", "[config]") {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  CHECK(graphs_of("[$ORIGIN/lib/libone.so]").front().library == here + "/lib/libone.so");
  auto one = graphs_of("['$ORIGIN/../libtwo.so:agent']").front();
  CHECK(one.library == here + "/../libtwo.so");
  CHECK(one.graph == "agent");
  CHECK(graphs_of("[./$ORIGIN/l.so]").front().library == "./$ORIGIN/l.so");
  auto plugins = parse_config("plugins: [$ORIGIN/libgate.so, ./libother.so]", "f.yaml");
  REQUIRE(plugins.problems.empty());
  CHECK(plugins.value.plugins == std::vector<std::string>{here + "/libgate.so", "./libother.so"});
}

TEST_CASE("a mapping of names is the same as entries with names", "[config]") {
  for (const auto* text : {"{ mine: './l.so:agent' }", "{ mine: { path: './l.so:agent' } }",
                           "[{ name: mine, path: './l.so:agent' }]"}) {
    auto found = graphs_of(text);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "mine");
    CHECK(found[0].library == "./l.so");
    CHECK(found[0].graph == "agent");
  }
  CHECK(graphs_of("{ mine: ./l.so }").front().graph == "mine");
}

TEST_CASE("an entry says what its assistant starts from", "[config]") {
  auto found = graphs_of("[{ path: './l.so:a', description: d, config: { tags: [x] },"
                         " context: { model: m }, metadata: { team: t } }]");
  REQUIRE(found.size() == 1);
  CHECK(found[0].description == "d");
  CHECK(found[0].defaults.config.at("tags").as_array().size() == 1);
  CHECK(found[0].defaults.context.at("model") == "m");
  CHECK(found[0].defaults.metadata.at("team") == "t");
}

TEST_CASE("a wrong entry of graphs is named with its line", "[config]") {
  CHECK(fault_of("\n- ./a.so\n- { name: b }") == "f.yaml:3: graphs[1]: lacks the key 'path'");
  CHECK(fault_of("\n- builtin:none").starts_with("f.yaml:2: graphs[0].path: there is no"));
  CHECK(fault_of("[[./a.so]]").starts_with("f.yaml:1: graphs[0]: must be a mapping"));
  CHECK(fault_of("./a.so") == "f.yaml:1: graphs: must be a list");
  CHECK(fault_of("[{ path: ./a.so, context: { a: 1 }, config: { configurable: { a: 1 } } }]")
          .starts_with("f.yaml:1: graphs[0].context: stands beside config.configurable"));
}

TEST_CASE("a library is one file however it is spelt", "[config]") {
  config c;
  c.plugins = {"./one.so", "one.so"};
  for (const auto& spelt : {std::string{"x/../one.so"}, std::string{"two.so"}, std::string{},
                            (std::filesystem::current_path() / "two.so").string()}) {
    graph_source one;
    one.library = spelt;
    c.graphs.push_back(one);
  }
  CHECK(library_files(c) == std::vector<std::string>{"./one.so", "two.so"});
}

TEST_CASE("two graphs of one name are a fault of the later entry", "[config]") {
  auto c = parse_config("graphs: [builtin:hello, { path: builtin:hello, name: other }]", "f").value;
  CHECK(names(c) == "hello other ");
  c = parse_config("graphs: [builtin:hello, builtin:hello]", "f").value;
  CHECK(names(c).starts_with("graphs[1]: there is another graph 'hello'"));
}

TEST_CASE("the schema takes graphs as a list, as a mapping, and as texts", "[config]") {
  auto graphs = config_schema().at("properties").at("graphs").as_object();
  CHECK(dump(graphs.at("type")) == R"(["array","object"])");
  CHECK(dump(graphs.at("items").at("type")) == R"(["object","string"])");
  CHECK(graphs.at("items").at("properties").as_object().contains("name"));
  CHECK(dump(graphs.at("items").at("required")) == R"(["path"])");
  CHECK(dump(graphs.at("additionalProperties").at("type")) == R"(["object","string"])");
  CHECK_FALSE(graphs.at("additionalProperties").at("properties").as_object().contains("name"));
}
