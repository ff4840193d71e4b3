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

} // namespace behalf
