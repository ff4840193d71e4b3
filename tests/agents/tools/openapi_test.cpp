#include "agents/tools/arguments.hpp"
#include "agents/tools/openapi.hpp"
#include "agents/tools/schema_fit.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::value parsed(std::string_view text) {
  return parse_json(text).value();
}

// With these paths, and components.
json::value document(std::string_view paths, std::string_view components = "{}",
                     std::string_view version = "3.1.0") {
  return json::object{{"openapi", json::string(version)},
                      {"paths", parsed(paths)},
                      {"components", parsed(components)}};
}

api_document read(std::string_view paths, std::string_view components = "{}",
                  std::string_view version = "3.1.0") {
  return read_openapi(document(paths, components, version)).value();
}

// GET of /x with this in its operation.
api_document with(const std::string& more, std::string_view components = "{}") {
  return read(R"({"/x":{"get":{"operationId":"op",)" + more + "}}}", components);
}

// POST of /x with a JSON body of this schema.
api_operation with_body(const std::string& schema, std::string_view components = "{}",
                        std::string_view version = "3.1.0") {
  auto all = read(R"({"/x":{"post":{"operationId":"op","requestBody":{"required":true,"content":{
                     "application/json":{"schema":)"
                    + schema + "}}}}}}",
                  components, version);
  return all.operations.at("op");
}

std::string left_out(const std::string& more) {
  auto all = with(more);
  CHECK(all.operations.empty());
  return all.left_out.empty() ? "" : all.left_out.begin()->second;
}

json::value schema_of(const api_operation& operation) {
  return operation.tool.at("inputSchema");
}

std::string refused(const json::value& given) {
  auto made = read_openapi(given);
  REQUIRE_FALSE(made);
  return made.error().message;
}

} // namespace

TEST_CASE("operations become tools with what they say of themselves", "[tools]") {
  const auto all = read(R"({"/contacts/{id}":{
    "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],
    "get":{"operationId":"getContact","summary":"One contact","description":"With its notes."},
    "delete":{"deprecated":true},
    "patch":{"operationId":"change","requestBody":{"required":true,"content":{"application/json":
      {"schema":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}}}}}}})");
  CHECK(all.left_out.empty());
  REQUIRE(all.operations.size() == 3);
  CHECK(all.operations.at("getContact").tool
        == parsed(R"({"description":"One contact\n\nWith its notes.","inputSchema":{
             "type":"object","properties":{"id":{"type":"integer"}},
             "additionalProperties":false,"required":["id"]},
             "annotations":{"readOnlyHint":true,"idempotentHint":true},"name":"getContact"})"));
  const auto& gone = all.operations.at("delete_contacts_id").tool;
  CHECK(string_or(gone, "description") == "Deprecated. DELETE /contacts/{id}");
  CHECK(gone.at("annotations")
        == parsed(R"({"readOnlyHint":false,"idempotentHint":true,"destructiveHint":true})"));
  CHECK(all.operations.at("change").tool.at("inputSchema").at("required")
        == parsed(R"(["id","name"])"));
}

TEST_CASE("what is no OpenAPI 3 is refused with a reason", "[tools]") {
  CHECK(refused(nullptr) == "is no OpenAPI document");
  CHECK(refused(parsed(R"({"swagger":"2.0","paths":{}})")).starts_with("is a document of Swagger"));
  CHECK(refused(parsed(R"({"openapi":"4.0.0","paths":{}})")).starts_with("is no document of"));
  CHECK(refused(parsed(R"({"openapi":{},"paths":{}})")).starts_with("is no document of"));
  CHECK(refused(parsed(R"({"openapi":"3.1.0"})")) == "has no `paths`");
  CHECK(read_openapi(parsed(R"({"openapi":3.1,"paths":{}})"))); // YAML without quotes
}

TEST_CASE("operations that no request can be made of are left out, and say why", "[tools]") {
  CHECK(left_out(R"("parameters":7)").find("parameters are no list") != std::string::npos);
  CHECK(left_out(R"("parameters":[{"$ref":"#/nowhere"}])").find("leads nowhere")
        != std::string::npos);
  CHECK(
    left_out(R"("parameters":[{"$ref":"https://elsewhere.example/p.json"}])").find("leads nowhere")
    != std::string::npos);
  CHECK(left_out(R"("parameters":[{"in":"query"}])").find("no name") != std::string::npos);
  CHECK(left_out(R"("parameters":[{"name":"id","in":"path"}])").find("has no {")
        != std::string::npos);
  CHECK(left_out(R"("parameters":[{"name":"a","in":"query","required":true,"style":"matrix"}])")
          .find("a style that is not known")
        != std::string::npos);
  CHECK(left_out(R"("requestBody":{"required":true,"content":{"multipart/form-data":{}}})")
        == R"(GET "/x": its body is neither JSON nor a plain form)");
  for (const auto* path : {"x", "/a b", "/{", "/{}", "/a/../b", "/%2e%2e/b", "/a?b=c", "/a#b",
                           "/%zz", "//other.example/x", "/{id}"}) {
    INFO(path);
    json::object paths;
    paths[path] = {{"get", json::object{}}};
    const auto all =
      read_openapi(json::object{{"openapi", "3.0.3"}, {"paths", std::move(paths)}}).value();
    CHECK(all.operations.empty());
    CHECK(all.left_out.size() == 1);
  }
}

TEST_CASE("what cannot be written but need not be is no argument", "[tools]") {
  const auto all = with(R"("parameters":[{"name":"a","in":"query","style":"matrix"},
    {"name":"c","in":"cookie","required":true},{"name":"b c","in":"header"}],
    "requestBody":{"content":{"multipart/form-data":{}}})");
  CHECK(schema_of(all.operations.at("op")).at("properties") == parsed("{}"));
}

TEST_CASE("nobody sets credentials, nor what makes another request of one", "[tools]") {
  std::string all;
  for (const auto* name :
       {"Authorization", "authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding",
        "Proxy-Authorization", "X-Api-Key", "Content-Type", "Accept", "X-HTTP-Method-Override",
        "X-Forwarded-For", "Forwarded", "X-Original-URL", "Range", "X-Service-Key", "X-Crm-Token"})
    all += std::string(all.empty() ? "" : ",") + R"({"in":"header","required":true,"name":")" + name
           + "\"}";
  all += R"(,{"in":"query","name":"api_key","required":true},{"in":"header","name":"X-Fine"})";
  const auto given = document(R"({"/x":{"get":{"operationId":"op","parameters":[)" + all + "]}}}",
                              R"({"securitySchemes":{"k":{"type":"apiKey","in":"query",
                                  "name":"api_key"}}})");
  const auto made = read_openapi(given, "X-CRM-Token").value();
  const auto& operation = made.operations.at("op");
  REQUIRE(operation.parameters.size() == 1);
  CHECK(operation.parameters.front().name == "X-Fine");
}

TEST_CASE("names are made safe, and differ", "[tools]") {
  const auto all = read(R"j({"/a":{"get":{"operationId":"same"},"put":{"operationId":"same"}},
    "/":{"get":{}},"/b/{x}/c":{"get":{"operationId":"a\u202eb","parameters":[
      {"name":"x","in":"path"},{"name":"x","in":"query"},{"name":"filter[name]","in":"query"},
      {"name":"filter(name)","in":"query"}]}}})j");
  CHECK(all.operations.contains("same"));
  CHECK(all.operations.contains("put_a"));
  CHECK(all.operations.contains("get"));
  const auto& operation = all.operations.at("get_b_x_c");
  std::vector<std::string> names;
  for (const auto& one : operation.parameters)
    names.push_back(one.name);
  CHECK(names == std::vector<std::string>{"x", "x_query", "filter_name", "filter_name_query"});
  CHECK(operation.parameters[2].wire == "filter[name]");
}

TEST_CASE("the path of the document's server is told", "[tools]") {
  auto path = [](std::string_view servers) {
    auto given = document("{}");
    given.as_object()["servers"] = parsed(servers);
    return read_openapi(given).value().server_path;
  };
  CHECK(path(R"([{"url":"/api/v3/"},{"url":"/other"}])") == "/api/v3");
  CHECK(path(R"([{"url":"https://crm.example/api/v3"}])") == "/api/v3");
  CHECK(path(R"([{"url":"https://crm.example"}])").empty());
  CHECK(path(R"([{"url":"https://{tenant}.example/v1"}])").empty());
  CHECK(path(R"([{"url":7}])").empty());
  CHECK(path("[]").empty());
  CHECK(path("7").empty());
}

TEST_CASE("an operation's parameter counts before its path's", "[tools]") {
  const auto all = read(R"({"/x":{"parameters":[{"name":"q","in":"query","required":true}],
    "get":{"operationId":"op","parameters":[{"name":"q","in":"query","schema":{"type":"boolean"}}]}}})");
  CHECK(schema_of(all.operations.at("op"))
        == parsed(R"({"type":"object","properties":{"q":{"type":"boolean"}},
                     "additionalProperties":false})"));
}

TEST_CASE("members of a body are arguments where nothing is lost by it", "[tools]") {
  CHECK(with_body(R"({"type":"object","properties":{"a":{}},"additionalProperties":false})")
          .body_merged);
  CHECK(with_body(R"({"$ref":"#/components/schemas/A"})",
                  R"({"schemas":{"A":{"type":"object","properties":{"a":{}}}}})")
          .body_merged);
  for (const auto* whole :
       {R"({"type":"array"})", "{}", R"({"type":"object"})",
        R"({"type":"object","properties":{"a":{}},"additionalProperties":{}})",
        R"({"type":"object","properties":{"a":{}},"allOf":[{}]})",
        R"({"type":"object","properties":{"a b":{}}})", R"({"$ref":"#/nowhere"})"}) {
    INFO(whole);
    const auto operation = with_body(whole);
    CHECK_FALSE(operation.body_merged);
    CHECK(operation.body_name == "body");
    CHECK(schema_of(operation).at("required") == parsed(R"(["body"])"));
  }
}

TEST_CASE("references lead to definitions beside them, loops too", "[tools]") {
  const auto operation =
    with_body(R"({"type":"object","properties":{"tree":{"$ref":"#/components/schemas/Tree"}}})",
              R"({"schemas":{"Tree":{"type":"object","properties":{
         "left":{"$ref":"#/components/schemas/Tree"},"v":{"$ref":"#/components/schemas/A%20b"},
         "far":{"$ref":"file:///etc/passwd"}}},"A b":{"type":"integer"}}})");
  const auto schema = schema_of(operation);
  CHECK(schema.at("$defs")
        == parsed(R"({"Tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/Tree"},
                      "v":{"$ref":"#/$defs/A_20b"},"far":{}}},"A_20b":{"type":"integer"}})"));
  const auto& root = schema.as_object();
  CHECK(check_arguments(root, parsed(R"({"tree":{"left":{"v":1}}})").as_object()));
  CHECK_FALSE(check_arguments(root, parsed(R"({"tree":{"left":{"v":"1"}}})").as_object()));
  CHECK(fitted_schema(root).contains("properties"));
}

TEST_CASE("words of OpenAPI 3.0 are said anew", "[tools]") {
  const auto operation = with_body(
    R"({"type":"object","required":["id","a"],"properties":{
      "id":{"type":"integer","readOnly":true},
      "a":{"type":"string","nullable":true,"enum":["x"],"example":"x","x-order":1},
      "b":{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false},
      "c":{"allOf":[{"$ref":"#/components/schemas/C"}],"nullable":true}}})",
    R"({"schemas":{"C":{"type":"object"}}})", "3.0.3");
  CHECK(schema_of(operation) == parsed(R"({"type":"object","properties":{
             "a":{"type":["string","null"],"enum":["x",null]},
             "b":{"type":"number","exclusiveMinimum":0,"maximum":9},
             "c":{"anyOf":[{"allOf":[{"$ref":"#/$defs/C"}]},{"type":"null"}]}},
             "additionalProperties":false,"required":["a"],"$defs":{"C":{"type":"object"}}})"));
}

TEST_CASE("hostile documents cost little", "[tools]") {
  SECTION("schemas that refer to themselves") {
    CHECK(with(R"("parameters":[{"$ref":"#/paths/~1x/get/parameters/0"}])").operations.empty());
    const auto operation = with_body(R"({"$ref":"#/components/schemas/A"})",
                                     R"({"schemas":{"A":{"$ref":"#/components/schemas/A"}}})");
    const auto schema = schema_of(operation);
    (void)check_arguments(schema.as_object(), parsed(R"({"body":1})").as_object());
    CHECK(fitted_schema(schema.as_object()).contains("properties"));
  }
  SECTION("many operations with one long schema") {
    std::string paths = "{", properties;
    for (int i = 0; i < 1999; ++i)
      paths += (i ? "," : "") + std::string("\"/p") + std::to_string(i)
               + R"(":{"post":{"requestBody":{"content":{"application/json":{"schema":
                    {"$ref":"#/components/schemas/Long"}}}}}})";
    for (int i = 0; i < 20'000; ++i)
      properties += (i ? "," : "") + std::string("\"p") + std::to_string(i) + "\":{}";
    const auto all = read(paths + "}", R"({"schemas":{"Long":{"type":"object","properties":{)"
                                         + properties + "}}}}");
    CHECK(all.operations.size() == 1999);
    std::size_t bytes = 0;
    for (const auto& [name, one] : all.operations)
      bytes += text_bytes(one.tool, 1 << 20);
    CHECK(bytes < (4 << 20));
  }
  SECTION("too many operations") {
    std::string paths = "{";
    for (int i = 0; i < 2001; ++i)
      paths += (i ? "," : "") + std::string("\"/p") + std::to_string(i) + R"(":{"get":{}})";
    CHECK(refused(document(paths + "}")) == "has more than 2,000 operations");
  }
}
