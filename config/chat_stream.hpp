// What a terminal shows of a run: its event stream as pieces of text. What models, tools and
// servers say is hostile; nothing leaves here that could steer a terminal.
#pragma once

#include "behalf/json.hpp"
#include "runtime/net/event_stream.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// The text without what a terminal would obey instead of show: control characters but line feed
/// and tab, marks that turn the direction of writing, invisible tags. Bytes that are not UTF-8
/// become U+FFFD.
std::string printable(std::string_view text);

/// JSON on one line, with the same characters as \uXXXX: what a person decides on hides nothing.
std::string printable_json(const json::value& v);

/// On one line, cut to a length that is glanced at.
std::string glance(std::string_view text);

enum class chat_kind : uint8_t {
  text,      // the assistant's words, a part of them
  reasoning, // what it thinks, a part
  tool,      // a call, its result, or what the server says about them: one line
};

struct chat_piece {
  chat_kind kind;
  std::string text;    // printable
  bool begins = false; // of another message than the piece before
};

/// What a whole message shows: of an ai message or a tool's; nothing of others.
std::vector<chat_piece> pieces_of(const json::object& message);

/// Its words alone, not yet printable.
std::string words_of(const json::object& message);

/// Reads the stream of one run with the modes `messages-tuple`, `updates` and `custom`.
class chat_reader {
public:
  /// What this event adds. Events that are not understood add nothing.
  std::vector<chat_piece> read(const stream_event& event);

  /// The run is over: calls whose end was not streamed.
  std::vector<chat_piece> finish() { return take_calls(); }

  const std::string& run_id() const { return run_id_; } // empty: not known yet
  /// The words of the last ai message that had any, at most 16 MB, not yet printable.
  const std::string& answer() const { return answer_; }
  /// Why the run failed, printable; empty: it did not.
  const std::string& failure() const { return failure_; }
  /// What the run waits for, each {"value", "id"}.
  const json::array& interrupts() const { return interrupts_; }

private:
  struct call {
    std::string message, name, args; // args: the beginning, as it is streamed
    int64_t index = 0;
  };

  std::vector<chat_piece> read_message(const json::object& message);
  void read_updates(const json::object& updates);
  void add_calls(const json::object& chunk);
  std::vector<chat_piece> take_calls();
  std::vector<chat_piece> take_back(std::string_view id);
  void note_words(std::string_view id, std::string_view words);

  std::string run_id_, answer_, answer_of_, last_, failure_;
  json::array interrupts_;
  std::vector<call> calls_;
};

} // namespace behalf
