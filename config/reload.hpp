// A configuration that was read again, beside the one a server runs by.
#pragma once

#include "config/config.hpp"

#include <string>
#include <vector>

namespace behalf {

struct config_change {
  std::string key;
  bool live = false; // holds at once; else after a restart
};

/// Every key that says something else now, in the order of their names.
std::vector<config_change> changes(const config_places& before, const config_places& after);

/// What a server runs by that took over of `after` what holds at once: to compare the next one
/// with. So a key that needs a restart is told each time, until there was one or it is as it was.
config_places taken_over(const config_places& before, config_places after);

/// What the file had and has no more, as it was cut off, say: "the file", when nothing stands in
/// it, or a whole section without which more would be allowed, or agents be gone. Empty: nothing.
std::string lost(const config_places& before, const config_places& after);

/// Whether, of what holds at once, who callers are or how much they may ask for is said otherwise:
/// then known tokens are checked anew and rates are counted from nothing.
bool concern_callers(const std::vector<config_change>& changed);

} // namespace behalf
