// Joins a credential and a call in the client's write buffer, and takes it out of the reply.
#pragma once

#include "runtime/http/credential_writer.hpp"
#include "secrets/stored_credential.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace behalf {

enum class credential_form : uint8_t {
  bearer, // Authorization: Bearer <value>
  header, // <name>: <value>
  basic,  // Authorization: Basic base64(username:value)
  query,  // …?<name>=<value>; only where a service cannot do better
};

/// How a service wants its credential.
struct credential_rule {
  credential_form form = credential_form::bearer;
  std::string name = {}; // of the header or query parameter

  bool operator==(const credential_rule&) const = default;
};

/// Reads "bearer", "basic", "header:X-Api-Key" or "query:key".
/// Error: invalid_argument, for header names that frame a message (Host, Content-Length, …) too.
result<credential_rule> parse_credential_rule(std::string_view text);
std::string to_string(const credential_rule& rule);

/// The writer for one credential at one service: build it once per fetched credential and keep it
/// (building costs microseconds, using it less than one). Thread-safe. Error: invalid_argument when
/// the value cannot be sent in that form (line breaks, control bytes, spaces in a bearer token, no
/// username for basic); the message never holds the value.
result<std::shared_ptr<const credential_writer>> make_writer(const credential_rule& rule,
                                                             stored_credential_ptr credential);

} // namespace behalf
