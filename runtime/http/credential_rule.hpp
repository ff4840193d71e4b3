// How a service wants its credential: read and checked here, once, for everybody.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

enum class credential_form : uint8_t {
  bearer, // Authorization: Bearer <value>
  header, // <name>: <value>
  basic,  // Authorization: Basic base64(username:value)
  query,  // …?<name>=<value>; only where a service cannot do better
};

struct credential_rule {
  credential_form form = credential_form::bearer;
  std::string name = {}; // of the header or query parameter

  bool operator==(const credential_rule&) const = default;
};

/// Reads "bearer", "basic", "header:X-Api-Key" or "query:key". Error: invalid_argument; also for
/// headers that frame a message or are for a proxy (Host, Content-Length, Proxy-Authorization, …).
result<credential_rule> parse_credential_rule(std::string_view text);
std::string to_string(const credential_rule& rule);

} // namespace behalf
