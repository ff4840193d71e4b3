// Joins a credential and a call in the client's write buffer, and takes it out of the reply.
#pragma once

#include "runtime/http/credential_rule.hpp"
#include "runtime/http/credential_writer.hpp"
#include "secrets/stored_credential.hpp"

#include <memory>

namespace behalf {

/// The writer for one credential at one service: build it once per fetched credential and keep it
/// (building costs microseconds, using it less than one). Thread-safe. Error: invalid_argument when
/// the value cannot be sent in that form (line breaks, control bytes, spaces in a bearer token, no
/// username for basic); the message never holds the value.
result<std::shared_ptr<const credential_writer>> make_writer(const credential_rule& rule,
                                                             stored_credential_ptr credential);

} // namespace behalf
