// Reading request targets: path segments and query (RFC 3986, RFC 9112 3.2).
#pragma once

#include "behalf/error.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// Decoded query parameters in the order sent; a name may come several times.
class query_params {
public:
  using list = std::vector<std::pair<std::string, std::string>>;

  query_params() = default;
  explicit query_params(list pairs) : pairs_(std::move(pairs)) {}

  /// The first value of that name, or nullptr.
  const std::string* find(std::string_view name) const;
  /// Every value of that name, in order.
  std::vector<std::string> all(std::string_view name) const;

  const list& pairs() const { return pairs_; }
  void wipe() noexcept;
  bool empty() const { return pairs_.empty(); }

private:
  list pairs_;
};

/// "a=1&b=x+y&a=2", also the body of an HTML form. A name without '=' has an empty value.
result<query_params> parse_query(std::string_view text);

/// Path and query of a request target in origin form ("/a/b?x=1"), absolute form
/// ("http://host/a/b?x=1") or asterisk form ("*": an empty path). Error: bad_request.
struct request_target {
  std::string authority; // of an absolute form: it counts, not what Host says
  std::vector<std::string> path;
  query_params query;
};
result<request_target> parse_target(std::string_view target);

/// What follows the authority of an absolute form; the target itself for others.
std::string_view without_authority(std::string_view target);

} // namespace behalf
