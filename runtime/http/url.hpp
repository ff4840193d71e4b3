// Reading request targets: percent-decoding, path segments, query (RFC 3986, RFC 9112 3.2).
#pragma once

#include "behalf/error.hpp"
#include "runtime/http/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Decodes %XX, and '+' to a space where asked (queries and forms). Error: bad_request for an
/// escape that is cut short or not hexadecimal, for NUL, and for what is not UTF-8 when decoded.
result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

/// Keeps RFC 3986 unreserved characters, escapes all others.
std::string percent_encode(std::string_view text);

/// "a=1&b=x+y&a=2", also the body of an HTML form. A name without '=' has an empty value.
result<query_params> parse_query(std::string_view text);

/// Path and query of a request target in origin form ("/a/b?x=1"), absolute form
/// ("http://host/a/b?x=1") or asterisk form ("*": an empty path). Error: bad_request.
struct request_target {
  std::vector<std::string> path;
  query_params query;
};
result<request_target> parse_target(std::string_view target);

} // namespace behalf
