#include "runtime/http/page_rules.hpp"
#include "tests/runtime/http/server_fixture.hpp"

using namespace behalf;

namespace {

http_request from_page(std::string_view origin, std::string host = "127.0.0.1:2024",
                       std::string first = "threads", header_list more = {}) {
  http_request req;
  req.method = verb::post;
  req.method_name = "POST";
  req.path = {std::move(first)};
  req.headers = std::move(more);
  req.headers.emplace_back("host", std::move(host));
  if (!origin.empty())
    req.headers.emplace_back("origin", origin);
  return req;
}

const header_list json_type{{"content-type", "Application/JSON; charset=utf-8"}};

page_rules local_rules() {
  cors_options cors;
  cors.allow_origins = {"local"};
  page_options pages;
  pages.hosts = {"localhost", "127.0.0.1", "[::1]", "agents.example.com"};
  pages.public_url = "https://agents.example.com/behalf";
  pages.own_pages_only = {"dev"};
  return {cors, pages};
}

unsigned status(const std::optional<page_rules::verdict>& v) {
  return v ? v->status : 200;
}

} // namespace

TEST_CASE("a name that is not ours is refused, with the key that would allow it", "[http][pages]") {
  const auto rules = local_rules();
  for (const auto* host :
       {"localhost", "LOCALHOST:1", "127.0.0.1:2024", "[::1]", "[::1]:2024", "agents.example.com"})
    CHECK(status(rules.check(from_page("", host), false)) == 200);
  for (const auto* host :
       {"evil.example:2024", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "::1",
        "", "localhost:2024:1", "a@localhost", "127.0.0.1:80@evil.example"}) {
    CAPTURE(host);
    const auto no = rules.check(from_page("", host), false);
    REQUIRE(no);
    CHECK(no->status == 421);
    CHECK(no->detail.find("server.hosts") != std::string::npos);
  }
}

TEST_CASE("the name in an absolute target counts, whatever Host says", "[http][pages]") {
  auto options = test_options();
  options.pages.hosts = {"localhost"};
  running_server server(options, [](exchange_ptr ex) {
    ex->respond(200, {}, *find_header(ex->req().headers, "host"));
  });
  const auto ask = [&](const std::string& target, const std::string& host) {
    return server.ask("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  CHECK(ask("http://evil.example/info", "localhost").status == 421);
  CHECK(ask("http://localhost@evil.example/info", "localhost").status == 421);
  CHECK(ask("http://localhost:80/info", "evil.example").body == "localhost:80");
  CHECK(ask("/info", "evil.example").status == 421);
}

TEST_CASE("a server for every network takes any address for its name", "[http][pages]") {
  page_options pages;
  pages.hosts = {"localhost", "ip"};
  const page_rules rules{{}, pages};
  CHECK(status(rules.check(from_page("", "192.168.1.5:2024"), false)) == 200);
  CHECK(status(rules.check(from_page("", "[fe80::1]:2024"), false)) == 200);
  CHECK(status(rules.check(from_page("", "evil.example"), false)) == 421);
  CHECK(status(page_rules{{}, {}}.check(from_page("", "any.example"), false)) == 200);
}

TEST_CASE("pages of this machine may call, others not", "[http][pages]") {
  const auto rules = local_rules();
  for (const auto* origin : {"http://localhost:3000", "http://127.0.0.1:5173", "https://[::1]",
                             "http://127.0.0.1:2024", "https://agents.example.com"})
    CHECK(status(rules.check(from_page(origin), false)) == 200);
  for (const auto* origin : {"https://evil.example", "null", "http://localhost.evil.example",
                             "https://agents.example.com:444", "file://", "localhost:3000"}) {
    CAPTURE(origin);
    const auto no = rules.check(from_page(origin), false);
    REQUIRE(no);
    CHECK(no->status == 403);
    CHECK(no->detail.find("server.cors.allow_origins") != std::string::npos);
  }
}

TEST_CASE("a page's body must say that it is JSON", "[http][pages]") {
  const auto rules = local_rules();
  const auto page = "http://localhost:3000", own = "127.0.0.1:2024";
  CHECK(status(rules.check(from_page(page, own, "threads", json_type), true)) == 200);
  CHECK(status(rules.check(from_page(page, own, "threads", {{"content-type", "text/plain"}}), true))
        == 415);
  CHECK(status(rules.check(from_page(page, own, "threads"), true)) == 415);
  CHECK(status(rules.check(from_page(page, own, "threads"), false)) == 200);
  CHECK(status(rules.check(from_page("", own, "threads"), true)) == 200); // no page: curl
}

TEST_CASE("login is for our own pages, whose forms may hide where they come from",
          "[http][pages]") {
  const auto rules = local_rules();
  const auto login = [&](std::string_view origin, header_list more = {}) {
    return status(rules.check(from_page(origin, "127.0.0.1:2024", "dev", std::move(more)), true));
  };
  CHECK(login("http://127.0.0.1:2024") == 200);
  CHECK(login("http://localhost:2024") == 200);
  CHECK(login("null", {{"sec-fetch-site", "same-origin"}}) == 200);
  CHECK(login("") == 200);
  CHECK(login("http://localhost:3000") == 403);
  CHECK(login("null") == 403);
  CHECK(login("null", {{"sec-fetch-site", "cross-site"}}) == 403);
}

TEST_CASE("the server refuses pages before anybody is asked", "[http][pages]") {
  auto options = test_options();
  options.cors.allow_origins = {"local"};
  options.pages.own_pages_only = {"dev"};
  std::atomic<int> handled{0};
  running_server server(options, [&](exchange_ptr ex) {
    ++handled;
    ex->respond(200, {{"WWW-Authenticate", "Bearer"}}, "{}");
  });
  const std::string evil = "Origin: https://evil.example\r\n",
                    local = "Origin: http://localhost:3000\r\n";
  CHECK(server.ask(get_request("/", evil)).status == 403);
  CHECK(server.ask(post_request("/", "{}", local + "Content-Type: text/plain\r\n")).status == 415);
  CHECK(server.ask(get_request("/dev/token", local)).status == 403);
  CHECK(handled == 0);
  CHECK(server.ask(get_request("/", "Origin: http://127.0.0.1:80@evil.example\r\n")).status == 403);
  CHECK(handled == 0);
  const auto seen = server.ask(get_request("/", local));
  CHECK(seen.status == 200);
  CHECK(seen.header("access-control-allow-origin") == "http://localhost:3000");
  const auto exposed = seen.header("access-control-expose-headers");
  for (const auto* name : {"www-authenticate", "location", "content-location", "x-pagination-total",
                           "x-pagination-next"})
    CHECK(exposed.find(name) != std::string::npos);
  const std::string asks = "Access-Control-Request-Method: POST\r\n";
  const auto preflight = [&](const std::string& target, const std::string& origin) {
    return server.ask("OPTIONS " + target + " HTTP/1.1\r\nHost: test\r\n" + origin + asks + "\r\n");
  };
  CHECK(preflight("/threads", local).header("access-control-allow-private-network") == "true");
  CHECK(preflight("/threads", evil).status == 400);
  CHECK(preflight("/threads", evil).header("access-control-allow-private-network").empty());
  CHECK(preflight("/dev/token", local).header("access-control-allow-origin").empty());
}
