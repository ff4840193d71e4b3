// The configuration of one external service: its address, its credential, and the bounds of calls.
#pragma once

#include "runtime/http/credential_rule.hpp"
#include "runtime/http/net_guard.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

enum class service_type : uint8_t {
  http, // any HTTP API
  mcp,  // an MCP server over Streamable HTTP
};

/// Where the credential of a call comes from.
enum class credential_source : uint8_t {
  none,      // the service takes none
  secrets,   // the user's entry in the secret store
  principal, // a field of the principal that the authentication handler marked secret
  server,    // the operator's own, the same for every user
};

struct credential_options {
  credential_source from = credential_source::none;
  std::string name; // of the entry or field; empty: the service's name
  credential_rule inject;
  std::string store = {}; // which secret store has the entry; empty: the standard one
};

/// The embeddings endpoint of the store's index: a service of the server's own.
inline constexpr std::string_view embeddings_service = "store-index";

/// The service behind a chat model of the configuration.
inline std::string model_service(std::string_view model) {
  return "model-" + std::string(model);
}

struct service_options {
  std::string name; // letters, digits, '-' and '_'
  service_type type = service_type::http;
  std::string url; // http: the base of all paths; mcp: the server's endpoint
  credential_options credential;
  std::vector<std::string> hosts;            // further origins that calls of plugins may reach
  bool allow_private = false;                // loopback and private networks
  bool allow_http = false;                   // http:// at all
  std::chrono::milliseconds timeout{30'000}; // to the reply's head, and between chunks
  std::size_t max_reply_bytes = 10u << 20;   // of a body that is not streamed to the node
  std::size_t max_concurrent = 32;           // calls under way per host; more wait their turn
  std::size_t calls_per_minute = 0;          // per host; more wait their turn. 0: no limit
  bool whole_answers = false;                // a call is under way until its stream was read
  std::vector<std::string> tools;            // mcp: only these; empty: all
  bool own = false;                          // the server's: no node can name it
  /// To the end of a streamed reply; 0: none.
  std::chrono::milliseconds total_timeout{0};

  /// Error: invalid_argument with a sentence that begins with the wrong key ("url: …").
  result<void> validate() const;

  /// Where calls may go: the origin of `url`, and `hosts`. Error: as validate.
  result<endpoint_policy> policy() const;

  /// The credential's name in its source; empty when there is no credential.
  std::string_view credential_name() const;

  bool takes_credential() const { return credential.from != credential_source::none; }
  bool allows_tool(std::string_view tool) const;
};

} // namespace behalf
