// Where a client may have us call when its run is over.
#pragma once

#include "actors/runs/webhook_options.hpp"
#include "runtime/http/net_guard.hpp"

#include <string_view>

namespace behalf::runs {

/// Refuses what is not to be called, as far as the URL alone tells; the addresses of its host are
/// judged when it is called. Error: invalid_argument, with a sentence for the client.
result<void> check_webhook(std::string_view url, const webhook_options& rules);

/// What the HTTP client may do for a call to this URL.
endpoint_policy policy_of(const checked_url& url, const webhook_options& rules);

} // namespace behalf::runs
