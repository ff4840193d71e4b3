// What a run asks of the person at a terminal, and that person's answers in the words of the API.
#pragma once

#include "behalf/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// A tool call that waits for a decision.
struct asked_action {
  std::string name;
  json::object args;
  std::string description;
  std::vector<std::string> allowed; // of approve, edit, reject, respond
};

/// One interrupt of a run.
struct chat_question {
  /// How its decisions are sent: as {"decisions": […]}; the same as JavaScript graphs spell it; the
  /// decision alone.
  enum class form { batch, camel_batch, single };

  std::string id; // of the interrupt; may be empty
  json::value value;
  std::vector<asked_action> actions; // empty: it is no approval, and any value answers
  form answer_form = form::batch;
};

/// Reads {"value", "id"}: a HITLRequest, a `tool_approval`, or anything else.
chat_question read_question(const json::object& interrupt);

/// What a question waits for, on one line: "an approval of send {…}", "an answer to …".
std::string in_short(const chat_question& question);

/// The action as lines of printable text: name, all arguments, description.
std::string show_action(const asked_action& action);

/// "approve, edit {JSON}, reject [why] or respond TEXT", as far as they are allowed; "your answer,
/// or reject [why]" where there is nothing to approve.
std::string choices(const asked_action& action);

/// The decision that a line says: a, approve; e, edit {JSON}; r, reject [why]; respond TEXT. Where
/// there is nothing to approve, any other line is the response, and the short forms are, too.
/// Error: invalid_argument with a sentence that says what is possible.
result<json::object> read_decision(std::string_view line, const asked_action& action,
                                   chat_question::form form);

/// The answer to a question that is no approval: JSON if it is, else the text.
json::value read_answer(std::string_view line);

/// The value that resumes one interrupt, of one decision per action.
json::value resume_of(const chat_question& question, json::array decisions);

/// `command.resume` of all the interrupts of a run: the value of one alone, else by their ids.
json::value resume_all(const std::vector<chat_question>& questions, json::array values);

} // namespace behalf
