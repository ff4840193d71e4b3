// Chat models of the configuration, asked from a node: the answer streams to the run's readers as
// it is made. Keys, retries and fallbacks are the configuration's; a node has only the model's
// name.
#pragma once

#include "behalf/context.hpp"
#include "behalf/messages.hpp"

#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// A tool as a model is told of it.
struct tool_definition {
  std::string name, description;
  json::object schema; // JSON Schema of its arguments, an object
};

/// What a model is asked.
struct chat_request {
  explicit chat_request(json::array all) : messages(std::move(all)) {}

  json::array messages;    // as a `messages` channel holds them
  std::string system = {}; // before them, and kept nowhere
  std::vector<tool_definition> tools = {};
  std::string tool_choice = "auto"; // none, auto, any, or the name of the one it must call
  json::object response_schema =
    {};                         // JSON Schema the answer must match, where the model can; {}: any
  json::object parameters = {}; // over those of the configuration: temperature, max_tokens, …
  bool shown = true;            // in the run's `messages` streams
};

/// Asks the model of that name in `models`, and gives its answer: an ai message, with its
/// `tool_calls`. Errors: not_found (no such model), denied of kind "needs_auth" (the user's own key
/// is missing), upstream (what the provider says; its kind tells), timeout.
///
///   chat_request question{state.list("messages")};
///   question.system = "You are brief.";
///   auto answer = co_await ask_model(ctx, "main", std::move(question));
coroutine<result<json::value>> ask_model(context ctx, std::string model, chat_request what);

} // namespace behalf
