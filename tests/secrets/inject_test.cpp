#include "runtime/base/guarded_memory.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/inject.hpp"
#include "tests/secrets/feeding.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

stored_credential_ptr credential(std::string_view value, std::string username = {}) {
  auto c = std::make_shared<stored_credential>();
  c->value = secret{value};
  c->username = std::move(username);
  return c;
}

std::string head_of(const credential_writer& w) {
  wiped_string head;
  w.write_head(head);
  return std::string{head.view()};
}

std::string target_of(const credential_writer& w, std::string_view target) {
  wiped_string t{target};
  w.write_target(t);
  return std::string{t.view()};
}

std::string scrubbed(const credential_writer& w, std::string_view reply, std::size_t step = 0) {
  return testing::fed(*w.scrubber(), reply, step);
}

const std::string token = "gho_16C7e42F292c6912E7710c838347Ae178B4a+/=";

} // namespace

TEST_CASE("each form writes its header or query and nothing else", "[secrets][inject]") {
  auto bearer = make_writer({}, credential("abc.def-1")).value();
  CHECK(head_of(*bearer) == "Authorization: Bearer abc.def-1\r\n");
  CHECK(target_of(*bearer, "/a?b=1") == "/a?b=1");

  auto header = make_writer({credential_form::header, "X-Api-Key"}, credential("k 1")).value();
  CHECK(head_of(*header) == "X-Api-Key: k 1\r\n");

  auto basic = make_writer({credential_form::basic}, credential("open sesame", "Aladdin")).value();
  CHECK(head_of(*basic) == "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"); // RFC 7617 2

  auto query = make_writer({credential_form::query, "key"}, credential("a b&c=d")).value();
  CHECK(head_of(*query).empty());
  CHECK(target_of(*query, "/a") == "/a?key=a%20b%26c%3Dd");
  CHECK(target_of(*query, "/a?x=1") == "/a?x=1&key=a%20b%26c%3Dd");
}

TEST_CASE("a credential that would break out of its place is refused", "[secrets][inject]") {
  struct bad {
    credential_form form;
    std::string_view value;
    const char* username;
  };
  using namespace std::string_view_literals;
  const bad table[] = {
    {credential_form::bearer, "", ""},
    {credential_form::bearer, "a b", ""},
    {credential_form::bearer, "a\r\nX-Admin: 1", ""},
    {credential_form::bearer, "a\n", ""},
    {credential_form::bearer, "a\0b"sv, ""},
    {credential_form::bearer, "t\xc3\xb6ken", ""},
    {credential_form::header, "a\r\nHost: evil", ""},
    {credential_form::header, " padded", ""},
    {credential_form::header, "padded ", ""},
    {credential_form::header, "tab\tinside", ""},
    {credential_form::header, "a\x7f", ""},
    {credential_form::basic, "pa55w0rd", ""},
    {credential_form::basic, "pa55w0rd", "user:name"},
  };
  for (const auto& b : table) {
    auto made = make_writer({b.form, "X-Api-Key"}, credential(b.value, b.username));
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::invalid_argument);
    if (b.value.size() > 3)
      CHECK(made.error().message.find(b.value) == std::string::npos);
  }
  CHECK_FALSE(make_writer({}, credential(std::string(20'000, 'x'))));
  CHECK_FALSE(make_writer({}, nullptr));
  CHECK(make_writer({credential_form::basic}, credential("\r\n any bytes \t", "user")));
}

TEST_CASE("rules read and write the same text", "[secrets][inject]") {
  for (auto text : {"bearer", "basic", "header:X-Api-Key", "query:api_key"})
    CHECK(to_string(parse_credential_rule(text).value()) == text);
  for (auto text : {"",
                    "Bearer",
                    "token",
                    "header",
                    "header:",
                    "header:X Api",
                    "header:Host",
                    "header:content-length",
                    "header:Transfer-Encoding",
                    "header:Proxy-Authorization",
                    "header:proxy-x",
                    "header:Range",
                    "header:if-range",
                    "header:X\r\nY",
                    "headerX:Y",
                    "query",
                    "query:",
                    "query:a b",
                    "query:a&b",
                    "basic:x",
                    "bearer:",
                    "bearer:x"})
    CHECK_FALSE(parse_credential_rule(text));
}

TEST_CASE("a reply that echoes the credential in any form loses it", "[secrets][inject]") {
  auto w = make_writer({}, credential(token)).value();
  std::string lower_percent, upper_hex, json_slash;
  wiped_string made;
  append_percent(made, token, letter_case::lower);
  lower_percent = made.view();
  made.clear();
  append_hex(made, token, letter_case::upper);
  upper_hex = made.view();
  for (const char c : token) // as PHP writes JSON
    json_slash.append(c == '/' ? "\\" : "").push_back(c);
  const std::string forms[] = {token,     percent_encode(token), lower_percent,    to_hex(token),
                               upper_hex, base64(token),         base64url(token), json_slash};
  for (const auto& form : forms) {
    auto reply = R"({"echo":")" + form + R"(","n":1})";
    for (std::size_t step : {0, 1, 2, 3, 7, 64}) {
      auto out = scrubbed(*w, reply, step);
      CHECK(out.find(form) == std::string::npos);
      CHECK(out.find("[redacted]") != std::string::npos);
      CHECK(out.starts_with(R"({"echo":")"));
      CHECK(out.ends_with(R"(,"n":1})"));
    }
  }
}

TEST_CASE("base64 of something longer is found at every position", "[secrets][inject]") {
  for (std::string value : {"s3cr3t-passw0rd", "exactly-12-b", "\xff\xfe\xfb\xef\xbe\xff>>>???"}) {
    auto w = make_writer({credential_form::basic}, credential(value, "u")).value();
    for (std::string before : {"", "u", "us", "use", "user", "user:"}) {
      for (std::string after : {"", ":", ":x", ":xy"}) {
        for (auto encode : {base64, base64url}) {
          auto whole = encode(before + value + after);
          auto out = scrubbed(*w, "<" + whole + ">", 5);
          INFO(whole << " -> " << out);
          REQUIRE(out.find("[redacted]") != std::string::npos);
          // What is left decides at most one byte at each end of the value.
          CHECK(out.size() <= 2 + 10 + (before.size() + after.size() + 2) * 4 / 3 + 4);
        }
      }
    }
  }
}

TEST_CASE("a reply without the credential passes as it is", "[secrets][inject]") {
  auto w = make_writer({}, credential(token)).value();
  std::string reply =
    "gho_16C7e42F292c6912 gho_ " + base64("something else") + std::string(5000, 'g');
  for (std::size_t step : {0, 1, 3, 1000})
    CHECK(scrubbed(*w, reply, step) == reply);
}

TEST_CASE("several credentials in a row and cut ones are told apart", "[secrets][inject]") {
  auto w = make_writer({}, credential("secret-token-1")).value();
  for (std::size_t step : {0, 1, 4, 13, 14, 15}) {
    CHECK(scrubbed(*w, "secret-token-1secret-token-1", step) == "[redacted][redacted]");
    CHECK(scrubbed(*w, "secret-token-secret-token-1", step) == "secret-token-[redacted]");
    CHECK(scrubbed(*w, "secret-token-", step) == "secret-token-");
  }
}

TEST_CASE("a credential exists once until it is used", "[secrets][inject]") {
  auto stored = credential(std::string(3'000, 'k'));
  auto before = guarded_memory_figures().in_use;
  auto w = make_writer({}, stored).value();
  CHECK(guarded_memory_figures().in_use == before);
  {
    auto s = w->scrubber();
    auto texts = s->for_texts();
    CHECK(guarded_memory_figures().in_use > before);
    CHECK(w->scrubber()->for_texts() == texts); // calls at the same time share the forms
  }
  CHECK(guarded_memory_figures().in_use == before);
}
