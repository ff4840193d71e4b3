// How fast a token is verified, next to what the same signature costs OpenSSL alone, and what a
// request pays when the token is known already. Prints one line per measurement.
#include "runtime/auth/jwt.hpp"
#include "runtime/auth/token_cache.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/net/codec.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>

using namespace behalf;

namespace {

constexpr double measured_for = 2; // seconds

// As `openssl speed` does: processor time, so that a busy machine does not blur the comparison.
double processor_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct key {
  std::shared_ptr<EVP_PKEY> pair;
  json::object jwk;
};

std::string number(EVP_PKEY* k, const char* name) {
  BIGNUM* n = nullptr;
  EVP_PKEY_get_bn_param(k, name, &n);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
  BN_bn2bin(n, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(n);
  return bytes;
}

std::string padded(std::string bytes) {
  return std::string(32 - bytes.size(), '\0') + bytes;
}

key make_key(std::string_view alg) {
  key k;
  if (alg == "ES256") {
    k.pair = {EVP_EC_gen("P-256"), EVP_PKEY_free};
    k.jwk = {{"kty", "EC"},
             {"crv", "P-256"},
             {"x", base64url(padded(number(k.pair.get(), "qx")))},
             {"y", base64url(padded(number(k.pair.get(), "qy")))}};
  } else {
    k.pair = {EVP_RSA_gen(2048), EVP_PKEY_free};
    k.jwk = {{"kty", "RSA"},
             {"n", base64url(number(k.pair.get(), "n"))},
             {"e", base64url(number(k.pair.get(), "e"))}};
  }
  k.jwk["kid"] = "k";
  return k;
}

std::string sign(const key& k, const std::string& input) {
  auto* ctx = EVP_MD_CTX_new();
  std::string out(512, '\0');
  auto size = out.size();
  EVP_DigestSignInit(ctx, nullptr, EVP_sha256(), nullptr, k.pair.get());
  EVP_DigestSign(ctx, reinterpret_cast<unsigned char*>(out.data()), &size,
                 reinterpret_cast<const unsigned char*>(input.data()), input.size());
  EVP_MD_CTX_free(ctx);
  out.resize(size);
  return out;
}

// DER of ECDSA to R||S: two integers behind a header of two bytes each.
std::string raw_ecdsa(const std::string& der) {
  std::string raw;
  for (std::size_t at = 2; raw.size() < 64;) {
    auto size = static_cast<std::size_t>(der[at + 1]);
    auto n = der.substr(at + 2, size);
    at += 2 + size;
    n.erase(0, n.size() > 32 ? n.size() - 32 : 0);
    raw += padded(n);
  }
  return raw;
}

// Calls `work` for a while; calls per second.
double rate(const std::function<bool()>& work) {
  for (int i = 0; i < 100; ++i)
    if (!work()) {
      std::fprintf(stderr, "the measured work failed\n");
      std::exit(1);
    }
  int64_t calls = 0;
  auto began = processor_seconds(), end = began;
  do {
    for (int i = 0; i < 64; ++i)
      work();
    calls += 64;
    end = processor_seconds();
  } while (end - began < measured_for);
  return static_cast<double>(calls) / (end - began);
}

void print(const std::string& what, double per_second) {
  std::printf("%-34s %12.0f /s %10.2f us\n", what.c_str(), per_second, 1e6 / per_second);
}

void measure(std::string_view alg) {
  auto k = make_key(alg);
  json::object payload{{"iss", "https://id.example.com"},
                       {"aud", "behalf"},
                       {"sub", "248289761001"},
                       {"exp", 2'000'000'000},
                       {"iat", 1'700'000'000},
                       {"jti", "2f1b3c1e-6b7a-4a0e-9d2e-0c1f5e8a9b10"},
                       {"client_id", "web"},
                       {"scope", "threads:read threads:write"}};
  json::object header{{"alg", alg}, {"kid", "k"}, {"typ", "at+jwt"}};
  auto input = base64url(dump(header)) + '.' + base64url(dump(payload));
  auto der = sign(k, input);
  auto token = input + '.' + base64url(alg == "ES256" ? raw_ecdsa(der) : der);
  auto keys = key_set::parse(json::object{{"keys", json::array{k.jwk}}}).value();
  issuer_rules rules;
  rules.issuer = "https://id.example.com";
  rules.audiences = {"behalf"};
  auto when = from_micros(1'800'000'000'000'000);
  auto name = std::string(alg);
  print(name + " verify, whole token",
        rate([&] { return verify(token, rules, keys, when).has_value(); }));
  auto digest = sha256(input);
  std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx{
    EVP_PKEY_CTX_new(k.pair.get(), nullptr), EVP_PKEY_CTX_free};
  EVP_PKEY_verify_init(ctx.get());
  EVP_PKEY_CTX_set_signature_md(ctx.get(), EVP_sha256());
  print(name + " verify, OpenSSL on the digest", rate([&] {
          return EVP_PKEY_verify(ctx.get(), reinterpret_cast<const unsigned char*>(der.data()),
                                 der.size(), digest.data(), digest.size())
                 == 1;
        }));
  token_cache cache;
  auto who = std::make_shared<principal>();
  cache.put(digest_token(token), who, from_micros(2'000'000'000'000'000), when);
  print(name + " token known already",
        rate([&] { return cache.find(digest_token(token), when) != nullptr; }));
}

} // namespace

int main() {
  measure("ES256");
  measure("RS256");
}
