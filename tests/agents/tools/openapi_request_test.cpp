#include "agents/tools/openapi.hpp"
#include "agents/tools/results.hpp"
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::object args(std::string_view text) {
  return parse_json(text).value().as_object();
}

// One operation of path `path`.
api_operation operation(std::string_view method, std::string_view path, const std::string& rest) {
  json::object paths;
  json::object item;
  item[method] = parse_json(R"({"operationId":"op",)" + rest + "}").value();
  paths[path] = std::move(item);
  auto all = read_openapi(json::object{{"openapi", "3.1.0"}, {"paths", std::move(paths)}}).value();
  for (const auto& [name, why] : all.left_out)
    FAIL(why);
  return all.operations.at("op");
}

api_operation of_path(std::string_view path = "/users/{id}") {
  return operation("get", path, R"("parameters":[{"name":"id","in":"path"}])");
}

// Of GET /x with one query parameter `a` that says this, too.
std::string query(const std::string& more, std::string_view value) {
  const auto made =
    request_of(operation("get", "/x", R"("parameters":[{"in":"query","name":"a",)" + more + "}]"),
               args(R"({"a":)" + std::string(value) + "}"));
  return made ? made->path : made.error().message;
}

api_operation with_body(const std::string& type, const std::string& media) {
  return operation("post", "/x",
                   R"("requestBody":{"required":true,"content":{")" + type + "\":" + media + "}}");
}

std::string text_of(const json::object& result) {
  service_reply reply;
  reply.body = result;
  return std::string(outcome_of(reply, {"c", "t", "t", {}}).message.at("content").as_string());
}

const header_list json_type{{"Content-Type", "application/json; charset=utf-8"}};

} // namespace

TEST_CASE("arguments stand in path, query, header and body", "[tools]") {
  const auto op = operation("put", "/users/{id}/notes", R"("parameters":[
    {"name":"id","in":"path"},{"name":"page","in":"query"},{"name":"If-Match","in":"header"}],
    "requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{
      "text":{"type":"string"},"tags":{"type":"array"}}}}}})");
  const auto made =
    request_of(op, args(R"({"id":7,"page":true,"If-Match":"\"e1\"","text":"ä","tags":["a"]})"));
  REQUIRE(made);
  CHECK(made->method == "PUT");
  CHECK(made->path == "/users/7/notes?page=true");
  CHECK(made->headers == header_list{{"If-Match", "\"e1\""}, {"Content-Type", "application/json"}});
  CHECK(made->body == json::value(args(R"({"text":"ä","tags":["a"]})")));
  CHECK_FALSE(request_of(op, args(R"({"id":7})"))->body); // it need not have one
}

TEST_CASE("a value of the path stays within its segment", "[tools]") {
  auto path = [](std::string_view value) {
    json::object given;
    given["id"] = json::string(value);
    auto made = request_of(of_path(), given);
    return made ? made->path : "refused";
  };
  CHECK(path("a b") == "/users/a%20b");
  CHECK(path("ä") == "/users/%C3%A4");
  CHECK(path("?admin=1") == "/users/%3Fadmin%3D1");
  CHECK(path("#x") == "/users/%23x");
  CHECK(path("50%") == "/users/50%25");
  for (const auto* hostile :
       {"", " ", ".", "..", "../admin", "a/b", "a\\b", "%2e%2e", "a%2fb", "%252e%252e", "a%255cb",
        "a\r\nHost: x", "a\nb", "..;x", "\x7f", "%00", "%0d%0a"})
    CHECK(path(hostile) == "refused");
  CHECK_FALSE(request_of(of_path(), {}));
  CHECK_FALSE(request_of(of_path(), args(R"({"id":null})")));
  CHECK_FALSE(request_of(of_path(), args(R"({"id":[]})")));
  CHECK_FALSE(request_of(of_path(), args(R"({"id":[["a"]]})")));
  CHECK(request_of(of_path(), args(R"({"id":["a,b",2]})"))->path == "/users/a%2Cb,2");
}

TEST_CASE("a query is written in the style that the document says", "[tools]") {
  CHECK(query(R"("x":1)", R"("a&b=c d")") == "/x?a=a%26b%3Dc%20d");
  CHECK(query(R"("x":1)", "[1,\"b\"]") == "/x?a=1&a=b");
  CHECK(query(R"("x":1)", "[]") == "/x");
  CHECK(query(R"("x":1)", "null") == "/x");
  CHECK(query(R"("x":1)", R"({"k":1,"l":"m n"})") == "/x?k=1&l=m%20n");
  CHECK(query(R"("explode":false)", R"([1,"b,c"])") == "/x?a=1,b%2Cc");
  CHECK(query(R"("explode":false)", R"({"k":1})") == "/x?a=k,1");
  CHECK(query(R"("style":"spaceDelimited")", "[1,2]") == "/x?a=1%202");
  CHECK(query(R"("style":"pipeDelimited")", "[1,2]") == "/x?a=1%7C2");
  CHECK(query(R"("style":"deepObject")", R"({"k":{"l":1},"m":[2]})")
        == "/x?a%5Bk%5D%5Bl%5D=1&a%5Bm%5D%5B0%5D=2");
  CHECK(query(R"("content":{"application/json":{}})", R"({"k":"ä"})")
        == "/x?a=%7B%22k%22%3A%22%C3%A4%22%7D");
}

TEST_CASE("a query has no parameter that was not asked for", "[tools]") {
  CHECK(query(R"("x":1)", R"({"a":1})").find("has a place of its own") != std::string::npos);
  CHECK(query(R"("x":1)", "[[1]]").find("plain values only") != std::string::npos);
  CHECK(query(R"("x":1)", R"({"k":{}})").find("plain values only") != std::string::npos);
  CHECK(query(R"("x":1)", R"({"k&l":"1#"})") == "/x?k%26l=1%23");
  std::string many = "[0";
  for (int i = 0; i < 1000; ++i)
    many += ",1";
  CHECK(query(R"("x":1)", many + "]").find("1,000") != std::string::npos);
  CHECK_FALSE(request_of(of_path(), args(R"({"id":1,"admin":true})")));
}

TEST_CASE("the names of nested keys do not multiply what was given", "[tools]") {
  const std::string style = R"("style":"deepObject")";
  std::string value = "[1,1]";
  for (int depth = 0; depth < 20; ++depth)
    value = "{\"" + std::string(120, 'k') + "\":" + value + "}";
  CHECK(query(style, value).find("too long together") != std::string::npos);
  CHECK(query(style, "{\"" + std::string(700, '%') + "\":1}").find("too long together")
        != std::string::npos);
  CHECK(query(style, "{\"" + std::string(600, '%') + "\":1}").starts_with("/x?a%5B%25"));
  CHECK(query(style, R"({"k":{"l":1,"m":{}},"n":2})") == "/x?a%5Bk%5D%5Bl%5D=1&a%5Bn%5D=2");
}

TEST_CASE("a header's value ends no line", "[tools]") {
  const auto op = operation("get", "/x", R"("parameters":[{"name":"X-A","in":"header"}])");
  auto value = [&](std::string_view given) {
    json::object all;
    all["X-A"] = json::string(given);
    auto made = request_of(op, all);
    return made ? made->headers.front().second : "refused";
  };
  CHECK(value("plain text") == "plain text");
  CHECK(request_of(op, args(R"({"X-A":[1,2]})"))->headers.front().second == "1,2");
  for (const auto* hostile : {"a\r\nX: y", "a\nb", "a\x01", "ä"})
    CHECK(value(hostile) == "refused");
  CHECK(value(std::string(5000, 'a')) == "refused");
}

TEST_CASE("a form is a text", "[tools]") {
  const auto op = with_body("application/x-www-form-urlencoded",
                            R"({"schema":{"type":"object"},"encoding":{
                               "deep":{"style":"deepObject"},"flat":{"explode":false}}})");
  const auto made =
    request_of(op, args(R"({"body":{"a":"x y&z","list":[1,{"k":2}],"o":{"k":1},"deep":{"k":[1]},
                 "flat":[1,2],"none":null}})"));
  REQUIRE(made);
  CHECK(made->body
        == "a=x%20y%26z&list=1&list=%7B%22k%22%3A2%7D&o=%7B%22k%22%3A1%7D&deep%5Bk%5D%5B0%5D=1"
           "&flat=1,2&none=");
  CHECK(made->headers == header_list{{"Content-Type", "application/x-www-form-urlencoded"}});
  CHECK_FALSE(request_of(op, args(R"({"body":[1]})")));
}

TEST_CASE("a body of another JSON type says so", "[tools]") {
  const auto op = with_body("application/merge-patch+json", R"({"schema":{"type":"array"}})");
  const auto made = request_of(op, args(R"({"body":[1]})"));
  CHECK(made->headers.front().second == "application/merge-patch+json");
  CHECK(made->body == json::value(json::array{1}));
}

TEST_CASE("answers become results", "[tools]") {
  const auto json_result = result_of(200, json_type, R"({"a":1})", true);
  CHECK(json_result.at("structuredContent") == json::value(args(R"({"a":1})")));
  CHECK(text_of(json_result) == R"({"a":1})");
  CHECK(text_of(result_of(200, json_type, "null", true)) == "null");
  CHECK(text_of(result_of(200, json_type, "{broken", true)) == "{broken");
  CHECK(text_of(result_of(200, {}, "plain", true)) == "plain");
  CHECK(text_of(result_of(200, {{"content-type", "text/plain"}}, "\xff", true)) == "\uFFFD");
  CHECK(text_of(result_of(204, {}, "", true)) == "HTTP 204, no content");
  CHECK(text_of(result_of(201, {{"Location", "/x/1"}}, "", true))
        == "HTTP 201, no content; Location: /x/1");
  CHECK(text_of(result_of(200, {{"content-type", "application/zip"}}, "PK\xff", true))
          .find("models cannot read it")
        != std::string::npos);
  CHECK(text_of(result_of(200, {{"content-type", "image/png"}}, "\x89PNG\r\n\x1a\n", false))
          .starts_with("[left out: a file of image/png"));
  service_reply image;
  image.body = result_of(200, {{"content-type", "image/png"}}, "\x89PNG\r\n\x1a\n..", true);
  CHECK(outcome_of(image, {"c", "t", "t", {}}).message.at("content").at(0).at("type") == "image");
}

TEST_CASE("answers that are none are errors", "[tools]") {
  auto failed = [](unsigned status, const header_list& headers, std::string body = {}) {
    const auto made = result_of(status, headers, std::move(body), true);
    CHECK(bool_or(made, "isError"));
    return text_of(made);
  };
  CHECK(failed(404, json_type, R"({"detail":"none"})") == R"(HTTP 404: {"detail":"none"})");
  CHECK(failed(500, {{"content-type", "application/zip"}}, "PK") == "HTTP 500");
  CHECK(failed(502, {}, std::string(100'000, 'x')).size() < 5'000);
  CHECK(failed(302, {{"Location", "https://elsewhere.example"}})
        == "HTTP 302: a redirect, which is not followed");
  CHECK(failed(200, {{"content-type", "text/event-stream"}}).find("stream of events")
        != std::string::npos);
}

namespace {

struct bench {
  bench() : runner(make()) { runner.as("alice"); }

  static std::shared_ptr<const graph> make() {
    const auto document = read_openapi(parse_json(R"({"openapi":"3.0.3","paths":{"/contacts/{id}":{
      "parameters":[{"name":"id","in":"path","schema":{"type":"string"}}],
      "get":{"operationId":"getContact"},"delete":{"operationId":"forget"},
      "put":{"operationId":"unheard"}}}})")
                                         .value());
    agent_options all;
    all.name = "helper";
    all.model = "main";
    tool_source crm{"crm", {"getContact"}, {"forget"}, {}};
    crm.document = std::make_shared<const api_document>(document.value());
    all.tools.push_back(std::move(crm));
    return make_agent(std::move(all)).value();
  }

  std::string told(std::string_view order) {
    auto out = runner.run({{"messages", list(human(order))}});
    const auto& messages = out.state.at("messages").as_array();
    return std::string(messages.at(messages.size() - 2).at("content").as_string());
  }

  testing::graph_runner runner;
  testing::scripted_model& model = runner.model("main");
  testing::scripted_service& crm = runner.service("crm");
};

} // namespace

TEST_CASE("an agent calls operations that are allowed", "[tools]") {
  bench b;
  b.crm.answers("GET /contacts/7", {{"name", "Ada"}});
  b.model.calls({{"getContact", {{"id", "7"}}}}).says("Ada it is");
  CHECK(b.told("who is 7?") == R"({"name":"Ada"})");
  const auto& tools = b.model.asked().front().at("tools").as_array();
  REQUIRE(tools.size() == 2);
  CHECK(b.runner.calls().size() == 1); // the list is no call
}

TEST_CASE("an agent is told why an operation failed", "[tools]") {
  bench b;
  SECTION("the service answers so") {
    b.crm.answers("GET /contacts/7", {{"detail", "gone"}}, 404);
    b.model.calls({{"getContact", {{"id", "7"}}}}).says("ok");
    CHECK(b.told("x") == R"(HTTP 404: {"detail":"gone"})");
  }
  SECTION("it does not take the user's credential") {
    b.crm.answers("GET /contacts/7", {{"detail", "token expired"}}, 401);
    b.model.calls({{"getContact", {{"id", "7"}}}}).says("ok");
    CHECK(b.told("x")
          == "Error: 'crm' refused access: a credential that is stored may be wrong, expired or "
             "not enough.");
  }
  SECTION("it cannot be reached") {
    b.crm.fails("GET /contacts/7", fail(errc::timeout, "no answer"));
    b.model.calls({{"getContact", {{"id", "7"}}}}).says("ok");
    CHECK(
      b.told("x").starts_with("Error: 'crm' did not answer in time. Whether the call was made"));
  }
  SECTION("an argument would leave the path") {
    b.model.calls({{"getContact", {{"id", "../admin"}}}}).says("ok");
    CHECK(b.told("x").find("part of a path") != std::string::npos);
    CHECK(b.runner.calls().empty());
  }
  SECTION("it is not offered") {
    b.model.calls({{"unheard", {{"id", "7"}}}}).says("ok");
    CHECK(b.told("x").find("is not a valid tool") != std::string::npos);
    CHECK(b.runner.calls().empty());
  }
}

TEST_CASE("an answer without an end is read to its bound", "[tools]") {
  bench b;
  b.crm.streams("GET /contacts/7", std::vector<std::string>(6, std::string(1 << 20, 'x')));
  b.model.calls({{"getContact", {{"id", "7"}}}}).says("ok");
  const auto text = b.told("x");
  CHECK(text.size() < (66 << 10));
  CHECK(text.find("bytes more of text") != std::string::npos);
}
