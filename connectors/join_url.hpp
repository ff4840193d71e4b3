// Joins a service's base URL and the path a node gives, so that the result never leaves the base.
#pragma once

#include "behalf/error.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// "https://h/v1" and "/items?x=1" give "https://h/v1/items?x=1"; the query stays as it is, an
/// empty path gives the base. `base` has neither query nor fragment.
/// Error: invalid_argument for a path that names a scheme or host, has a `.` or `..` segment in
/// any spelling (%2e, %2f, backslash), a fragment, a bad escape, or a space, control or
/// non-ASCII byte (RFC 3986 3.3: those are written as escapes).
result<std::string> join_url(std::string_view base, std::string_view path);

} // namespace behalf
