// How tests give a reply to a scrubber.
#pragma once

#include "behalf/outbound.hpp"

#include <string>
#include <string_view>

namespace behalf::testing {

/// What comes out, fed in pieces of `step` bytes; 0: at once.
inline std::string fed(reply_scrubber& through, std::string_view reply, std::size_t step = 0) {
  std::string out;
  while (step != 0 && reply.size() > step) {
    through.feed(reply.substr(0, step), out);
    reply.remove_prefix(step);
  }
  through.feed(reply, out);
  through.finish(out);
  return out;
}

} // namespace behalf::testing
