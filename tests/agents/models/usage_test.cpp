#include "agents/models/usage.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("every kind of token costs its own price", "[agents]") {
  const token_prices prices{.input = 3, .cached_input = 0.3, .cache_write = 3.75, .output = 15};
  // `input` holds the cached ones, `output` the reasoning.
  const token_usage tokens{.input = 1'600'000,
                           .output = 200'000,
                           .cache_read = 400'000,
                           .cache_creation = 200'000,
                           .reasoning = 150'000};
  CHECK(cost_of(tokens, prices) == Approx(3.0 + 0.12 + 0.75 + 3.0));
  CHECK(cost_of(token_usage{}, prices) == 0);
}

TEST_CASE("tokens of a cache without a price cost as other input", "[agents]") {
  const token_usage tokens{.input = 1000, .output = 10, .cache_read = 400, .cache_creation = 100};
  CHECK(cost_of(tokens, {.input = 2, .output = 8}) == Approx((1000 * 2 + 10 * 8) / 1e6));
  CHECK(cost_of(tokens, {.input = 2, .cached_input = 1, .output = 8})
        == Approx((600 * 2 + 400 * 1 + 10 * 8) / 1e6));
  CHECK(cost_of(tokens, {}) == 0);
}

TEST_CASE("counts that do not add up cost what was counted", "[agents]") {
  const token_usage more_cached_than_sent{.input = 100, .output = 0, .cache_read = 300};
  CHECK(cost_of(more_cached_than_sent, {.input = 2, .cached_input = 1}) == Approx(300 / 1e6));
}
