// Forged tokens: signatures and claims.
#pragma once

#include "tests/runtime/auth/corpus.hpp"

namespace behalf::forge {

inline void flipped_bits(corpus& all, const std::string& good, std::string_view name,
                         std::size_t step) {
  auto sig = base64url_decode(good.substr(good.rfind('.') + 1)).value();
  for (std::size_t i = 0; i < sig.size(); i += step) {
    auto other = sig;
    other[i] = static_cast<char>(other[i] ^ (1 << (i % 8)));
    all.push_back({std::string(name) + ", bit flipped in byte " + std::to_string(i),
                   with_signature(good, other), bad_signature});
  }
  for (std::size_t n = 0; n < sig.size(); n += step * 3)
    all.push_back({std::string(name) + " cut to " + std::to_string(n),
                   with_signature(good, sig.substr(0, n)), bad_signature});
  for (const auto& longer : {sig + '\0', '\0' + sig, sig + sig})
    all.push_back(
      {std::string(name) + " with bytes added", with_signature(good, longer), bad_signature});
}

inline void signatures(corpus& all) {
  auto good = token();
  flipped_bits(all, good, "ES256", 1);
  flipped_bits(all, token(header("RS256", "rsa"), payload(), rsa_pair(), "RS256"), "RS256", 16);
  flipped_bits(all, token(header("PS256", "rsa"), payload(), rsa_pair(), "PS256"), "PS256", 16);
  flipped_bits(all, token(header("EdDSA", "ed"), payload(), ed_pair(), "EdDSA"), "EdDSA", 2);
  auto sig = base64url_decode(good.substr(good.rfind('.') + 1)).value();
  const auto r = sig.substr(0, 32), s = sig.substr(32), zero = std::string(32, '\0');
  constexpr unsigned char order_bytes[]{
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
  const std::string n(reinterpret_cast<const char*>(order_bytes), 32);
  const auto one = zero.substr(1) + '\1', ones = std::string(32, '\xff');
  const std::pair<const char*, std::string> forms[]{
    {"DER", sign_der(p256_pair(), "ES256", input_of(good))},
    {"r and s zero", zero + zero},
    {"r zero", zero + s},
    {"s zero", r + zero},
    {"r is n", n + s},
    {"s is n", r + n},
    {"both n", n + n},
    {"r one, s one", one + one},
    {"r is n, s zero", n + zero},
    {"all ones", ones + ones},
    {"swapped", s + r},
    {"r twice", r + r},
    {"s one", r + one},
    {"in hexadecimal", to_hex(sig)},
    {"in base64url again", base64url(sig)},
    {"of another message", sign(p256_pair(), "ES256", "other")},
    {"of the payload only", sign(p256_pair(), "ES256", base64url(dump(payload())))},
    {"with another key", sign(ec("P-256", 32), "ES256", input_of(good))},
    {"with a key on P-384", sign(p384_pair(), "ES256", input_of(good))},
    {"with SHA-384", sign(p256_pair(), "ES384", input_of(good))},
  };
  for (const auto& [name, raw] : forms)
    all.push_back(
      {std::string("ES256 signature: ") + name, with_signature(good, raw), bad_signature});
  auto rs = token(header("RS256", "rsa"), payload(), rsa_pair(), "RS256");
  for (char fill : {'\0', '\1', '\xff'})
    all.push_back({"RS256 signature of one byte repeated",
                   with_signature(rs, std::string(256, fill)), bad_signature});
  auto ed = token(header("EdDSA", "ed"), payload(), ed_pair(), "EdDSA");
  all.push_back(
    {"EdDSA signature of zeros", with_signature(ed, std::string(64, '\0')), bad_signature});
}

// A signature of one token under the words of another.
inline void tampered(corpus& all) {
  auto good = token();
  auto sig = good.substr(good.rfind('.'));
  auto splice = [&](const json::object& h, const json::object& p) {
    return base64url(dump(h)) + "." + base64url(dump(p)) + sig;
  };
  for (const auto& [name, v] : std::initializer_list<std::pair<const char*, json::value>>{
         {"sub", "bob"},
         {"scope", "admin"},
         {"exp", noon_seconds() + 999'999},
         {"aud", "behalf "},
         {"iss", "https://id.example.com/"},
         {"client_id", "cli"},
         {"admin", true}})
    all.push_back({std::string("claim changed: ") + name, splice(header(), set(payload(), name, v)),
                   bad_signature});
  all.push_back({"header changed", splice(set(header(), "x", 1), payload()), bad_signature});
  auto reordered = "{\"typ\":\"at+jwt\",\"kid\":\"p256\",\"alg\":\"ES256\"}";
  all.push_back({"header in another order",
                 base64url(reordered) + "." + base64url(dump(payload())) + sig, bad_signature});
  auto in = input_of(good);
  auto from = in.find('.') + 1;
  for (std::size_t i = from; i < in.size(); i += 12) {
    auto other = in;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    if (base64url_decode(std::string_view{other}.substr(from)))
      all.push_back(
        {"payload letter " + std::to_string(i - from) + " changed", other + sig, bad_signature});
  }
}

inline void issuers_and_audiences(corpus& all) {
  for (const json::value& iss : std::initializer_list<json::value>{
         "https://id.example.com/", "https://ID.example.com", "http://id.example.com",
         "https://id.example.com.evil.example", "https://id.example.co", "id.example.com", "",
         " https://id.example.com", "https://id.example.com\n", nullptr, 1, true,
         json::array{"https://id.example.com"}, json::object{},
         json::string("https://id.example.com\0", 23)})
    all.push_back({"iss " + dump(iss), with_claim("iss", iss), "another issuer"});
  all.push_back({"no iss", token(header(), drop(payload(), "iss")), "another issuer"});
  auto nobody = rules();
  nobody.issuer.clear();
  all.push_back(
    {"empty iss for an unconfigured issuer", with_claim("iss", ""), "another issuer", nobody});
  for (const json::value& aud : std::initializer_list<json::value>{
         "other", "Behalf", "behalf ", " behalf", "behalf,other", "behalf other", "behal", "", "*",
         nullptr, 1, true, json::array{}, json::array{"other"},
         json::array{json::array{"behalf"}, "other"}, json::object{{"behalf", true}},
         json::array{"behalf", 5}, json::array{nullptr, "behalf"}})
    all.push_back({"aud " + dump(aud), with_claim("aud", aud), "audience"});
  all.push_back({"no aud", token(header(), drop(payload(), "aud")), "audience"});
  auto none = rules();
  none.audiences.clear();
  all.push_back({"a server without audiences", token(), "audience", none});
  auto strict = rules();
  strict.clients = {"web"};
  for (const json::value& azp :
       std::initializer_list<json::value>{"other", "", "Web", nullptr, 1, json::array{"web"}})
    all.push_back({"azp " + dump(azp), with_claim("azp", azp), "client", strict});
  all.push_back({"client_id other", with_claim("client_id", "other"), "client", strict});
  all.push_back({"no client", token(header(), drop(payload(), "client_id")), "client", strict});
}

inline void dates(corpus& all) {
  auto s = noon_seconds();
  for (auto when : {s, s - 1, s - 60, s - 61, int64_t{1}})
    all.push_back({"exp " + std::to_string(when), with_claim("exp", when), "expired"});
  all.push_back({"no exp", token(header(), drop(payload(), "exp")), "no expiry"});
  for (auto when : {s + 61, s + 3600, int64_t{253'402'300'799}}) {
    all.push_back({"nbf " + std::to_string(when), with_claim("nbf", when), "not valid yet"});
    all.push_back({"iat " + std::to_string(when), with_claim("iat", when), "in the future"});
  }
  for (std::string_view name : {"exp", "nbf", "iat"})
    for (const json::value& v : std::initializer_list<json::value>{
           "1700000300", "", nullptr, true, json::array{1'700'000'300}, json::object{}, 0, -1,
           -1'700'000'300, 253'402'300'800, INT64_MAX, INT64_MIN, UINT64_MAX, 1'700'000'300.5,
           1'700'000'300.0, 1e300})
      all.push_back({std::string(name) + " " + dump(v), with_claim(name, v), "whole number"});
  auto p = dump(drop(payload(), "exp"));
  for (std::string number : {"1.7000003e9", "17000003E2", "1700000300.0", "1e12", "-0"})
    all.push_back({"exp written " + number,
                   raw_token(dump(header()), "{\"exp\":" + number + "," + p.substr(1)),
                   "whole number"});
  for (std::string number : {"01700000300", "+1700000300", "0x6553f1ac", "1_700_000_300",
                             "Infinity", "NaN", "1700000300n", "99999999999999999999999"})
    all.push_back({"exp written " + number,
                   raw_token(dump(header()), "{\"exp\":" + number + "," + p.substr(1)),
                   bad_claims});
  auto far = rules();
  far.skew = std::chrono::hours{24};
  all.push_back({"skew is capped at 60 s", with_claim("nbf", s + 61), "not valid yet", far});
}

inline void subjects(corpus& all) {
  for (const json::value& sub : std::initializer_list<json::value>{
         "", nullptr, 1, true, 1.5, json::array{"alice"}, json::object{{"sub", "alice"}},
         json::string(1025, 'a'), "alice\n", "\talice", "al\x7fice", json::string("alice\0bob", 9),
         json::string("\0", 1)})
    all.push_back({"sub " + dump(sub).substr(0, 40), with_claim("sub", sub), "no subject"});
  all.push_back({"no sub", token(header(), drop(payload(), "sub")), "no subject"});
}

} // namespace behalf::forge
