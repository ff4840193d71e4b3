#include "runtime/auth/provider_backoff.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const deadline noon{1h};

} // namespace

TEST_CASE("a silent provider is left alone, then one question finds out", "[auth]") {
  provider_backoff s{5s};
  CHECK(s.may_ask(noon));
  CHECK(s.may_ask(noon)); // as many as like, while it answers
  s.timed_out(noon, noon + 5s);
  CHECK_FALSE(s.may_ask(noon + 5s));
  CHECK_FALSE(s.may_ask(noon + 5999ms));
  CHECK(s.may_ask(noon + 6s));
  CHECK_FALSE(s.may_ask(noon + 6s));
  CHECK_FALSE(s.may_ask(noon + 10s));
  s.answered();
  CHECK(s.may_ask(noon + 10s));
  CHECK(s.may_ask(noon + 10s));
}

TEST_CASE("its rest doubles up to half a minute and begins anew after an answer", "[auth]") {
  provider_backoff s{5s};
  auto now = noon;
  for (auto pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    s.timed_out(now, now);
    CHECK_FALSE(s.may_ask(now + pause - 1ms));
    now += pause;
    CHECK(s.may_ask(now));
  }
  s.answered();
  s.timed_out(now, now);
  CHECK(s.may_ask(now + 1s));
}

TEST_CASE("questions asked together are one silence", "[auth]") {
  provider_backoff s{5s};
  for (int i = 0; i < 20; ++i)
    s.timed_out(noon, noon + 5s + i * 1ms);
  CHECK(s.may_ask(noon + 6s));
  s.timed_out(noon + 6s, noon + 11s);
  CHECK_FALSE(s.may_ask(noon + 12s));
  CHECK(s.may_ask(noon + 13s));
}
