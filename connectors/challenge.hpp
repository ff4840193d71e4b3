// What a service says when it refuses a credential: the WWW-Authenticate header (RFC 9110 11.6.1).
#pragma once

#include "behalf/outbound.hpp"
#include "connectors/service_options.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// The parameters of a bearer challenge (RFC 6750 3) that tell a person what is missing.
struct challenge {
  std::string error, description, scope; // printable, cut to 200 bytes each
};

/// The first value of each parameter over all challenges; empty where there is none.
challenge read_challenge(const header_list& headers);

/// `denied` of kind "needs_auth": the service refused with 401 or 403, and why, if it said so.
/// Begins with "service 'NAME' refused ", which tells it from a credential that is missing. Of a
/// service that is called without a credential it says that.
error needs_auth(const service_options& service, unsigned status, const header_list& headers);

} // namespace behalf
