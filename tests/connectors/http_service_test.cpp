#include "connectors/registry.hpp"
#include "tests/connectors/scripted_upstream.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

std::unique_ptr<connector> opened(http_operation operation,
                                  service_options service = scripted_service(service_type::http)) {
  auto services = service_registry::create({std::move(service)}).value();
  return services.open(service_call{"up", std::move(operation)}, scripted_caller()).value();
}

result<service_reply> answered(scripted_reply reply, http_operation operation = {"GET", "/x"}) {
  scripted_upstream upstream{std::deque<scripted_reply>{std::move(reply)}};
  return upstream.run(*opened(std::move(operation)));
}

scripted_reply typed(std::string type, std::string body, unsigned status = 200) {
  return {status, {{"Content-Type", std::move(type)}}, std::move(body)};
}

} // namespace

TEST_CASE("an operation becomes one call below the base, with the caller's handle",
          "[connectors]") {
  scripted_upstream upstream{
    std::deque<scripted_reply>{typed("application/json", "{\"id\":7}", 201)}};
  auto service = scripted_service(service_type::http);
  service.timeout = std::chrono::milliseconds{1234};
  const auto reply = upstream.run(*opened(
    {"POST", "/items?draft=true", {{"X-Kind", "a"}}, json::value{{"text", "hé"}}}, service));
  REQUIRE(reply);
  CHECK(reply->status == 201);
  CHECK(reply->body == json::value{{"id", 7}});
  CHECK(reply->receipt == 1);

  REQUIRE(upstream.calls.size() == 1);
  const auto& call = upstream.calls[0];
  CHECK(call.service == "up");
  CHECK(call.method == "POST");
  CHECK(call.url == "https://up.example/base/items?draft=true");
  CHECK(call.body == "{\"text\":\"hé\"}");
  CHECK(*find_header(call.headers, "content-type") == "application/json");
  CHECK(*find_header(call.headers, "x-kind") == "a");
  CHECK(find_header(call.headers, "accept"));
  CHECK(call.handle.id == "handle-of-alice");
  CHECK(call.timeout == std::chrono::milliseconds{1234});
  CHECK_FALSE(call.stream);
}

TEST_CASE("a text of another type goes as it is", "[connectors]") {
  auto sent = [](header_list headers, json::value body) {
    scripted_upstream upstream{std::deque<scripted_reply>{typed("text/plain", "ok")}};
    http_operation operation{"POST", "/x", std::move(headers), std::move(body)};
    CHECK(upstream.run(*opened(std::move(operation))));
    return upstream.calls.at(0).body;
  };
  const header_list form{{"Content-Type", "application/x-www-form-urlencoded"}};
  CHECK(sent(form, "a=1&b=2") == "a=1&b=2");
  CHECK(sent({}, "a") == "\"a\"");
  CHECK(sent({{"Content-Type", "application/merge-patch+json"}}, "a") == "\"a\"");
  CHECK(sent(form, json::object{{"a", 1}}) == "{\"a\":1}");
}

TEST_CASE("a body is JSON where it says so, else text, else null", "[connectors]") {
  CHECK(answered(typed("application/json; charset=utf-8", "[1]"))->body
        == json::value(json::array{1}));
  CHECK(answered(typed("Application/Problem+JSON", "{}", 404))->body
        == json::value(json::object{}));
  CHECK(answered(typed("text/plain", "[1]"))->body == json::value("[1]"));
  CHECK(answered({200, {}, "plain"})->body == json::value("plain"));
  CHECK(answered(typed("application/json", "", 204))->body == json::value(nullptr));
  CHECK(answered(typed("text/plain", "\xE2\x82\xAC \xF0\x9F\x98\x80"))->body
        == json::value("\xE2\x82\xAC \xF0\x9F\x98\x80"));
}

TEST_CASE("any status is a reply, a broken body is the upstream's error", "[connectors]") {
  CHECK(answered(typed("text/plain", "no", 401))->status == 401);
  CHECK(answered(typed("text/plain", "gone", 503))->status == 503);
  CHECK(answered(typed("application/json", "{\"a\":")).error().code == errc::upstream);
  for (const char* bytes : {"\xff\xfe", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82",
                            "\x80", "\xE0\x80\x80", "\xF0\x8F\xBF\xBF"})
    CHECK(answered(typed("image/png", bytes)).error().code == errc::upstream);
  CHECK(answered(scripted_reply{0, {}, {}, fail(errc::timeout, "late")}).error().code
        == errc::timeout);
}

TEST_CASE("cookies of the upstream do not reach a node", "[connectors]") {
  const auto reply =
    answered({200, {{"Set-Cookie", "sid=1"}, {"ETag", "e"}, {"set-cookie", "b=2"}}, ""});
  REQUIRE(reply);
  CHECK(reply->headers.size() == 1);
  CHECK(find_header(reply->headers, "etag"));
}

TEST_CASE("a stream is handed on unread", "[connectors]") {
  scripted_upstream upstream{std::deque<scripted_reply>{typed("application/json", "not { json")}};
  http_operation operation{"GET", "/feed"};
  operation.stream = true;
  const auto reply = upstream.run(*opened(operation));
  REQUIRE(reply);
  CHECK(reply->stream_id == 1);
  CHECK(reply->body.is_null());
  CHECK(upstream.open() == 1);
  CHECK(upstream.calls[0].stream);
}

TEST_CASE("a bad method or path sends nothing", "[connectors]") {
  for (const http_operation& operation :
       {http_operation{"GET", "//other/x"}, http_operation{"GET", "/../x"},
        http_operation{"CONNECT", "/x"}, http_operation{"TRACE", "/x"}, http_operation{"get", "/x"},
        http_operation{"", "/x"}, http_operation{"GET / HTTP/1.1\r\nX: y", "/x"}}) {
    scripted_upstream upstream{std::deque<scripted_reply>{}};
    INFO(operation.method << ' ' << operation.path);
    CHECK(upstream.run(*opened(operation)).error().code == errc::invalid_argument);
    CHECK(upstream.calls.empty());
  }
}

TEST_CASE("a node cannot write where the credential goes", "[connectors]") {
  auto service = scripted_service(service_type::http);
  service.credential = {credential_source::secrets, "", {credential_form::header, "X-Api-Key"}};
  scripted_upstream upstream{std::deque<scripted_reply>{{200}}};
  http_operation forged{"GET", "/x", {{"x-api-key", "mine"}}};
  CHECK(upstream.run(*opened(forged, service)).error().code == errc::invalid_argument);
  CHECK(upstream.run(*opened({"GET", "/x", {{"X-Other", "v"}}}, service)).has_value());

  service.credential = {credential_source::secrets, "", {credential_form::query, "key"}};
  for (const char* path : {"/x?key=mine", "/x?a=1&key", "/x?%6bey=mine", "/x?%zz"})
    CHECK(upstream.run(*opened({"GET", path}, service)).error().code == errc::invalid_argument);
  CHECK(upstream.calls.size() == 1);
  scripted_upstream other{std::deque<scripted_reply>{{200}}};
  CHECK(other.run(*opened({"GET", "/x?keys=1"}, service)).has_value());
}
