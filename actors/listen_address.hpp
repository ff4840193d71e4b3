// Which addresses a server may listen on.
#pragma once

#include "behalf/error.hpp"

#include <string>

namespace behalf {

/// Whether a server may listen there: without authentication, on loopback only. Error:
/// invalid_argument, beginning with the key.
result<void> check_listen_address(const std::string& address, bool identity);

} // namespace behalf
