// How many records of one kind there may be.
#pragma once

#include <cstdint>

namespace behalf {

/// Of whoever made a record, and of a whole tenant; 0: any number.
struct quota {
  int64_t per_owner = 0, per_tenant = 0;
};

} // namespace behalf
