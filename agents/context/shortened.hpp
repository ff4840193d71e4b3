// What a model is shown of a conversation that became long. The conversation itself stays whole.
#pragma once

#include "behalf/agent.hpp"
#include "behalf/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// How a conversation is shown from one shortening to the next, as a private channel keeps it:
/// {"after": id of the last message left out, "instead": text, "cleared": id of the last message
/// whose tool results are left out, "seen": id of the last message there was then}. With nothing
/// changed between two turns the second is shown what the first was, and more at its end: caches
/// of prompts and replayed thinking stay valid.
class shortened {
public:
  /// Both stay, unchanged, while this is used. `kept`: {} or what `kept()` gave.
  shortened(const json::array& messages, json::object kept);

  /// What the model is shown. Of answers from before a shortening it gets no thinking back: its
  /// provider would refuse it behind another beginning.
  json::array shown() const;

  /// Tokens of the next question: as counted for the last answer, and four bytes each for what came
  /// since, the question's tools and prompt not counted before there is an answer.
  int64_t tokens() const;

  /// Empties all results of tools but the last `keep`. False: there were no others.
  bool clear_results(std::size_t keep);

  /// Where the part ends that can be left out, so that what stays is at most 20 messages and
  /// `most_tokens`, and no call is parted from its result. nullopt: there is none.
  std::optional<std::size_t> cut(int64_t most_tokens) const;
  /// What stands before the cut, for a model to summarise; at most `most_bytes`, the oldest is left
  /// out first.
  std::string transcript(std::size_t cut, std::size_t most_bytes) const;
  void leave_out(std::size_t cut, std::string_view instead);

  const json::object& kept() const { return kept_; }

private:
  std::optional<std::size_t> place_of(std::string_view key) const;
  void note_change();

  const json::array& messages_;
  json::object kept_;
  std::size_t begin_ = 0;     // of what is shown
  std::size_t cleared_ = 0;   // results before it are
  std::size_t unchanged_ = 0; // answers from here on were given to what is shown
};

} // namespace behalf
