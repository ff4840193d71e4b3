// What a thread's checkpoints take in the storage.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace behalf {

/// Bytes are of JSON text, about: keys, indices and pages are not counted.
struct thread_sizes {
  struct part {
    int64_t count = 0, bytes = 0;
  };
  part checkpoints; // without the two below
  part pending;     // what tasks came to before their step was complete
  std::map<std::string, part, std::less<>> channels = {}; // what checkpoints say of each
  int64_t bytes = 0;                                      // of all

  /// The checkpoint measured last, by `ns`, then id; empty: none yet.
  std::string ns = {}, id = {};
  bool complete = false;
};

} // namespace behalf
