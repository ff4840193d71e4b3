// What the HTTP client needs of a credential: to write it into the request and to scrub it from the
// reply. Implemented in secrets/; the client never sees the bytes as text.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/base/scrub.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace behalf {

/// Of a reply's body.
class reply_scrubber : public stream_scrubber {
public:
  /// The same for header fields and decoded values. Null when nothing of the reply is passed on.
  virtual std::shared_ptr<const text_scrubber> for_texts() const { return nullptr; }
};

/// One redeemed credential. Must be safe to use from any thread; the client drops it as soon as
/// the reply has been read.
class credential_writer {
public:
  virtual ~credential_writer() = default;

  /// Appends whole header lines, each `Name: value\r\n`. The client refuses a blank line, control
  /// bytes, and the headers that frame a message.
  virtual void write_head(wiped_string& head) const = 0;

  /// Appends to the request target ("?key=…" or "&key=…"); `target` holds it, query included.
  virtual void write_target(wiped_string& target) const { (void)target; }

  /// For one reply.
  virtual std::unique_ptr<reply_scrubber> scrubber() const = 0;
};

} // namespace behalf
