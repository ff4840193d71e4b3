// What a person may hook into the server: the shape of an `on` handler, shared by the rules written
// in the configuration and by those of a plugin.
#pragma once

#include "behalf/json.hpp"
#include "behalf/principal.hpp"

#include <functional>
#include <string_view>
#include <variant>

namespace behalf {

/// Who wants to do what. Valid during the call only.
struct on_context {
  const principal& who;      // its `permissions` are the scopes of the request
  std::string_view resource; // "threads", "assistants", "crons", "store"
  std::string_view action;   // "create", "read", "create_run", "put", …

  on_context(const principal& p, std::string_view r, std::string_view a)
    : who(p), resource(r), action(a) {}
  on_context(const principal&&, std::string_view, std::string_view) = delete;
};

/// nothing or true: allowed; false: 403 `Forbidden`; an object: allowed, on what this filter
/// matches (`filter::parse`; {} restricts nothing); an error: its status, message and headers.
using on_answer = std::variant<std::monostate, bool, json::object, error>;

/// `value` is what is about to be read or written (docs/reference/graph-api.md says its shape).
/// What the handler changes in it is what happens: `metadata.owner` set here is stored. Called from
/// several threads at once and must not block; an exception denies.
using on_handler = std::function<on_answer(const on_context&, json::object& value)>;

} // namespace behalf
