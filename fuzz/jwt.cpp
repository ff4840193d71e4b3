// No change to a signed token is accepted, and no bytes crash the reader.
#include "runtime/auth/jwt.hpp"

#include "fuzz/fuzz.hpp"
#include "runtime/auth/signing.hpp"

using namespace behalf;

namespace {

struct issuer {
  signing_key key = signing_key::generate().value();
  key_set keys = key_set::parse(key.jwks()).value();
  issuer_rules rules;
  std::string token;
  time_point at = now();

  issuer() {
    rules.issuer = "https://id.example.com";
    rules.audiences = {"behalf"};
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    token = key.sign({{"typ", "at+jwt"}}, {{"iss", rules.issuer},
                                           {"aud", "behalf"},
                                           {"sub", "alice"},
                                           {"client_id", "app"},
                                           {"jti", "1"},
                                           {"iat", seconds},
                                           {"exp", seconds + 3600}});
  }
};

const issuer& the_issuer() {
  static const issuer one;
  return one;
}

void check(const std::string& token) {
  const auto& i = the_issuer();
  auto claims = verify(token, i.rules, i.keys, i.at);
  fuzz::require(!claims || token == i.token, "only what was signed is accepted");
  static_cast<void>(peek_origin(token));
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const auto& i = the_issuer();
  fuzz::require(verify(i.token, i.rules, i.keys, i.at).has_value(), "the signed token is accepted");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  if (in.ConsumeBool()) { // the token with some bytes changed, put in or left out
    auto token = the_issuer().token;
    for (int i = in.ConsumeIntegralInRange(1, 8); i > 0 && !token.empty(); --i) {
      auto at = in.ConsumeIntegralInRange<std::size_t>(0, token.size() - 1);
      switch (in.ConsumeIntegralInRange(0, 2)) {
      case 0:
        token[at] = static_cast<char>(in.ConsumeIntegral<uint8_t>());
        break;
      case 1:
        token.insert(at, in.ConsumeRandomLengthString(16));
        break;
      default:
        token.erase(at, in.ConsumeIntegralInRange<std::size_t>(1, 16));
      }
    }
    check(token);
  } else {
    check(in.ConsumeRemainingBytesAsString());
  }
  return 0;
}
