// HTTP calls on identity providers, as the HTTP client takes them.
#pragma once

#include "runtime/auth/identity_provider.hpp"
#include "runtime/http/client.hpp"

#include <memory>

namespace behalf::admission {

/// Null when the address is malformed.
std::shared_ptr<wire_request> to_wire(provider_call call);

/// A writer of one Authorization field, `value` being all of it.
std::shared_ptr<const credential_writer> authorization_field(wiped_string value);

} // namespace behalf::admission
