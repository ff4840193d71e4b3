// A run as a task of the A2A protocol, worded as a version of the protocol has it.
#pragma once

#include "behalf/json.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace behalf::endpoints {

/// Clients of 0.3 call `message/send`, those of 1.0 `SendMessage`; answers differ in form.
enum class a2a_version : uint8_t { v03, v10 };

enum class a2a_state : uint8_t {
  submitted,
  working,
  input_required,
  completed,
  canceled,
  failed,
};

/// No message can be sent to it any more.
bool is_over(a2a_state state);

/// The state that a run's status means. One that has stopped for an answer is a success.
a2a_state a2a_state_of(std::string_view run_status);

/// The state that either version calls so.
std::optional<a2a_state> a2a_state_named(std::string_view name);
/// Whether the protocol has a state of that name that no task here is ever in.
bool is_unused_a2a_state(std::string_view name);

struct a2a_task {
  std::string id, context_id;
  a2a_state state = a2a_state::submitted;
  std::string at; // when it came to that state
  std::string run_id;
  json::object values;    // of the graph
  json::array interrupts; // {id, value} of each question
  std::string problem;    // why it failed
};

class a2a_words {
public:
  explicit a2a_words(a2a_version version) : version_(version) {}

  /// The task. `history_length`: how many of the context's messages, the newest; all by default.
  json::object task(const a2a_task& of, std::optional<int64_t> history_length) const;
  /// A task that has just begun: its history is the message sent, if that is known.
  json::object begun(const a2a_task& of, json::object said) const;
  /// The message as the client sent it, with its place.
  json::object sent(const a2a_task& of, std::string_view id, bool of_user, json::array parts) const;

  /// What a stream tells: that the task goes on or, `last`, is over or waits.
  json::object status_update(const a2a_task& of, bool last) const;
  /// What an agent says so far; nothing when clients are not to see the message.
  std::optional<json::object> said_update(const a2a_task& of, const json::object& message) const;
  /// The task's outcome, or its questions; nothing when it has neither.
  std::optional<json::object> artifact_update(const a2a_task& of) const;

  /// A task as the result of a call, or as an event of a stream.
  json::object as_event(json::object task) const;
  std::string state_name(a2a_state state) const;

private:
  bool is_10() const { return version_ == a2a_version::v10; }
  json::object text_part(std::string_view text) const;
  json::object data_part(json::value data) const;
  std::optional<json::object> file_part(const json::object& block) const;
  json::array parts_of(const json::value& content) const;
  std::optional<json::object> message_of(const a2a_task& of, const json::object& message) const;
  json::object agent_message(const a2a_task& of, std::string_view id, json::array parts) const;
  json::array history_of(const a2a_task& of, std::optional<int64_t> length) const;
  json::array response_of(const a2a_task& of) const;
  json::array questions_of(const a2a_task& of) const;
  std::optional<json::object> artifact_of(const a2a_task& of) const;
  json::object status_of(const a2a_task& of) const;
  json::object update_of(const a2a_task& of, std::string_view kind, json::object what) const;

  a2a_version version_;
};

} // namespace behalf::endpoints
