#include "behalf/outbound.hpp"
#include "runtime/base/guarded_memory.hpp"
#include "secrets/scrubber.hpp"
#include "tests/secrets/feeding.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/encodings.hpp"

#include <chrono>

using namespace behalf;
using namespace behalf::testing;

namespace {

std::string scrubbed(const std::string& secret, std::string_view reply, std::size_t step = 0) {
  return fed(*make_scrubber(secret), reply, step);
}

std::string random_secret(random_source& random) {
  // As tokens are made: of letters and digits, of base64, of prefixes and dots, with ~.
  static const std::string letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::string alphabets[] = {letters, letters + "+/", letters + "-_.~",
                                   letters + "+/=&<>%~!\"\\", "0123456789abcdef"};
  const auto& alphabet = alphabets[random() % 5];
  std::string out = random() % 2 == 0 ? "ghp_" : "";
  for (auto size = 16 + random() % 60; out.size() < size;)
    out += alphabet[random() % alphabet.size()];
  return out;
}

const std::string words =
  R"({"items":[{"id":"7d4c1f0e-2a5b-4c8d-9f3e-1b2a3c4d5e6f","subject":"Re: Q3 numbers \u2014 final",)"
  R"("url":"https://mail.example.com/m/1?x=a%20b&y=2","snippet":"Hello,\nsee \"the report\" &amp; tell",)"
  R"("etag":"W/\"33a64df551425fcc55e4d42a148795d9f25f89d4\"","size":48213,"labels":["inbox","unread"]},)";

} // namespace

TEST_CASE("no encoding of a credential survives", "[scrubber][property]") {
  random_source random{20};
  for (int round = 0; round < 8; ++round) {
    auto secret = random_secret(random);
    for (const auto& encoding : all_encodings()) {
      auto written = encoding.write(secret, random);
      const auto before = words + "\"echo\":\"", after = "\",\n" + words;
      for (std::size_t step : {std::size_t{0}, 1 + random() % 40}) {
        auto out = scrubbed(secret, before + written + after, step);
        INFO(encoding.name << " step " << step << "\n" << secret << "\n" << written << "\n" << out);
        REQUIRE(out.find("[redacted]") != out.npos);
        // Of base64 that holds more than the credential, the rest may stay.
        REQUIRE(out.size() <= before.size() + after.size() + 10 + written.size() / 2 + 130);
        REQUIRE(out.find(written) == out.npos);
        REQUIRE(out.starts_with(words));
        REQUIRE(out.ends_with(words));
      }
    }
  }
}

TEST_CASE("no encoding survives in what is decoded later", "[scrubber][property]") {
  random_source random{7};
  for (int round = 0; round < 5; ++round) {
    const auto secret = random_secret(random);
    const auto texts = make_scrubber(secret)->for_texts();
    for (const auto& encoding : all_encodings()) {
      const auto written = "a " + encoding.write(secret, random) + " b";
      INFO(encoding.name << "\n" << secret << "\n" << written);
      json::value value{{written, json::array{json::object{{"k", written}}, 1}}};
      scrub(value, *texts);
      CHECK(dump(value).find(dump(json::value(written))) == std::string::npos);
      REQUIRE(value.get_object().begin()->key().find("[redacted]") != json::string_view::npos);
      header_list headers{{"X-Said", written}};
      scrub(headers, *texts);
      CHECK(headers[0].second.find("[redacted]") != std::string::npos);
      auto why = fail(errc::upstream, written, "X-Said", written);
      scrub(why, *texts);
      CHECK(why.message.find("[redacted]") != std::string::npos);
      CHECK(why.headers[0].second.find("[redacted]") != std::string::npos);
    }
  }
}

TEST_CASE("a form is found across every border", "[scrubber]") {
  const std::string secret = "s3cret-token/of+some==length";
  const auto texts = make_texts(secret);
  for (const auto& form : {secret, base64("user:" + secret), percent(secret, "")}) {
    const auto text = "ab-" + form + "-" + form.substr(0, 5) + "-" + form + "-";
    const auto whole = scrubbed(secret, text);
    CHECK(whole.find("[redacted]") != whole.rfind("[redacted]"));
    for (std::size_t first = 0; first <= text.size(); ++first)
      for (std::size_t second = first; second <= text.size(); second += 3) {
        credential_scrubber s{texts};
        std::string out;
        s.feed(text.substr(0, first), out);
        s.feed(text.substr(first, second - first), out);
        s.feed(text.substr(second), out);
        s.finish(out);
        REQUIRE(out == whole);
      }
  }
}

TEST_CASE("an event is not held back for what might follow", "[scrubber]") {
  credential_scrubber s{make_texts("token-of-some-length")};
  std::string out;
  for (std::string event :
       {"data: 1\n\n", "data: {\"t\":\"to\"}\n\n", "data: t\n\n", "data: dG\r\n\r\n"}) {
    out.clear();
    s.feed(event, out);
    CHECK(out == event);
    CHECK(s.held() == 0);
  }
  out.clear();
  s.feed("token-of-some-lengt", out);
  CHECK(s.held() == 19);
  s.feed("!", out);
  CHECK(out == "token-of-some-lengt!");
}

TEST_CASE("the rest of a form is replaced when its beginning is already out", "[scrubber]") {
  auto s = make_scrubber("token-of-some-length");
  std::string out;
  s->feed("data: " + base64("token-of-some-length").substr(0, 6) + "\n", out);
  CHECK(out.ends_with("\n"));
  s->feed("data: " + base64("token-of-some-length").substr(6) + "\n\n", out);
  s->finish(out);
  CHECK(out.find(base64("token-of-some-length").substr(6, 15)) == out.npos);
  CHECK(out.find("[redacted]") != out.npos);
}

TEST_CASE("what an event says over several lines is read as one text", "[scrubber]") {
  const std::string value = "token-of-some-length~0123456789abcdef0123456789abcdef";
  const auto twice = base64(base64(value));
  REQUIRE(twice.size() > 76);
  for (std::string end : {"\n", "\r\n"})
    for (std::string name : {"data: ", "data:"}) {
      const auto text = "event: e" + end + name + twice.substr(0, 76) + end + name
                        + twice.substr(76) + end + end + "data: next" + end + end;
      const auto expected =
        "event: e" + end + name + "[redacted]" + end + end + "data: next" + end + end;
      const auto texts = make_texts(value);
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        credential_scrubber s{texts};
        std::string out;
        s.feed(text.substr(0, cut), out);
        s.feed(text.substr(cut), out);
        s.finish(out);
        INFO(cut << ": " << out);
        // Where a cut is within its first or last characters, some of those are told.
        REQUIRE(out.find("[redacted]") != out.npos);
        REQUIRE(out.size() < expected.size() + 8);
        REQUIRE((cut > 0 || out == expected));
      }
    }
}

TEST_CASE("ordinary replies pass as they are", "[scrubber]") {
  random_source random{3};
  const std::string replies[] = {
    words + words,
    "",
    "a",
    std::string(40'000, 'a'),
    "The quick brown fox jumps over the lazy dog.\r\n=20=\r\n&amp;&#43;\\u002b%2B%25\\\\",
    base64(words + words + words),
    percent(words, ""),
    utf16(words, true),
    "{\"fingerprint\":\"de:ad:be:ef:00:11:22:33:44:55:66:77:88:99:aa:bb\"}"};
  for (int round = 0; round < 20; ++round) {
    const auto secret = random_secret(random);
    for (const auto& reply : replies)
      for (std::size_t step : {std::size_t{0}, 1 + random() % 60})
        REQUIRE(scrubbed(secret, reply, step) == reply);
  }
}

TEST_CASE("texts on lines of their own are read apart", "[scrubber]") {
  const std::string secret = "s3cret-token/of+some==length";
  for (std::size_t before = 40; before < 48; ++before) {
    const auto text = std::string(before, 'x') + "\n" + base64(base64("u" + secret)) + "\n";
    for (std::size_t step : {0, 1, 7, 50})
      CHECK(scrubbed(secret, text, step).find("[redacted]") != std::string::npos);
    const auto wrapped_once = base64(base64(std::string(before, 'u') + secret));
    CHECK(scrubbed(secret, "q=" + wrapped(wrapped_once, before, "\r\n")).find("[redacted]")
          != std::string::npos);
  }
}

TEST_CASE("the forms of a credential lie in guarded memory", "[scrubber]") {
  const auto texts = make_texts("token-of-some-length");
  CHECK(is_guarded(texts.get()));
  CHECK(is_guarded(&texts->finder()));
}

TEST_CASE("a scrubber begins anew after the end of a stream", "[scrubber]") {
  auto s = make_scrubber("secret");
  std::string one, two;
  s->feed("sec", one);
  s->finish(one);
  s->feed("ret", two);
  s->finish(two);
  CHECK(one == "sec");
  CHECK(two == "ret");
}

TEST_CASE("a credential that is hardly one is not looked for", "[scrubber]") {
  for (std::string secret : {"", "a", "abc"})
    CHECK(scrubbed(secret, "a abc abcabc", 1) == "a abc abcabc");
}

TEST_CASE("credentials of every length and of one letter are found", "[scrubber]") {
  for (std::size_t size = 4; size < 80; ++size)
    for (const auto& secret :
         {std::string(size, 'a'),
          std::string(
            "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01234567")
            .substr(0, size)})
      for (const auto& form :
           {secret, base64(secret + "!!"), percent(secret, "").insert(0, "%20")}) {
        INFO(secret << " " << form);
        REQUIRE(scrubbed(secret, "<" + form + ">", 3).find("[redacted]") != std::string::npos);
      }
}

TEST_CASE("time is linear in a reply made to be slow", "[scrubber]") {
  const std::string secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
  auto nearly = secret.substr(0, secret.size() - 1);
  std::string traps[] = {
    "%25", "\\u005c", "\\u{", "\\17", "&amp;", "=3D", nearly, base64(secret).substr(0, 40), "A"};
  for (const auto& trap : traps) {
    std::string reply;
    while (reply.size() < 200'000)
      reply += trap;
    const auto start = std::chrono::steady_clock::now();
    scrubbed(secret, reply);
    CAPTURE(trap);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{5});
  }
}
