// What code outside this repository plugs in: graphs, tools, an authenticate handler, on handlers.
// A shared library says BEHALF_PLUGIN(registry) { … }; linked-in code fills a registry directly.
#pragma once

#include "behalf/auth.hpp"
#include "behalf/graph.hpp"
#include "behalf/handlers.hpp"
#include "behalf/tools.hpp"

#include <boost/version.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

struct registered_graph {
  std::string name, description;
  std::shared_ptr<const graph> flow;
  graph_factory make = {}; // instead of `flow`
};

/// What has been plugged in, from one library or many.
class plugin_registry {
public:
  /// A graph that failed to build, or a name that is taken, is a fault.
  void graph(result<std::shared_ptr<const behalf::graph>> made, std::string description = {});
  /// One graph for each configuration, served under this name.
  void graph(std::string name, graph_factory make, std::string description = {});
  /// For agents of the configuration: `tools: [{ function: NAME }]`.
  void tool(function_tool one);
  /// At most one.
  void authenticate(authenticate_fn handler);
  /// "threads.create", "threads", "*.create" or "*". At most one for each.
  void on(std::string key, on_handler handler);

  const std::vector<registered_graph>& graphs() const { return graphs_; }
  const std::vector<function_tool>& tools() const { return tools_; }
  const registered_graph* find(std::string_view name) const;
  const authenticate_fn& authenticate() const { return authenticate_; }
  const std::map<std::string, on_handler>& handlers() const { return handlers_; }
  /// What was refused, a sentence each.
  const std::vector<std::string>& faults() const { return faults_; }

private:
  void add(registered_graph one);

  std::vector<registered_graph> graphs_;
  std::vector<function_tool> tools_;
  authenticate_fn authenticate_;
  std::map<std::string, on_handler> handlers_;
  std::vector<std::string> faults_;
};

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
#ifdef __clang__ // which also says of itself that it is g++ 4
#define BEHALF_COMPILER "clang-" BEHALF_STRING_OF(__clang_major__)
#else
#define BEHALF_COMPILER "g++-" BEHALF_STRING_OF(__GNUC__)
#endif
#define BEHALF_ABI                                                                                 \
  BEHALF_COMPILER                                                                                  \
  "/cxx" BEHALF_STRING_OF(_GLIBCXX_USE_CXX11_ABI) "/boost-" BEHALF_STRING_OF(BOOST_VERSION)

// NOLINTBEGIN(bugprone-macro-parentheses): the parameter is a name.
/// Once in a shared library: BEHALF_PLUGIN(registry) { registry.graph(make_inbox()); }
#define BEHALF_PLUGIN(parameter)                                                                   \
  static void behalf_fill_registry(::behalf::plugin_registry&);                                    \
  extern "C" __attribute__((visibility("default"))) const ::behalf::plugin_card* behalf_plugin() { \
    static const ::behalf::plugin_card card{"behalf-plugin", BEHALF_VERSION, BEHALF_ABI,           \
                                            &behalf_fill_registry};                                \
    return &card;                                                                                  \
  }                                                                                                \
  static void behalf_fill_registry(::behalf::plugin_registry& parameter)
// NOLINTEND(bugprone-macro-parentheses)

} // namespace behalf
