// Operations of the Agent Server API that this server does not have yet.
#pragma once

#include "runtime/http/router.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace behalf::endpoints {

struct missing_operation {
  verb method;
  std::string_view pattern;
  std::string why; // a sentence: that it is missing, and what to do instead
};

/// Says that the operation the request asks for is missing, and what to do instead; nullopt when
/// the API has no such operation.
std::optional<std::string> missing_operation_at(const http_request& req);

/// For tests: none of them may be served.
const router<missing_operation>& missing_routes();

} // namespace behalf::endpoints
