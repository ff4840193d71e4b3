// The head of an outbound request, as it goes on the wire: every byte checked, the credential's
// lines written into a buffer that is wiped.
#pragma once

#include "behalf/outbound.hpp"
#include "runtime/http/credential_writer.hpp"
#include "runtime/http/net_guard.hpp"

namespace behalf {

/// Refuses what a call may not say: a method that is no upper-case word, CONNECT and TRACE;
/// header names or values that could end a line; headers that carry credentials (denied) or
/// frame the message (invalid_argument).
result<void> check_call(const outbound_call& call, bool credentialed = false);

/// Writes request line and headers up to the blank line. `call` has passed check_call. Error:
/// internal, when the credential writes what could break the head; denied, when the call sets a
/// header that the credential sets too.
result<wiped_string> write_request_head(const outbound_call& call, const checked_url& url,
                                        std::string_view user_agent, std::size_t body_size,
                                        const credential_writer* credential);

} // namespace behalf
