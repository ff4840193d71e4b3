// One HTTP call that we make for ourselves: to a secret store, or to a webhook. Unlike an
// outbound_call it holds secrets: its own credentials, its body and its reply. Everything that
// carries them is wiped.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/time.hpp"
#include "runtime/http/client.hpp"
#include "secrets/secret.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

struct secret_call {
  std::string method = "GET";
  std::string url;     // absolute
  header_list headers; // nothing secret
  std::vector<std::pair<std::string, secret_ptr>> secret_headers;
  std::shared_ptr<const wiped_string> body;  // null: none
  std::chrono::milliseconds timeout{10'000}; // for the whole call
  std::chrono::milliseconds delay{0};        // send it this much later: a retry
};

struct secret_reply {
  unsigned status = 0;
  header_list headers;
  std::shared_ptr<const wiped_string> body; // may be null when there was none
};

/// The call as runtime/http/client takes it. Redirects are not followed, `secret_reply` is set, the
/// reply is bounded to 1 MiB. `pool_key` keeps its connections apart from those of other parties.
/// Error: invalid_argument when a secret header's name or value cannot be sent.
result<wire_request> to_wire(const secret_call& call, const endpoint_policy& policy,
                             std::string pool_key);

/// What the client's answer to such a request means here; pass the request's `secret_reply`.
secret_reply from_wire(outbound_reply reply, std::shared_ptr<const wiped_string> body);

} // namespace behalf
