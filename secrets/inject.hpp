// Joins a credential and a call in the client's write buffer, and takes it out of the reply.
#pragma once

#include "runtime/http/credential_rule.hpp"
#include "runtime/http/credential_writer.hpp"
#include "secrets/stored_credential.hpp"

#include <memory>
#include <string_view>

namespace behalf {

/// `kind` of the error that says that a stored credential cannot be sent.
inline constexpr std::string_view credential_unusable = "credential_unusable";

/// The writer for one credential at one service: build it once per fetched credential and keep it
/// (building costs microseconds, using it less than one). Thread-safe. Error: credential_unusable
/// when the value cannot be sent in that form (line breaks, control bytes, spaces in a bearer
/// token, no username for basic); the message never holds the value.
result<std::shared_ptr<const credential_writer>> make_writer(const credential_rule& rule,
                                                             stored_credential_ptr credential);

} // namespace behalf
