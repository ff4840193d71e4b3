// What is secret about calls to clients' webhooks: the keys that sign them, and header fields that
// the operator adds.
#pragma once

#include "behalf/error.hpp"
#include "secrets/secret.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

struct webhook_secrets {
  std::vector<secret_ptr> keys; // each one signs; none: calls are not signed
  std::vector<std::pair<std::string, secret_ptr>> headers;
};

/// The key that a configured text stands for: after `whsec_` in base64, else its bytes.
/// Error: invalid_argument when it is no base64 or shorter than 24 bytes; it never repeats the
/// text.
result<secret_ptr> webhook_key(const secret& configured);

/// The header `webhook-signature` of Standard Webhooks: for each key `v1,` and base64 of the
/// HMAC-SHA-256 of "<id>.<timestamp>.<body>", with spaces between them.
std::string webhook_signature(const std::vector<secret_ptr>& keys, std::string_view id,
                              int64_t timestamp, std::string_view body);

} // namespace behalf
