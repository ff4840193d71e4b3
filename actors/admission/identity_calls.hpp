// The calls the authenticator makes on identity providers, ready for the outbound door.
#pragma once

#include "runtime/auth/providers.hpp"
#include "runtime/http/client.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace behalf::admission {

/// GET of a public document: discovery, keys. Refuses an URL check_url refuses (no request: null).
std::shared_ptr<wire_request> document_call(const std::string& url);

/// GET with the user's own token, as the userinfo endpoint wants it.
std::shared_ptr<wire_request> userinfo_call(const std::string& url, std::string_view token);

/// POST of a token to an introspection endpoint, as a client with a secret.
std::shared_ptr<wire_request> introspection_call(const std::string& url,
                                                 const std::string& client_id,
                                                 std::string_view client_secret,
                                                 std::string_view token);

/// A writer of one Authorization field, `value` being all of it.
std::shared_ptr<const credential_writer> authorization_field(std::string_view value);

} // namespace behalf::admission
