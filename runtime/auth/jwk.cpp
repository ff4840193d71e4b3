#include "runtime/auth/jwk.hpp"

#include "runtime/auth/evp.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

using enum signature_algorithm;

struct algorithm_name {
  signature_algorithm alg;
  std::string_view name;
  key_type type;
};

constexpr std::array algorithms{
  algorithm_name{es256, "ES256", key_type::p256},    algorithm_name{es384, "ES384", key_type::p384},
  algorithm_name{eddsa, "EdDSA", key_type::ed25519}, algorithm_name{ps256, "PS256", key_type::rsa},
  algorithm_name{ps384, "PS384", key_type::rsa},     algorithm_name{ps512, "PS512", key_type::rsa},
  algorithm_name{rs256, "RS256", key_type::rsa},     algorithm_name{rs384, "RS384", key_type::rsa},
  algorithm_name{rs512, "RS512", key_type::rsa},
};

const algorithm_name& row(signature_algorithm alg) {
  return *std::find_if(algorithms.begin(), algorithms.end(),
                       [alg](const auto& a) { return a.alg == alg; });
}

error bad_key(std::string why) {
  return fail(errc::invalid_argument, std::move(why));
}

// A member that is base64url text, decoded. Most are required and none may be empty.
result<std::string> octets(const json::object& jwk, std::string_view name) {
  auto bytes = base64url_decode(string_or(jwk, name));
  if (!bytes || bytes->empty())
    return bad_key("'" + std::string(name) + "' must be base64url text");
  return bytes;
}

std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

result<std::shared_ptr<EVP_PKEY>> build(const char* type, OSSL_PARAM_BLD* builder) {
  evp::params params{OSSL_PARAM_BLD_to_param(builder)};
  evp::key_context ctx{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1
      || EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return bad_key("the numbers make no key");
  return own(key);
}

evp::number number(std::string_view big_endian) {
  return evp::number{
    BN_bin2bn(evp::bytes(big_endian), static_cast<int>(big_endian.size()), nullptr)};
}

result<std::shared_ptr<EVP_PKEY>> rsa_key(const json::object& jwk) {
  auto n_bytes = octets(jwk, "n"), e_bytes = octets(jwk, "e");
  if (!n_bytes || !e_bytes)
    return n_bytes ? e_bytes.error() : n_bytes.error();
  if (n_bytes->size() > 1025 || e_bytes->size() > 8)
    return bad_key("an RSA key must have 2048 to 8192 bits and a small exponent");
  auto n = number(*n_bytes), e = number(*e_bytes);
  auto bits = BN_num_bits(n.get());
  if (bits < 2048 || bits > 8192 || !BN_is_odd(n.get()))
    return bad_key("an RSA key must have 2048 to 8192 bits");
  if (!BN_is_odd(e.get()) || BN_is_one(e.get()))
    return bad_key("an RSA exponent must be odd and at least 3");
  evp::param_builder builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return build("RSA", builder.get());
}

result<std::shared_ptr<EVP_PKEY>> ec_key(const json::object& jwk, const char* group,
                                         std::size_t width) {
  auto x = octets(jwk, "x"), y = octets(jwk, "y");
  if (!x || !y)
    return x ? y.error() : x.error();
  if (x->size() != width || y->size() != width)
    return bad_key("a coordinate has the wrong length for its curve");
  auto point = '\x04' + *x + *y;
  evp::param_builder builder{OSSL_PARAM_BLD_new()};
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  auto key = build("EC", builder.get());
  if (!key)
    return key;
  evp::key_context check{EVP_PKEY_CTX_new_from_pkey(nullptr, key->get(), nullptr)};
  if (!check || EVP_PKEY_public_check(check.get()) != 1)
    return bad_key("the point is not on its curve");
  return key;
}

result<std::shared_ptr<EVP_PKEY>> ed25519_key(const json::object& jwk) {
  auto x = octets(jwk, "x");
  if (!x)
    return x.error();
  if (x->size() != 32)
    return bad_key("an Ed25519 key has 32 bytes");
  auto* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, evp::bytes(*x), x->size());
  if (!key)
    return bad_key("the bytes make no key");
  return own(key);
}

// `use` and `key_ops`, where given, must allow verifying; what should be secret must not be here.
result<void> check_purpose(const json::object& jwk) {
  for (auto secret : {"d", "p", "q", "dp", "dq", "qi", "k"})
    if (jwk.contains(secret))
      return bad_key("a published key must not hold private material");
  if (const auto* use = member(jwk, "use"); use && (!use->is_string() || *use != "sig"))
    return bad_key("'use' is not sig");
  const auto* ops = member(jwk, "key_ops");
  if (!ops)
    return {};
  const json::value verify("verify"); // braces would make it a list
  if (!ops->is_array()
      || std::find(ops->get_array().begin(), ops->get_array().end(), verify)
           == ops->get_array().end())
    return bad_key("'key_ops' does not allow verify");
  return {};
}

result<void> read_material(const json::object& jwk, public_key& into) {
  auto kty = string_or(jwk, "kty"), curve = string_or(jwk, "crv");
  result<std::shared_ptr<EVP_PKEY>> key = bad_key("'kty' or 'crv' is not one we use");
  if (kty == "RSA") {
    into.type = key_type::rsa;
    key = rsa_key(jwk);
  } else if (kty == "EC" && curve == "P-256") {
    into.type = key_type::p256;
    key = ec_key(jwk, "P-256", 32);
  } else if (kty == "EC" && curve == "P-384") {
    into.type = key_type::p384;
    key = ec_key(jwk, "P-384", 48);
  } else if (kty == "OKP" && curve == "Ed25519") {
    into.type = key_type::ed25519;
    key = ed25519_key(jwk);
  }
  if (!key)
    return key.error();
  into.key = std::move(*key);
  return {};
}

} // namespace

std::optional<signature_algorithm> parse_algorithm(std::string_view name) {
  for (const auto& a : algorithms)
    if (a.name == name)
      return a.alg;
  return {};
}

std::string_view to_string(signature_algorithm alg) {
  return row(alg).name;
}

key_type key_type_of(signature_algorithm alg) {
  return row(alg).type;
}

result<public_key> parse_jwk(const json::value& jwk) {
  evp::clean_errors clean;
  if (!jwk.is_object())
    return bad_key("a key must be an object");
  const auto& o = jwk.get_object();
  public_key key;
  if (auto ok = check_purpose(o); !ok)
    return ok.error();
  if (auto ok = read_material(o, key); !ok)
    return ok.error();
  if (const auto* kid = member(o, "kid")) {
    if (!kid->is_string())
      return bad_key("'kid' must be text");
    key.id = std::string(kid->get_string());
  }
  if (o.contains("alg")) {
    key.only = parse_algorithm(string_or(o, "alg"));
    if (!key.only || key_type_of(*key.only) != key.type)
      return bad_key("'alg' does not fit the key, or is not one we use");
  }
  return key;
}

result<key_set> key_set::parse(const json::value& document) {
  const auto* list = member(document, "keys");
  if (!list || !list->is_array())
    return fail(errc::upstream, "the issuer's key set is not {\"keys\": [...]}");
  if (list->get_array().size() > 100)
    return fail(errc::upstream, "the issuer's key set has more than 100 keys");
  key_set found;
  for (const auto& jwk : list->get_array())
    if (auto key = parse_jwk(jwk))
      found.keys_.push_back(std::move(*key));
    else
      ++found.skipped_;
  return found;
}

const public_key* key_set::find(std::optional<std::string_view> kid,
                                signature_algorithm alg) const {
  const public_key* found = nullptr;
  for (const auto& key : keys_) {
    bool fits = key.type == key_type_of(alg) && (!key.only || *key.only == alg);
    if (!fits || (kid && key.id != *kid))
      continue;
    if (kid)
      return &key;
    if (found)
      return nullptr;
    found = &key;
  }
  return found;
}

bool key_set::knows(std::optional<std::string_view> kid, signature_algorithm alg) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const public_key& key) {
    return kid ? key.id == *kid : key.type == key_type_of(alg);
  });
}

} // namespace behalf
