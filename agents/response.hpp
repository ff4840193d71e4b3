// The form that an agent's answer must have: its provider holds the model to it, or the model
// answers by calling a tool. Either way it is checked here.
#pragma once

#include "agents/models/model_options.hpp"
#include "agents/tools/tool_list.hpp"
#include "behalf/agent.hpp"
#include "behalf/chat_model.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// What an answer is, held against its form.
struct response_verdict {
  std::optional<json::object> response; // it has the form
  json::array told = {};                // messages that follow the answer
  std::string wrong = {};               // a sentence; empty: it is right, or no answer yet
};

/// One turn's. The same form, model and tools give the same tool.
class response_form {
public:
  response_form(const response_options& form, std::string_view model, const model_directory* models,
                const std::vector<agent_tool>& tools);

  void ask_for_it(chat_request& question) const;
  response_verdict judge(const json::value& answer) const;
  /// Calls of it are answers, and no tool's.
  bool is_tool(std::string_view name) const { return !tool_.empty() && name == tool_; }

private:
  response_verdict judge_text(const json::value& answer) const;
  response_verdict judge_calls(const json::value& answer) const;

  const response_options& form_;
  std::string tool_; // empty: the provider sees to the form
};

} // namespace behalf
