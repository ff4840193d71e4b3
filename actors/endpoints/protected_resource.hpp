// Where clients that were never told get a token for this server: OAuth 2.0 Protected Resource
// Metadata (RFC 9728), which clients of the Model Context Protocol look for.
#pragma once

#include "actors/endpoints/request.hpp"

#include <string_view>

namespace behalf::endpoints {

constexpr std::string_view mcp_path = "/mcp";

/// Answers the metadata of the resource at a path. 404 where no issuer of tokens is known.
void describe_resource(request_pointer self, std::string_view path);

/// The error with a challenge that says where the metadata is, if the request is for a resource
/// that has some.
error with_resource_metadata(request_pointer self, const error& why);

} // namespace behalf::endpoints
