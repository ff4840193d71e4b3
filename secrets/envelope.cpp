#include "secrets/envelope.hpp"

#include <climits>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

namespace behalf {
namespace {

constexpr std::size_t nonce_bytes = 12, tag_bytes = 16;

using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

cipher_context make_context() {
  return {EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes(char* text) {
  return reinterpret_cast<unsigned char*>(text);
}

bool usable(const secret& key, std::string_view context, std::size_t size) {
  return key.size() == envelope_key_bytes && context.size() <= INT_MAX && size <= INT_MAX;
}

} // namespace

secret make_key() {
  wiped_string key;
  key.resize(envelope_key_bytes);
  // The generator can only fail when the system has none; going on would be worse than ending.
  if (RAND_priv_bytes(bytes(key.data()), envelope_key_bytes) != 1)
    throw std::runtime_error{"no random bytes from the system"};
  return secret{std::move(key)};
}

result<sealed_bytes> seal(const secret& key, std::string_view context, std::string_view plaintext) {
  auto broken = fail(errc::internal, "a secret could not be encrypted");
  if (!usable(key, context, plaintext.size()))
    return broken;
  sealed_bytes out{std::string(nonce_bytes, '\0'), std::string(plaintext.size(), '\0'),
                   std::string(tag_bytes, '\0')};
  auto ctx = make_context();
  int n = 0;
  if (!ctx || RAND_bytes(bytes(out.nonce.data()), nonce_bytes) != 1
      || EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, bytes(key.expose()),
                            bytes(out.nonce.data()))
           != 1
      || EVP_EncryptUpdate(ctx.get(), nullptr, &n, bytes(context), static_cast<int>(context.size()))
           != 1
      || EVP_EncryptUpdate(ctx.get(), bytes(out.ciphertext.data()), &n, bytes(plaintext),
                           static_cast<int>(plaintext.size()))
           != 1
      || EVP_EncryptFinal_ex(ctx.get(), bytes(out.tag.data()), &n) != 1
      || EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, out.tag.data()) != 1)
    return broken;
  return out;
}

result<wiped_string> unseal(const secret& key, std::string_view context,
                            const sealed_bytes& sealed) {
  auto refused = fail(errc::internal, "a stored secret does not decrypt");
  if (!usable(key, context, sealed.ciphertext.size()) || sealed.nonce.size() != nonce_bytes
      || sealed.tag.size() != tag_bytes)
    return refused;
  wiped_string plain;
  plain.resize(sealed.ciphertext.size());
  std::string tag = sealed.tag;
  unsigned char none[1];
  auto ctx = make_context();
  int n = 0;
  if (!ctx
      || EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, bytes(key.expose()),
                            bytes(sealed.nonce))
           != 1
      || EVP_DecryptUpdate(ctx.get(), nullptr, &n, bytes(context), static_cast<int>(context.size()))
           != 1
      || EVP_DecryptUpdate(ctx.get(), plain.empty() ? none : bytes(plain.data()), &n,
                           bytes(sealed.ciphertext), static_cast<int>(sealed.ciphertext.size()))
           != 1
      || EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) != 1
      || EVP_DecryptFinal_ex(ctx.get(), none, &n) != 1)
    return refused;
  return plain;
}

std::string bind_context(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (auto part : parts) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(part.size() >> shift);
    out += part;
  }
  return out;
}

} // namespace behalf
