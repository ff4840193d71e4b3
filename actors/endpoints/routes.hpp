// The route table: every operation of the API, who may call it, and its functions.
#pragma once

#include "actors/endpoints/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

/// Who may call a route. There is no default: a route without one does not compile.
struct access {
  enum class level : uint8_t { open, authenticated, checked } is;
  std::string_view resource, action;

  /// Anyone: health, description, login.
  static constexpr access open() { return {level::open, {}, {}}; }
  /// Anyone who is authenticated: made into requests of other routes, and each of them is decided.
  static constexpr access of_each() { return {level::authenticated, {}, {}}; }
  /// The authorization handlers decide on (resource, action).
  static consteval access to(std::string_view resource, std::string_view action) {
    return {level::checked, resource, action};
  }
};

/// Reads the request and returns the value that authorization handlers see and may change. Called
/// after authentication.
using prepare_fn = result<json::object> (*)(request_pointer);
using endpoint_fn = void (*)(request_pointer);

struct route {
  verb method;
  std::string_view pattern;
  access who;
  prepare_fn prepare;
  endpoint_fn run;
  std::string_view summary;
  /// The fields of the prepared value that `run` reads from the grant. Handlers must leave all
  /// others as they are.
  std::vector<std::string_view> may_change = {};
};

/// One list per API resource; `all_routes` joins them.
std::vector<route> system_routes();
std::vector<route> assistant_routes();
std::vector<route> assistant_version_routes();
std::vector<route> assistant_graph_routes();
std::vector<route> thread_routes();
std::vector<route> state_update_routes();
std::vector<route> thread_upkeep_routes();
std::vector<route> thread_stream_routes();
std::vector<route> run_routes();
std::vector<route> run_end_routes();
std::vector<route> cron_routes();
std::vector<route> item_routes();
std::vector<route> usage_routes();
std::vector<route> mcp_routes();
std::vector<route> a2a_routes();
std::vector<route> issuer_routes();

const router<route>& all_routes();

} // namespace behalf::endpoints
