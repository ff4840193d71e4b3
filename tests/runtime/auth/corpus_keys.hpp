// Forged tokens: algorithms and keys.
#pragma once

#include "tests/runtime/auth/corpus.hpp"

namespace behalf::forge {

using enum signature_algorithm;

inline void algorithms(corpus& all) {
  const json::value names[]{"none",
                            "None",
                            "NONE",
                            "nOnE",
                            "",
                            nullptr,
                            1,
                            true,
                            "HS256",
                            "HS384",
                            "HS512",
                            "ES512",
                            "ES256K",
                            "RS1",
                            "es256",
                            "ES256 ",
                            " ES256",
                            "ES-256",
                            "EDDSA",
                            "Ed25519",
                            "dir",
                            "RSA-OAEP",
                            "A128GCM",
                            json::array{"ES256"},
                            json::object{{"alg", "ES256"}},
                            json::string("ES256\0", 6)};
  for (const auto& name : names) {
    auto t = with_header("alg", name);
    all.push_back({"alg " + dump(name), t, bad_alg});
    all.push_back({"alg " + dump(name) + ", no signature", input_of(t) + '.', bad_alg});
  }
  all.push_back({"no alg", token(drop(header(), "alg")), bad_alg});
  for (auto alg : {es384, ps384, ps512, rs384, rs512}) {
    auto name = std::string(to_string(alg));
    all.push_back({name + " is off by default",
                   token(header(name, kid_for(alg)), payload(), pair_for(alg), name), bad_alg});
  }
  for (auto alg : {es384, eddsa, ps256, ps384, ps512, rs256, rs384, rs512}) {
    auto name = std::string(to_string(alg));
    auto only_es256 = rules();
    only_es256.algorithms = {es256};
    all.push_back({name + " from an issuer of ES256",
                   token(header(name, kid_for(alg)), payload(), pair_for(alg), name), bad_alg,
                   only_es256});
  }
  auto none = rules();
  none.algorithms.clear();
  all.push_back({"an issuer without algorithms", token(), bad_alg, none});
}

// The public key, in every form an implementation might feed to HMAC, as the secret.
inline void symmetric_confusion(corpus& all) {
  for (const auto* pair : {&rsa_pair(), &p256_pair()}) {
    auto kid = pair == &rsa_pair() ? "rsa" : "p256";
    auto pem = pair->pem();
    const std::pair<const char*, std::string> secrets[]{
      {"PEM", pem},
      {"PEM without line end", pem.substr(0, pem.size() - 1)},
      {"DER", pair->der()},
      {"JWK", dump(pair->jwk)},
      {"named JWK", dump(pair->named(kid))},
      {"kid", kid},
      {"nothing", ""},
    };
    for (const auto& [what, secret] : secrets) {
      for (auto alg : {"HS256", "HS384", "HS512"}) {
        auto t = token(header(alg, kid));
        all.push_back({std::string(alg) + " with " + what + " of " + kid,
                       with_signature(t, hmac(alg, secret, input_of(t))), bad_alg});
      }
      auto claimed = pair == &rsa_pair() ? "RS256" : "ES256";
      auto t = token(header(claimed, kid));
      all.push_back({std::string("HMAC under the name ") + claimed + " with " + what,
                     with_signature(t, hmac("HS256", secret, input_of(t))), bad_signature});
    }
  }
}

inline void key_confusion(corpus& all) {
  constexpr signature_algorithm every[]{es256, es384, eddsa, ps256, ps384,
                                        ps512, rs256, rs384, rs512};
  for (auto said : every)
    for (auto used : every) {
      if (said == used)
        continue;
      auto h = std::string(to_string(said)), s = std::string(to_string(used));
      bool same_key = key_type_of(said) == key_type_of(used);
      all.push_back({s + " presented as " + h,
                     token(header(h, kid_for(used)), payload(), pair_for(used), s),
                     same_key ? bad_signature : misfit, all_algorithms()});
      if (!same_key)
        all.push_back({s + " under the kid of " + h,
                       token(header(h, kid_for(said)), payload(), pair_for(used), s), bad_signature,
                       all_algorithms()});
    }
}

inline void key_ids(corpus& all) {
  for (const json::value& kid : std::initializer_list<json::value>{
         "../../../../dev/null", "/dev/null", "file:///dev/null", "' OR '1'='1",
         "x' UNION SELECT 'secret' --", "p256'--", "`id`", "$(id)", "|id", "P256", "p256 ", " p256",
         "", "p256\n", "\xE2\x80\xAEp256", "https://evil.example/jwks", json::string("p256\0", 5),
         json::string(9000, 'k'), "unknown"})
    all.push_back({"kid " + dump(kid).substr(0, 40), with_header("kid", kid), bad_key});
  for (const json::value& kid : std::initializer_list<json::value>{
         1, 1.5, nullptr, true, json::array{"p256"}, json::object{{"kid", "p256"}}})
    all.push_back({"kid " + dump(kid), with_header("kid", kid), "key id is not text"});
  for (auto kid : {"p384", "rsa", "ed"})
    all.push_back({std::string("kid of another key: ") + kid, with_header("kid", kid), misfit});
}

inline void embedded_keys(corpus& all) {
  auto mine = ec("P-256", 32); // the attacker's
  auto cert = base64(mine.der());
  const std::pair<const char*, json::value> ways[]{
    {"jwk", mine.named("p256")},
    {"jwk", json::object{{"kty", "oct"}, {"k", "AAAA"}}},
    {"jku", "https://evil.example/jwks.json"},
    {"jku", "https://id.example.com/jwks.json#@evil.example"},
    {"jku", "http://127.0.0.1/jwks"},
    {"x5u", "https://evil.example/cert.pem"},
    {"x5c", json::array{cert}},
    {"x5t", "AAAA"},
    {"x5t#S256", "AAAA"},
  };
  for (const auto& [name, v] : ways) {
    auto h = set(header(), name, v);
    auto said = std::string(name) + " " + dump(v).substr(0, 30);
    all.push_back({said, token(h, payload(), mine), bad_signature});
    all.push_back({said + ", no kid", token(drop(h, "kid"), payload(), mine), bad_signature});
    all.push_back({said + ", own kid", token(set(h, "kid", "mine"), payload(), mine), bad_key});
  }
}

} // namespace behalf::forge
