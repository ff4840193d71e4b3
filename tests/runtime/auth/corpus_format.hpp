// Forged tokens: their form.
#pragma once

#include "tests/runtime/auth/corpus.hpp"

namespace behalf::forge {

inline void segments(corpus& all) {
  auto t = token();
  auto in = input_of(t), sig = t.substr(t.rfind('.') + 1);
  auto h = in.substr(0, in.find('.')), p = in.substr(in.find('.') + 1);
  for (const auto& text : {std::string(), std::string("."), std::string("opaque"), h, in, t + ".",
                           t + "." + sig, t + ".a.b", "." + t, h + "." + p + "." + sig + "..",
                           in + "." + sig + "." + sig + "." + sig})
    all.push_back({"segments: " + text.substr(0, 40), text, bad_parts});
  for (const auto& [name, text, why] :
       std::initializer_list<std::tuple<const char*, std::string, const char*>>{
         {"two dots", "..", bad_header},
         {"no header", "." + p + "." + sig, bad_header},
         {"detached payload", h + ".." + sig, bad_signature},
         {"no signature", in + ".", bad_signature},
         {"swapped", p + "." + h + "." + sig, bad_alg},
         {"space before", " " + t, bad_base64},
         {"space behind", t + " ", bad_base64},
         {"line end behind", t + "\n", bad_base64},
         {"tab within", h + "\t." + p + "." + sig, bad_base64},
         {"scheme left on", "Bearer " + t, bad_base64},
         {"zero byte behind", t + std::string(1, '\0'), bad_base64},
         {"quoted", "\"" + t + "\"", bad_base64},
         {"flattened JSON", R"({"payload":")" + p + R"(","protected":".","signature":".)" + sig,
          bad_base64}})
    all.push_back({name, text, why});
  all.push_back({"two tokens", t + "," + t, bad_parts});
}

inline void base64_forms(corpus& all) {
  auto h = base64url(dump(header())), p = base64url(dump(payload()));
  auto t = token();
  auto sig = t.substr(t.rfind('.') + 1);
  for (std::string tail : {"=", "==", "%3D", " ", "\r\n", "+", "/", "A", "*", "\xC3\xA9", "-=-"}) {
    all.push_back({"header with " + tail, seal(h + tail + "." + p), {}});
    all.push_back({"payload with " + tail, seal(h + "." + p + tail), {}});
    all.push_back({"signature with " + tail, t + tail, {}});
  }
  // The last letter of 64 bytes carries two bits of data and four that must be zero.
  auto last = sig.back();
  for (char other : {'B', 'C', 'P', 'R', 'f', 'h', 'v', 'x'})
    if (other != last)
      all.push_back({std::string("stray bits in the signature: ") + other,
                     t.substr(0, t.size() - 1) + other, bad_base64});
  all.push_back(
    {"standard alphabet", seal(h + "." + p.substr(0, p.size() - 4) + "+/+/"), bad_base64});
}

inline void header_texts(corpus& all) {
  auto p = dump(payload());
  for (std::string h : {R"({"alg":"ES256","alg":"ES256","kid":"p256","typ":"at+jwt"})",
                        R"({"alg":"none","alg":"ES256","kid":"p256","typ":"at+jwt"})",
                        R"({"alg":"ES256","\u0061lg":"none","kid":"p256","typ":"at+jwt"})",
                        R"({"alg":"ES256","kid":"p256","kid":"x","typ":"at+jwt"})",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt","x":{"a":1,"a":2}})",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt"} )"
                        "x",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt"}{})",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt",})",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt")",
                        R"({'alg':'ES256','kid':'p256','typ':'at+jwt'})",
                        R"({alg:"ES256",kid:"p256",typ:"at+jwt"})",
                        R"(/**/{"alg":"ES256","kid":"p256","typ":"at+jwt"})",
                        R"(["alg","ES256"])",
                        R"("ES256")",
                        "null",
                        "1",
                        "true",
                        "",
                        "\xEF\xBB\xBF{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"at+jwt\"}",
                        "{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"at+jwt\",\"x\":\"\xff\"}",
                        "{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"at+jwt\",\"x\":\"\n\"}",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt","x":"\ud800"})",
                        R"({"alg":"ES256","kid":"p256","typ":"at+jwt","x":NaN})"})
    all.push_back({"header " + h, raw_token(h, p), bad_header});
  auto deep = R"({"alg":"ES256","kid":"p256","typ":"at+jwt","x":)" + std::string(500, '[')
              + std::string(500, ']') + "}";
  all.push_back({"header nested 500 deep", raw_token(deep, p), bad_header});
  all.push_back({"empty header", raw_token("{}", p), bad_alg});
}

inline void payload_texts(corpus& all) {
  auto h = dump(header());
  auto p = dump(payload());
  for (const auto& [name, v] : payload())
    all.push_back(
      {"claim twice: " + std::string(name),
       raw_token(h, p.substr(0, p.size() - 1) + ",\"" + std::string(name) + "\":" + dump(v) + "}"),
       bad_claims});
  for (std::string text :
       {std::string("[]"), std::string("null"), std::string("1"), std::string("true"),
        std::string("\"alice\""), std::string(), std::string(" "), "[" + p + "]", p + p, p + "x",
        p.substr(0, p.size() - 1), "\xEF\xBB\xBF" + p, token(), '"' + token() + '"',
        R"({"sub":"alice","\u0073ub":"bob",)" + p.substr(1), "{\"x\":\"\xc0\xaf\"," + p.substr(1),
        "{\"x\":1e99999," + p.substr(1) + "}"})
    all.push_back({"payload " + text.substr(0, 40), raw_token(h, text), bad_claims});
  all.push_back({"nested JWT",
                 seal(base64url(dump(set(header(), "cty", "JWT"))) + "." + base64url(token())),
                 bad_claims});
}

inline void types(corpus& all) {
  auto lax = rules();
  lax.allow_generic_jwt_typ = true;
  for (const json::value& typ : std::initializer_list<json::value>{
         "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt", "id_token", "at+jwt ",
         " at+jwt", "at+jwt\n", "text/at+jwt", "application/application/at+jwt", "at", "", 1,
         nullptr, json::array{"at+jwt"}, json::object{}}) {
    all.push_back({"typ " + dump(typ), with_header("typ", typ), "type"});
    all.push_back(
      {"typ " + dump(typ) + " from an older issuer", with_header("typ", typ), "type", lax});
  }
  for (auto typ : {"JWT", "jwt", "application/jwt"})
    all.push_back({std::string("typ ") + typ, with_header("typ", typ), "expected type at+jwt"});
  all.push_back({"no typ", token(drop(header(), "typ")), "no type"});
  auto plain = set(header(), "typ", "JWT");
  for (auto only_id_tokens : {"nonce", "at_hash", "c_hash", "s_hash", "events"})
    for (const auto& h : {plain, drop(header(), "typ")})
      all.push_back({std::string("ID token with ") + only_id_tokens,
                     token(h, set(payload(), only_id_tokens, "x")), "no access token", lax});
  for (const json::value& kind : std::initializer_list<json::value>{
         "ID", "Refresh", "Offline", "Logout", "", 1, nullptr, json::array{"Bearer"}})
    all.push_back({"claim typ " + dump(kind), token(plain, set(payload(), "typ", kind)),
                   "no access token", lax});
}

inline void extensions(corpus& all) {
  for (const json::value& crit : std::initializer_list<json::value>{
         json::array{"exp"}, json::array{"b64"}, json::array{"http://example.com/x"}, json::array{},
         nullptr, "exp", true, json::array{1}, json::object{}})
    all.push_back({"crit " + dump(crit), with_header("crit", crit), "extension"});
  for (const json::value& b64 : std::initializer_list<json::value>{false, true, "false", nullptr})
    all.push_back({"b64 " + dump(b64), with_header("b64", b64), "extension"});
  auto unencoded = set(set(header(), "b64", false), "crit", json::array{"b64"});
  auto p = dump(payload());
  auto input = base64url(dump(unencoded)) + "." + p;
  all.push_back({"b64 false, signed over the raw payload",
                 base64url(dump(unencoded)) + "." + base64url(p) + "."
                   + base64url(sign(p256_pair(), "ES256", input)),
                 "extension"});
}

inline void sizes(corpus& all) {
  all.push_back({"huge claim", with_claim("x", json::string(20'000, 'x')), "larger than 16 KB"});
  all.push_back({"huge header", with_header("x", json::string(20'000, 'x')), "larger than 16 KB"});
  all.push_back({"huge signature", token() + std::string(20'000, 'A'), "larger than 16 KB"});
  all.push_back({"10 MB of dots", std::string(10'000'000, '.'), "larger than 16 KB"});
  all.push_back({"dots", std::string(16'384, '.'), bad_parts});
}

} // namespace behalf::forge
