// What a forged token of the corpus is, and the tools to make one.
#pragma once

#include "tests/runtime/auth/forge.hpp"

#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace behalf::forge {

struct bad {
  std::string name, token, reason; // `reason`: part of the sentence the client gets
  issuer_rules rules = forge::rules();
};
using corpus = std::vector<bad>;

inline constexpr auto bad_alg = "algorithm is not accepted";
inline constexpr auto bad_signature = "signature is wrong";
inline constexpr auto bad_base64 = "not base64url";
inline constexpr auto bad_parts = "three parts";
inline constexpr auto bad_header = "header is not a JSON object";
inline constexpr auto bad_claims = "claims are not a JSON object";
inline constexpr auto bad_key = "key its issuer does not publish";
inline constexpr auto misfit = "key does not fit";

inline json::object set(json::object o, std::string_view name, json::value v) {
  o[name] = std::move(v);
  return o;
}
inline json::object drop(json::object o, std::string_view name) {
  o.erase(name);
  return o;
}
inline std::string with_header(std::string_view name, json::value v) {
  return token(set(header(), name, std::move(v)));
}
inline std::string with_claim(std::string_view name, json::value v) {
  return token(header(), set(payload(), name, std::move(v)));
}
inline std::string input_of(const std::string& t) {
  return t.substr(0, t.rfind('.'));
}
inline std::string with_signature(const std::string& t, std::string_view raw) {
  return input_of(t) + '.' + base64url(raw);
}

} // namespace behalf::forge
