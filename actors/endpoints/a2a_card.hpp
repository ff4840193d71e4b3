// What the A2A protocol's clients learn about an assistant before they talk to it.
#pragma once

#include "behalf/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

/// Whether the assistant takes text and files: its graph has `messages`.
bool takes_messages(const json::object& schemas);

/// The media types an assistant says it takes (`input_modes`) or answers (`output_modes`), in its
/// metadata under `a2a`; none when it says nothing.
std::vector<std::string> a2a_modes(const json::object& assistant, std::string_view key);

/// How callers prove who they are.
struct a2a_login {
  bool needed = false;
  std::vector<std::string> issuers; // of tokens
};

/// The agent card of an assistant, with the fields of protocol versions 0.3 and 1.0. `url`: where
/// it is called.
json::object a2a_card(const json::object& assistant, const json::object& schemas,
                      const std::string& url, const a2a_login& login);

} // namespace behalf::endpoints
