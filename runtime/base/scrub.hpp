// Takes a credential out of what has been decoded: texts, JSON, header fields, errors.
#pragma once

#include "runtime/base/json.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// Takes one credential out of one text that comes in pieces.
class stream_scrubber {
public:
  virtual ~stream_scrubber() = default;

  /// Appends `bytes` to `out` with every form of the credential replaced by "[redacted]". What
  /// may be the beginning of one is held back for the next call.
  virtual void feed(std::string_view bytes, std::string& out) = 0;

  /// The text has ended: appends what was held back. The next feed() begins another one.
  virtual void finish(std::string& out) = 0;
};

/// Knows one credential. Thread-safe.
class text_scrubber {
public:
  virtual ~text_scrubber() = default;

  /// For a text that comes in pieces.
  virtual std::unique_ptr<stream_scrubber> in_pieces() const = 0;

  /// The text with "[redacted]" in place of every form of the credential; nullopt when it has none.
  virtual std::optional<std::string> scrubbed(std::string_view text) const = 0;
};

void scrub(std::string& text, const text_scrubber& of);
/// Every string and every key. Of keys that become equal the last one's value stays.
void scrub(json::value& value, const text_scrubber& of);
/// Names and values.
void scrub(std::vector<std::pair<std::string, std::string>>& headers, const text_scrubber& of);
/// Its sentence and its headers.
void scrub(error& why, const text_scrubber& of);

} // namespace behalf
