// Errors as values: why something failed, in one type, with one HTTP status each.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// Why something failed. Each value maps to exactly one HTTP status (`http_status`).
enum class errc : uint8_t {
  bad_request = 1,   // 400
  unauthenticated,   // 401
  denied,            // 403
  not_found,         // 404
  method,            // 405
  conflict,          // 409
  too_large,         // 413
  invalid_argument,  // 422
  too_many,          // 429
  headers_too_large, // 431
  internal,          // 500
  upstream,          // 502
  overloaded,        // 503
  timeout,           // 504
  slow_request,      // 408
};

/// A code for programs to branch on and a sentence for people. Never holds a secret.
/// `headers` go out with the HTTP answer (WWW-Authenticate, Retry-After, Allow).
/// `kind` names the failure for graphs and SDKs where a class name is expected
/// ("ValueError", "GraphRecursionError"); empty when the code says enough.
struct error {
  errc code = errc::internal;
  std::string message;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string kind = {};
};

/// A T, or why there is none. `*r` and `r->` of an error throw it, as `r.value()` does.
template <class T>
class result : public boost::system::result<T, behalf::error> {
  using base = boost::system::result<T, behalf::error>;

public:
  using base::base;

  T& operator*() & { return this->value(); }
  const T& operator*() const& { return this->value(); }
  decltype(auto) operator*() && { return std::move(*this).value(); }
  void operator*() const&& = delete;
  T* operator->() { return &this->value(); }
  const T* operator->() const { return &this->value(); }
};
template <>
class result<void> : public boost::system::result<void, behalf::error> {
  using base = boost::system::result<void, behalf::error>;

public:
  using base::base;
};

inline error fail(errc code, std::string message) {
  return {code, std::move(message)};
}

inline error fail(errc code, std::string message, std::string header, std::string value) {
  return {code, std::move(message), {{std::move(header), std::move(value)}}};
}

constexpr unsigned http_status(errc code) {
  switch (code) {
  case errc::bad_request:
    return 400;
  case errc::unauthenticated:
    return 401;
  case errc::denied:
    return 403;
  case errc::not_found:
    return 404;
  case errc::method:
    return 405;
  case errc::conflict:
    return 409;
  case errc::too_large:
    return 413;
  case errc::invalid_argument:
    return 422;
  case errc::too_many:
    return 429;
  case errc::headers_too_large:
    return 431;
  case errc::internal:
    return 500;
  case errc::upstream:
    return 502;
  case errc::overloaded:
    return 503;
  case errc::timeout:
    return 504;
  case errc::slow_request:
    return 408;
  }
  return 500;
}

/// What `value()`, `*r` and `r->` of a result throw when there is an error: the run of a node that
/// lets it pass ends with that error.
class error_thrown : public std::logic_error {
public:
  explicit error_thrown(error e) : std::logic_error(e.message), why(std::move(e)) {}
  error why;
};

// boost::system::result calls this.
[[noreturn]] inline void throw_exception_from_error(const error& e, const boost::source_location&) {
  throw error_thrown(e);
}

} // namespace behalf
