#include "runtime/net/codec.hpp"
#include "secrets/webhook_secrets.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("a call is signed as Standard Webhooks has it", "[secrets]") {
  // The vector of the specification.
  auto key = webhook_key(secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}).value();
  auto signed_with = [&](const std::vector<secret_ptr>& keys) {
    return webhook_signature(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                             R"({"test": 2432232314})");
  };
  const std::string expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  CHECK(signed_with({key}) == expected);
  auto other = webhook_key(secret{"twenty-four bytes or more"}).value();
  auto both = signed_with({key, other});
  CHECK(both.starts_with(expected + " v1,"));
  CHECK(both.substr(expected.size() + 1) != expected);
  CHECK(signed_with({}).empty());
}

TEST_CASE("a key may be padded as openssl writes it", "[secrets]") {
  const std::string bytes = "thirty-two bytes of a signing key";
  const std::string text = base64(bytes.substr(0, 32)), longer = base64(bytes + "1");
  REQUIRE(text.ends_with("="));
  REQUIRE(longer.ends_with("=="));
  CHECK(webhook_key(secret{"whsec_" + text}).value()->expose() == bytes.substr(0, 32));
  CHECK(webhook_key(secret{"whsec_" + longer}).value()->expose() == bytes + "1");
  CHECK_FALSE(webhook_key(secret{"whsec_" + longer + "="}));
}

TEST_CASE("a key that cannot sign is refused and not repeated", "[secrets]") {
  for (auto text :
       {"", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_???????????????????????????????"}) {
    auto key = webhook_key(secret{text});
    REQUIRE_FALSE(key);
    CHECK(key.error().code == errc::invalid_argument);
    if (*text)
      CHECK(key.error().message.find(text) == std::string::npos);
  }
}
