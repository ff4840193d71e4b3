#include "secrets/webhook_secrets.hpp"

#include "runtime/net/codec.hpp"

#include <openssl/hmac.h>

namespace behalf {

result<secret_ptr> webhook_key(const secret& configured) {
  constexpr std::string_view encoded = "whsec_";
  constexpr std::size_t shortest = 24; // bytes, as Standard Webhooks has it
  auto text = configured.expose();
  if (text.starts_with(encoded)) // padded or not
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding)
      text.remove_suffix(1);
  wiped_string key;
  if (!text.starts_with(encoded))
    key.append(text);
  else if (!append_from_base64(key, text.substr(encoded.size())))
    return fail(errc::invalid_argument, "what follows whsec_ is no base64");
  if (key.size() < shortest)
    return fail(errc::invalid_argument, "a key that signs needs at least 24 bytes");
  return std::make_shared<const secret>(std::move(key));
}

std::string webhook_signature(const std::vector<secret_ptr>& keys, std::string_view id,
                              int64_t timestamp, std::string_view body) {
  std::string text;
  text.append(id).append(".").append(std::to_string(timestamp)).append(".").append(body);
  std::string all;
  for (const auto& key : keys) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key->expose().data(), static_cast<int>(key->size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    if (!all.empty())
      all += ' ';
    all += "v1," + base64({reinterpret_cast<const char*>(digest), size});
  }
  return all;
}

} // namespace behalf
