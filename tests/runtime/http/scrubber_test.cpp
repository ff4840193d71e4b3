#include "runtime/http/scrubber.hpp"
#include "tests/support/catch.hpp"

#include <random>

using namespace behalf;

namespace {

std::shared_ptr<const needle_list> needles(std::initializer_list<std::string_view> texts) {
  auto list = std::make_shared<needle_list>();
  for (auto text : texts)
    list->emplace_back(text);
  return list;
}

// Leftmost first, longest first, over the whole text at once.
std::string expected(std::string text, const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t best = 0;
    for (const auto& word : words)
      if (word.size() > best && text.compare(at, word.size(), word) == 0)
        best = word.size();
    if (best > 0)
      out += "[redacted]";
    else
      out += text[at];
    at += best > 0 ? best : 1;
  }
  return out;
}

} // namespace

TEST_CASE("every occurrence of every form is replaced", "[scrubber]") {
  needle_scrubber scrub{needles({"secret", "c2VjcmV0", ""})};
  std::string out;
  scrub.feed("secret a secretsecret {\"x\":\"c2VjcmV0\"} secre", out);
  scrub.finish(out);
  CHECK(out == "[redacted] a [redacted][redacted] {\"x\":\"[redacted]\"} secre");
}

TEST_CASE("a form is found across every border", "[scrubber]") {
  const std::string text = "ab-secret-secre-secsecret-";
  for (std::size_t first = 0; first <= text.size(); ++first)
    for (std::size_t second = first; second <= text.size(); ++second) {
      needle_scrubber scrub{needles({"secret"})};
      std::string out;
      scrub.feed(text.substr(0, first), out);
      scrub.feed(text.substr(first, second - first), out);
      scrub.feed(text.substr(second), out);
      scrub.finish(out);
      CHECK(out == "ab-[redacted]-secre-sec[redacted]-");
    }
}

TEST_CASE("only what may begin a form is held back, and never a whole one", "[scrubber]") {
  needle_scrubber scrub{needles({"secret", "token-of-some-length"})};
  std::string out;
  scrub.feed("data: 1\n\n", out);
  CHECK(out == "data: 1\n\n");
  CHECK(scrub.held() == 0);
  scrub.feed("token-of-some-lengt", out);
  CHECK(scrub.held() == 19);
  scrub.feed("!", out);
  CHECK(out == "data: 1\n\ntoken-of-some-lengt!");
  CHECK(scrub.held() == 0);
}

TEST_CASE("a scrubber begins anew after the end of a stream", "[scrubber]") {
  needle_scrubber scrub{needles({"secret"})};
  std::string one, two;
  scrub.feed("sec", one);
  scrub.finish(one);
  scrub.feed("ret", two);
  scrub.finish(two);
  CHECK(one == "sec");
  CHECK(two == "ret");
}

TEST_CASE("without forms everything passes", "[scrubber]") {
  needle_scrubber scrub{needles({})};
  std::string out;
  scrub.feed("anything", out);
  scrub.finish(out);
  CHECK(out == "anything");
}

TEST_CASE("pieces of any size give the result of the whole", "[scrubber]") {
  // Few letters and forms that overlap, contain and continue each other.
  const std::vector<std::string> words{"ab", "aba", "abab", "bbaa", "cabc", "a"};
  for (std::size_t used = 1; used <= words.size(); ++used) {
    std::vector<std::string> some{words.begin(), words.begin() + used};
    auto list = std::make_shared<needle_list>();
    for (const auto& word : some)
      list->emplace_back(word);
    std::mt19937 random{42};
    for (int round = 0; round < 500; ++round) {
      std::string text, out;
      for (auto size = random() % 40; text.size() < size;)
        text += "abc"[random() % 3];
      needle_scrubber scrub{list};
      for (std::size_t at = 0; at < text.size();) {
        auto size = 1 + random() % 5;
        scrub.feed(std::string_view{text}.substr(at, size), out);
        at += size;
      }
      scrub.finish(out);
      CAPTURE(text, used);
      REQUIRE(out == expected(text, some));
    }
  }
}
