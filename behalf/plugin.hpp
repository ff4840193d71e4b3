// What code outside this repository plugs in: graphs, an authenticate handler, on handlers. A
// shared library says BEHALF_PLUGIN(registry) { … }; linked-in code fills a registry directly.
#pragma once

#include "behalf/handlers.hpp"
#include "behalf/outbound.hpp"
#include "behalf/wiped.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/messages.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

/// The request an authenticate handler judges. The secret fields are apart from the others.
struct auth_request {
  std::string method, path;
  std::string query;   // undecoded, without "?"
  header_list headers; // lower-case names
  wiped_string authorization, api_key, cookie;

  auth_request() = default;
  auth_request(const auth_request&) = delete;
  auth_request& operator=(const auth_request&) = delete;
  /// People put tokens into queries and fields of their own too: these are overwritten.
  ~auth_request();

  /// The token behind "Bearer "; empty when there is none.
  std::string_view bearer() const;
};

/// Who is asking. A refusal is an error instead: `fail(errc::unauthenticated, …)` is a 401,
/// `errc::denied` a 403; its headers are sent.
struct auth_answer {
  std::string identity;                                                  // required
  std::string display_name = {}, tenant = {}, issuer = {}, subject = {}; // empty: by default
  std::vector<std::string> permissions = {};
  json::object custom = {}; // extra fields of langgraph_auth_user: never a secret
  /// Sealed before anything else sees them: what custom shows under these names are handles.
  std::map<std::string, wiped_string> secret_fields = {};
};

/// Handed to an authenticate handler. Cheap to copy.
class auth_context {
public:
  explicit auth_context(std::shared_ptr<const auth_request> req) : request_(std::move(req)) {}

  const auth_request& request() const { return *request_; }
  /// One HTTP request to a configured service.
  awaiting<outbound_reply> fetch(outbound_call call) const {
    return awaiting<outbound_reply>{effect{std::move(call)}};
  }

  /// The same with the caller's own Authorization field: to an identity provider, say.
  awaiting<outbound_reply> fetch_as_caller(outbound_call call) const {
    call.handle.id = caller_handle;
    return fetch(std::move(call));
  }
  static constexpr std::string_view caller_handle = "$caller";

private:
  std::shared_ptr<const auth_request> request_;
};

/// Called from several threads at once. It may block: then it is given turns on threads for that.
using authenticate_fn = std::function<task<result<auth_answer>>(auth_context)>;

struct registered_graph {
  std::string name, description;
  std::shared_ptr<const graph> flow;
};

/// What has been plugged in, from one library or many.
class plugin_registry {
public:
  /// A graph that failed to build, or a name that is taken, is a fault.
  void graph(result<std::shared_ptr<const behalf::graph>> made, std::string description = {});
  /// At most one.
  void authenticate(authenticate_fn handler);
  /// "threads.create", "threads", "*.create" or "*". At most one for each.
  void on(std::string key, on_handler handler);

  const std::vector<registered_graph>& graphs() const { return graphs_; }
  const behalf::graph* find(std::string_view name) const;
  const authenticate_fn& authenticate() const { return authenticate_; }
  const std::map<std::string, on_handler>& handlers() const { return handlers_; }
  /// What was refused, a sentence each.
  const std::vector<std::string>& faults() const { return faults_; }

private:
  std::vector<registered_graph> graphs_;
  authenticate_fn authenticate_;
  std::map<std::string, on_handler> handlers_;
  std::vector<std::string> faults_;
};

/// Loads a shared library and lets it fill `into`. It stays loaded until the process ends.
/// Error: invalid_argument naming the file: it cannot be loaded, is no plugin, was built for
/// another version or by another compiler, or registered something refused.
result<void> load_plugin(const std::string& path, plugin_registry& into);

/// What a library tells before any C++ object crosses the border. The layout never changes.
struct plugin_card {
  const char* magic;   // "behalf-plugin"
  const char* version; // of behalf, as the plugin was built with
  const char* abi;     // compiler and library settings that must agree
  void (*fill)(plugin_registry&);
};

/// Compiler, C++ standard and library ABI of the including translation unit.
#define BEHALF_STRING_OF_(x) #x
#define BEHALF_STRING_OF(x) BEHALF_STRING_OF_(x)
#define BEHALF_ABI                                                                                 \
  "g++-" BEHALF_STRING_OF(__GNUC__) "/cxx" BEHALF_STRING_OF(                                       \
    _GLIBCXX_USE_CXX11_ABI) "/boost-" BEHALF_STRING_OF(BOOST_VERSION)

/// Once in a shared library: BEHALF_PLUGIN(registry) { registry.graph(make_inbox()); }
#define BEHALF_PLUGIN(parameter)                                                                   \
  static void behalf_fill_registry(::behalf::plugin_registry&);                                    \
  extern "C" __attribute__((visibility("default"))) const ::behalf::plugin_card* behalf_plugin() { \
    static const ::behalf::plugin_card card{"behalf-plugin", BEHALF_VERSION, BEHALF_ABI,           \
                                            &behalf_fill_registry};                                \
    return &card;                                                                                  \
  }                                                                                                \
  static void behalf_fill_registry(::behalf::plugin_registry& parameter)

} // namespace behalf
