#include "agents/models/openai_error.hpp"
#include "behalf/time.hpp"
#include "runtime/base/text.hpp"

#include <catch2/catch.hpp>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

// `from_now` as an HTTP date.
std::string http_date(std::chrono::seconds from_now) {
  const auto t = std::chrono::system_clock::to_time_t(now() + from_now);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

std::optional<std::chrono::milliseconds> after(std::string name, std::string value) {
  return failure_of(429, {{std::move(name), std::move(value)}}, "", "").after;
}

} // namespace

TEST_CASE("what a provider asks to wait is read in each of its forms", "[models]") {
  CHECK(after("Retry-After", "2") == 2000ms);
  CHECK(after("retry-after", "0.5") == 500ms);
  CHECK(after("Retry-After-Ms", "250") == 250ms);
  CHECK(after("retry-after", "99999999999") == 24h);
  const auto wait = after("retry-after", http_date(90s));
  REQUIRE(wait);
  CHECK(*wait > 80s);
  CHECK(*wait <= 90s);
  CHECK(failure_of(429, {{"retry-after-ms", "nonsense"}, {"retry-after", "3"}}, "", "").after
        == 3000ms);
}

TEST_CASE("a wait of nothing, of the past or of no sense is none", "[models]") {
  for (const auto* text : {"", "0", "-1", "-0.5", "nan", "inf x", "3 s", "Sun, 06 Nov 1994",
                           "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Xxx 2094 08:49:37 GMT",
                           "Sun, 99 Nov 2094 08:49:37 GMT"})
    CHECK_FALSE(after("retry-after", text));
  CHECK_FALSE(after("retry-after", http_date(-5s)));
}

TEST_CASE("a provider's id of a request is a short plain word", "[models]") {
  CHECK(request_id_of({{"X-Request-Id", "req_0a-1.b:c"}}) == "req_0a-1.b:c");
  CHECK(request_id_of({{"x-request-id", "b"}, {"request-id", "a"}}) == "a");
  for (const auto& bad : {std::string{}, std::string(101, 'a'), std::string("a b"),
                          std::string("a\x1b[2J"), std::string("\xc3\xa4")})
    CHECK(request_id_of({{"request-id", bad}}).empty());
  CHECK(request_id_of({}).empty());
}

TEST_CASE("what is spent is never tried again", "[models]") {
  for (const auto* code : {"insufficient_quota", "credit_balance_exhausted", "billing_error",
                           "enforced_spend_limit_reached"}) {
    const auto f = failure_of(429, {{"retry-after", "1"}, {"x-should-retry", "true"}}, "", code);
    CHECK(f.why.kind == "model_quota_spent");
    CHECK_FALSE(f.retry);
    CHECK_FALSE(f.after);
  }
  CHECK(failure_of(402, {}, "", "").why.kind == "model_quota_spent");
}

TEST_CASE("a failure's kind follows its code, else its status, else its sentence", "[models]") {
  struct {
    int status;
    std::string_view message, code, kind;
    bool retry;
  } cases[] = {
    {400, "", "context_length_exceeded", "model_context_too_long", false},
    {400, "This model's Maximum context length is 8 tokens", "", "model_context_too_long", false},
    {400, "prompt is too long: 9 tokens > 8", "invalid_request_error", "model_context_too_long",
     false},
    {400, "", "content_filter", "model_content_filtered", false},
    {400, "", "model_not_found", "model_unknown", false},
    {400, "no", "", "model_bad_request", false},
    {401, "", "", "model_refused_key", false},
    {403, "", "", "model_refused_key", false},
    {404, "", "", "model_unknown", false},
    {408, "", "", "model_unavailable", true},
    {409, "", "", "model_unavailable", true},
    {413, "", "", "model_context_too_long", false},
    {429, "", "", "model_rate_limited", true},
    {429, "", "rate_limit_exceeded", "model_rate_limited", true},
    {500, "", "", "model_unavailable", true},
    {503, "", "", "model_overloaded", true},
    {529, "", "overloaded_error", "model_overloaded", true},
  };
  for (const auto& c : cases) {
    CAPTURE(c.status, c.code);
    const auto f = failure_of(c.status, {}, c.message, c.code);
    CHECK(f.why.code == errc::upstream);
    CHECK(f.why.kind == c.kind);
    CHECK(f.retry == c.retry);
  }
}

TEST_CASE("a provider's word on retrying counts more than its status", "[models]") {
  CHECK_FALSE(failure_of(500, {{"x-should-retry", "false"}}, "", "").retry);
  CHECK(failure_of(400, {{"X-Should-Retry", "true"}}, "", "").retry);
}

TEST_CASE("a provider's sentence is bounded, UTF-8 and one line", "[models]") {
  CHECK(failure_of(400, {}, "a\r\nb\x01\xFF", "").why.message
        == "the model's provider answered 400: a  b \xEF\xBF\xBD");
  std::string umlauts;
  for (int i = 0; i < 400; ++i)
    umlauts += "\xC3\xA4";
  const auto text = failure_of(400, {}, "x" + umlauts, "").why.message;
  CHECK(text.size() < 560);
  CHECK(is_utf8(text));
  CHECK(text.ends_with("…"));
  CHECK(text.find("\xEF\xBF\xBD") == text.npos);
  CHECK(failure_of(400, {}, std::string(500, '\xFF'), "").why.message.size() < 560);
  CHECK(failure_of(500, {}, "", "").why.message == "the model's provider answered 500");
}

TEST_CASE("what a person can do something about is said in plain words", "[models]") {
  CHECK(failure_of(404, {}, "x", "").why.message
        == "the model's provider does not have the model, or not any more; it answered 404: x");
  CHECK(failure_of(429, {}, "x", "insufficient_quota").why.message
        == "the quota at the model's provider is spent; it answered 429: x");
  CHECK(failure_of(401, {}, "", "").why.message
        == "the model's provider does not take the key; it answered 401");
  CHECK(failure_of(413, {}, "", "").why.message
        == "the conversation is too long for the model; its provider answered 413");
}

TEST_CASE("errors of OpenAI and its kin are read in each of their forms", "[models]") {
  struct {
    std::string_view body, message, kind;
  } cases[] = {
    {R"({"error":{"message":"gone","type":"invalid_request_error","code":"model_not_found"}})",
     "gone", "model_unknown"},
    {R"({"error":{"message":"full","type":"exceed_context_size_error","code":400}})", "full",
     "model_context_too_long"},
    {R"({"error":{"message":"spent","type":"insufficient_quota","code":null}})", "spent",
     "model_quota_spent"},
    {R"({"object":"error","message":"bad","type":"BadRequestError","code":400})", "bad",
     "model_bad_request"},
    {R"([{"error":{"code":400,"message":"late","status":"DEADLINE_EXCEEDED"}}])", "late",
     "model_unavailable"},
    {R"({"error":"no such thing"})", "no such thing", "model_bad_request"},
    {R"({"detail":"Not here"})", "Not here", "model_bad_request"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.body);
    const auto f = openai_failure(400, {}, c.body);
    CHECK(f.why.message.ends_with(" answered 400: " + std::string(c.message)));
    CHECK(f.why.kind == c.kind);
  }
  for (const auto* body : {"", "<html>", "[]", "[[[]]]", "7", R"({"error":7})", R"({"error":{}})"})
    CHECK(openai_failure(400, {}, body).why.message == "the model's provider answered 400");
}

TEST_CASE("a status that is neither an answer nor an error is told", "[models]") {
  for (int status : {204, 206, 302, 304})
    CHECK(openai_failure(status, {}, "").why.message
          == "the model's provider answered " + std::to_string(status));
}

TEST_CASE("an error inside a stream says so, or has the status it names", "[models]") {
  const auto plain = openai_stream_error(parse_json(R"({"message":"oh","type":"x"})").value());
  CHECK(plain.message == "the model's provider failed while it answered: oh");
  CHECK(plain.kind == "model_unavailable");
  const auto numbered = openai_stream_error(parse_json(R"({"message":"oh","code":429})").value());
  CHECK(numbered.message == "the model's provider answered 429: oh");
  CHECK(numbered.kind == "model_rate_limited");
  CHECK(openai_stream_error("text").message
        == "the model's provider failed while it answered: text");
}
