#include "config/config.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace behalf;

namespace {

// A folder with a document, and a configuration beside it.
struct folder {
  folder() { std::filesystem::create_directories(path); }
  ~folder() { std::filesystem::remove_all(path); }

  loaded_config read(const std::string& document, const std::string& tools = "service: crm",
                     const std::string& openapi = "file:crm.yaml") const {
    std::ofstream{path / "crm.yaml"} << document;
    return parse_config("models: { main: { type: openai, model: x } }\n"
                        "services:\n"
                        "  crm: { base_url: https://crm.example, openapi: '"
                          + openapi + "' }\nagents:\n  a: { model: main, tools: [ { " + tools
                          + " } ] }\n",
                        (path / "behalf.yaml").string());
  }

  // The faults without the file's name.
  std::string faults(const std::string& document, const std::string& tools = "service: crm",
                     const std::string& openapi = "file:crm.yaml") const {
    std::string all;
    for (const auto& one : read(document, tools, openapi).problems)
      all += one.key + ": " + one.message + "\n";
    return all;
  }

  std::filesystem::path path =
    std::filesystem::temp_directory_path() / ("behalf-openapi-" + std::to_string(::getpid()));
};

const std::string crm = "openapi: 3.1.0\n"
                        "paths:\n"
                        "  /contacts/{id}:\n"
                        "    get:\n"
                        "      operationId: getContact\n"
                        "      description: nan\n"
                        "      parameters: [ { name: id, in: path, schema: { type: string } } ]\n"
                        "      responses: { 200: { description: fine } }\n"
                        "  /files:\n"
                        "    post:\n"
                        "      operationId: upload\n"
                        "      requestBody: { required: true, content: { image/png: {} } }\n";

} // namespace

TEST_CASE("an HTTP service has the tools of its OpenAPI document", "[config]") {
  folder here;
  const auto c = here.read(crm, "service: crm, allow: [getContact]");
  for (const auto& one : c.problems)
    FAIL(one.text());
  const auto& document = *c.value.documents.at("crm");
  CHECK(document.operations.size() == 1);
  CHECK(document.left_out.size() == 1);
  CHECK(c.value.agents.front().tools.front().document == c.value.documents.at("crm"));
  CHECK(here.faults(R"({"openapi":"3.0.0","paths":{"/":{"get":{}}}})").empty());
}

TEST_CASE("a tool that the document does not have is a fault", "[config]") {
  folder here;
  CHECK(here.faults(crm, "service: crm, allow: [getcontacts]")
        == "agents.a.tools[0].allow[0].tool: 'getcontacts' is no operation of "
           "services.crm.openapi; did "
           "you mean 'getContact'?\n");
  CHECK(here.faults(crm, "service: crm, deny: [zzz]")
        == "agents.a.tools[0].deny[0].tool: 'zzz' is no operation of services.crm.openapi\n");
  CHECK(here.faults(crm, "service: crm, ask: [upload, '*']")
        == "agents.a.tools[0].ask[0].tool: 'upload' of services.crm.openapi cannot be a tool: POST "
           "\"/files\": its body is neither JSON nor a plain form\n");
}

TEST_CASE("a document that cannot be used is a fault with a reason", "[config]") {
  folder here;
  const std::string key = "services.crm.openapi: ", unused = "agents.a.tools[0].service: ";
  auto first = [&](const std::string& document, const std::string& openapi = "file:crm.yaml") {
    const auto all = here.faults(document, "service: crm", openapi);
    CHECK(all.find(unused) != std::string::npos); // an agent has no tools of it
    return all.starts_with(key) ? all.substr(key.size(), all.find('\n') - key.size()) : all;
  };
  CHECK(first("swagger: '2.0'\npaths: {}").starts_with("crm.yaml is a document of Swagger 2"));
  CHECK(first("a: [").starts_with("crm.yaml is neither JSON nor YAML: line 1"));
  CHECK(first("{\"openapi\": \"3.1.0\"}") == "crm.yaml has no `paths`");
  CHECK(first("openapi: 3.1.0\npaths: { /x: { post: { requestBody: { $ref: other.yaml } } } }")
        == "crm.yaml has no operation that can be a tool: POST \"/x\": its body is a reference "
           "that leads nowhere");
  CHECK(first("").ends_with("crm.yaml is empty"));
  CHECK(first(crm, "file:none.yaml").ends_with("none.yaml cannot be read"));
  CHECK(first(crm, "crm.yaml") == "must be file:<path> of an OpenAPI document");
  CHECK(first(std::string((4 << 20) + 1, 'x')) == "is longer than 4194304 bytes");
  CHECK(first("\xff") == "is not a text in UTF-8");
}

TEST_CASE("a document of aliases takes no more than its bounds", "[config]") {
  folder here;
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    laughs += name + ": &" + name + " [" + before;
    for (int k = 0; k < 9; ++k)
      laughs += ", " + before;
    laughs += "]\n";
  }
  CHECK(here.faults(laughs + crm).find("more than 500,000 values") != std::string::npos);
  CHECK(here.faults("a: &a { b: *a }\n" + crm).find("services.crm.openapi") != std::string::npos);
}

TEST_CASE("only an HTTP service has a document", "[config]") {
  const auto c = parse_config("services:\n  a: { type: mcp, url: https://a.example, openapi: "
                              "'file:x' }\n",
                              "f.yaml");
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems.front().message.starts_with("only a service of type http"));
}
