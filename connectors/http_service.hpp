// Any HTTP API as a connector: one call out, one reply back.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/service_options.hpp"

#include <memory>

namespace behalf {

/// The body goes as JSON, but for a text whose Content-Type the call sets to something else: it
/// goes as it is. A reply of any status is a reply: the node decides what 404 means. A JSON body is
/// parsed, other text is given as a string, an empty body as null; a stream is handed to the node
/// unread. Headers that hold credentials of the upstream's own (Set-Cookie) are left out. Errors of
/// `start`: invalid_argument (method, path, or a header or parameter that the service's credential
/// is written to). Of `resume`: upstream (malformed JSON, or neither JSON nor UTF-8 text: open that
/// as a stream), and whatever the call failed with.
std::unique_ptr<connector> open_http_service(std::shared_ptr<const service_options> service,
                                             http_operation operation, caller by);

} // namespace behalf
