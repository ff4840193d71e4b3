// Streams say the same around each piece of text: it is read as JSON once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// Recognises an event that is, byte for byte, one that was read before, but for its text. Noise
/// that providers add to hide lengths ("obfuscation" and the like) may differ, too.
class repeated_event {
public:
  /// `data` was read, and all it said was `text`: the one member named `key`, a string.
  void learn(std::string_view data, std::string_view key, std::string_view text);

  /// The text of an event that differs from the learned one in nothing else; nullopt: it has to be
  /// read. Costs what the event is long.
  std::optional<std::string> text_of(std::string_view data) const;

private:
  std::string before_, between_, after_; // the text, and the noise behind it
  bool noise_ = false;
};

} // namespace behalf
