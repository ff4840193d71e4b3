// The route table: which of many {method, pattern} pairs a request is for.
#pragma once

#include "runtime/http/request.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// The values of a pattern's {names}. Views into the table and the request's path.
class path_params {
public:
  void add(std::string_view name, std::string_view value) { pairs_.emplace_back(name, value); }
  /// The value, or an empty view when the pattern has no such name.
  std::string_view operator[](std::string_view name) const;
  std::size_t size() const { return pairs_.size(); }

private:
  std::vector<std::pair<std::string_view, std::string_view>> pairs_;
};

/// What became of a request's method and path; valid as long as both live.
struct route_match {
  enum class outcome : uint8_t {
    found,      // `index` and `params`
    not_found,  // 404
    bad_method, // 405; `allow` is the value of the Allow field
    redirect,   // 307; the same path without its trailing slash is a route
  };
  outcome is = outcome::not_found;
  std::size_t index = 0; // in the order the routes were added
  path_params params;
  std::string allow;
};

/// A tree of path segments. A literal segment beats a parameter; HEAD finds GET routes; the time
/// to find one depends on the number of segments, not of routes. Immutable while in use.
class route_table {
public:
  route_table();
  route_table(route_table&&) noexcept;
  route_table& operator=(route_table&&) noexcept;
  ~route_table();

  /// Adds "/threads/{thread_id}/runs" for a method; returns its index. A malformed pattern, or
  /// one that is there already, is a bug in the program: throws std::logic_error.
  std::size_t add(verb method, std::string_view pattern);

  /// `path`: decoded segments as in http_request.
  route_match find(verb method, const std::vector<std::string>& path) const;
  route_match find(verb method, const std::vector<std::string>&& path) const = delete;

private:
  struct node;
  std::unique_ptr<node> root_;
  std::vector<std::vector<std::string>> names_; // of each route's parameters
};

/// A route table that keeps something beside each route: its action and endpoint.
template <class Payload>
class router {
public:
  void add(verb method, std::string_view pattern, Payload payload) {
    table_.add(method, pattern);
    payloads_.push_back(std::move(payload));
  }
  route_match find(const http_request& req) const { return table_.find(req.method, req.path); }
  route_match find(const http_request&& req) const = delete;
  const Payload& operator[](std::size_t index) const { return payloads_[index]; }
  const std::vector<Payload>& payloads() const { return payloads_; }

private:
  route_table table_;
  std::vector<Payload> payloads_;
};

/// Where a trailing slash is redirected to: absolute, slash-less, with the query.
std::string slashless_location(const http_request& req, std::string_view public_url);

} // namespace behalf
