// What a run comes to, as the result of a tool's call.
#pragma once

#include "actors/endpoints/mcp_message.hpp"
#include "runtime/net/event_stream.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace behalf::endpoints {

/// Reads a run's event stream (its result, and for progress updates and custom events), or its
/// result alone.
class mcp_outcome {
public:
  /// What a run that is waited for answers.
  void take_result(std::string text);

  /// How far the run is, where the event tells that: {progress, total, message}. Each is further
  /// than the one before. A graph that writes such objects itself is believed; of one that does not
  /// the finished steps are counted.
  std::optional<json::object> take(stream_event& event);

  /// Bytes it holds.
  std::size_t held() const { return values_.size() + failure_.size(); }

  /// The whole answer to the call: text for models, and the same as structured content. A run that
  /// failed, or that stopped with a question, is a tool's error, which models can read.
  std::string answer_to(const mcp_message& call) const;

private:
  std::optional<json::object> own_progress(const json::value& written);
  std::optional<json::object> step_done(const json::value& update);

  std::string values_;  // the newest, as JSON text
  std::string failure_; // as text for people
  double progress_ = -1;
  int64_t steps_ = 0;
  bool told_by_graph_ = false;
};

} // namespace behalf::endpoints
