// AES-256-GCM for what lies on disk: keys that wrap keys, keys that seal credentials and documents.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/secret.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace behalf {

inline constexpr std::size_t envelope_key_bytes = 32;

/// Ciphertext and what it takes to open it but for the key. Safe to store.
struct sealed_bytes {
  std::string nonce;      // 12 random bytes
  std::string ciphertext; // as long as the plaintext
  std::string tag;        // 16 bytes
};

/// A new random key of 32 bytes.
secret make_key();

/// Seals `plaintext`, bound to `context`. Error: internal.
result<sealed_bytes> seal(const secret& key, std::string_view context, std::string_view plaintext);

/// Error: internal `does not decrypt`: another key or context, or changed bytes.
result<wiped_string> unseal(const secret& key, std::string_view context,
                            const sealed_bytes& sealed);

/// The same for documents, of which one key seals any number: each has a key of its own, derived
/// from 24 random bytes (XAES-256-GCM, c2sp.org/XAES-256-GCM). Appends nonce, ciphertext and tag,
/// which are `wide_seal_bytes` longer than the text. Error: internal.
inline constexpr std::size_t wide_seal_bytes = 24 + 16;
result<void> append_wide_sealed(std::string& out, const secret& key, std::string_view context,
                                std::string_view plaintext);

/// Error: internal `does not decrypt`, as above.
result<std::string> unseal_wide(const secret& key, std::string_view context,
                                std::string_view sealed);

/// One unambiguous text of several: each is preceded by its length.
std::string bind_context(std::initializer_list<std::string_view> parts);

} // namespace behalf
