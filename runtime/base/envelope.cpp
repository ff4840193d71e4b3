#include "runtime/base/envelope.hpp"

#include <climits>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
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

// Looking the algorithms up by name costs as much as sealing a short text: keep them.
const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* found = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return found;
}

const EVP_CIPHER* ecb() {
  static const EVP_CIPHER* found = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  return found;
}

// `out`: as long as the plaintext; `tag`: tag_bytes.
bool encrypt(std::string_view key, std::string_view nonce, std::string_view context,
             std::string_view plaintext, char* out, char* tag) {
  auto ctx = make_context();
  int n = 0;
  return ctx && EVP_EncryptInit_ex2(ctx.get(), gcm(), bytes(key), bytes(nonce), nullptr) == 1
         && EVP_EncryptUpdate(ctx.get(), nullptr, &n, bytes(context),
                              static_cast<int>(context.size()))
              == 1
         && EVP_EncryptUpdate(ctx.get(), bytes(out), &n, bytes(plaintext),
                              static_cast<int>(plaintext.size()))
              == 1
         && EVP_EncryptFinal_ex(ctx.get(), bytes(tag), &n) == 1
         && EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag) == 1;
}

// `out`: as long as the ciphertext; not to be looked at unless the answer is true.
bool decrypt(std::string_view key, std::string_view nonce, std::string_view context,
             std::string_view ciphertext, std::string tag, char* out) {
  unsigned char none[1];
  auto ctx = make_context();
  int n = 0;
  return ctx && EVP_DecryptInit_ex2(ctx.get(), gcm(), bytes(key), bytes(nonce), nullptr) == 1
         && EVP_DecryptUpdate(ctx.get(), nullptr, &n, bytes(context),
                              static_cast<int>(context.size()))
              == 1
         && EVP_DecryptUpdate(ctx.get(), ciphertext.empty() ? none : bytes(out), &n,
                              bytes(ciphertext), static_cast<int>(ciphertext.size()))
              == 1
         && EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1
         && EVP_DecryptFinal_ex(ctx.get(), none, &n) == 1;
}

constexpr std::size_t wide_nonce_bytes = wide_seal_bytes - tag_bytes, block_bytes = 16;

// A key that is used once, wiped when it ends.
struct derived_key {
  unsigned char bytes[envelope_key_bytes];

  ~derived_key() { OPENSSL_cleanse(bytes, sizeof bytes); }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes), sizeof bytes}; }
};

// CMAC of AES-256 over two blocks, as XAES-256-GCM has it: what it says of one block, unrolled.
bool derive(const secret& key, std::string_view nonce, derived_key& out) {
  auto ctx = make_context();
  int n = 0;
  unsigned char mask[block_bytes] = {}, blocks[2 * block_bytes] = {};
  if (!ctx || EVP_EncryptInit_ex2(ctx.get(), ecb(), bytes(key.expose()), nullptr, nullptr) != 1
      || EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1
      || EVP_EncryptUpdate(ctx.get(), mask, &n, mask, block_bytes) != 1)
    return false;
  const auto carried = mask[0] >> 7;
  for (std::size_t i = 0; i < block_bytes; ++i)
    mask[i] =
      static_cast<unsigned char>(mask[i] << 1 | (i + 1 < block_bytes ? mask[i + 1] >> 7 : 0));
  if (carried)
    mask[block_bytes - 1] ^= 0x87;
  for (std::size_t half : {0, 1}) {
    auto* block = blocks + half * block_bytes;
    block[1] = static_cast<unsigned char>(half + 1);
    block[2] = 'X';
    std::copy_n(nonce.begin(), block_bytes - 4, block + 4);
    for (std::size_t i = 0; i < block_bytes; ++i)
      block[i] ^= mask[i];
  }
  auto done = EVP_EncryptUpdate(ctx.get(), out.bytes, &n, blocks, sizeof blocks) == 1;
  OPENSSL_cleanse(mask, sizeof mask);
  return done;
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
  if (RAND_bytes(bytes(out.nonce.data()), nonce_bytes) != 1
      || !encrypt(key.expose(), out.nonce, context, plaintext, out.ciphertext.data(),
                  out.tag.data()))
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
  if (!decrypt(key.expose(), sealed.nonce, context, sealed.ciphertext, sealed.tag, plain.data()))
    return refused;
  return plain;
}

result<void> append_wide_sealed(std::string& out, const secret& key, std::string_view context,
                                std::string_view plaintext) {
  auto broken = fail(errc::internal, "a document could not be encrypted");
  if (!usable(key, context, plaintext.size()))
    return broken;
  const auto begin = out.size();
  out.resize(begin + plaintext.size() + wide_seal_bytes);
  auto* nonce = out.data() + begin;
  auto* text = nonce + wide_nonce_bytes;
  derived_key derived;
  if (RAND_bytes(bytes(nonce), wide_nonce_bytes) != 1
      || !derive(key, {nonce, wide_nonce_bytes}, derived)
      || !encrypt(derived.view(), {nonce + nonce_bytes, nonce_bytes}, context, plaintext, text,
                  text + plaintext.size()))
    return broken;
  return {};
}

result<std::string> unseal_wide(const secret& key, std::string_view context,
                                std::string_view sealed) {
  auto refused = fail(errc::internal, "a stored document does not decrypt");
  if (sealed.size() < wide_seal_bytes || !usable(key, context, sealed.size()))
    return refused;
  const auto nonce = sealed.substr(0, wide_nonce_bytes);
  const auto text = sealed.substr(wide_nonce_bytes, sealed.size() - wide_seal_bytes);
  std::string plain(text.size(), '\0');
  derived_key derived;
  if (!derive(key, nonce, derived)
      || !decrypt(derived.view(), nonce.substr(nonce_bytes), context, text,
                  std::string{sealed.substr(sealed.size() - tag_bytes)}, plain.data()))
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
