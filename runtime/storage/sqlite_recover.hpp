// Saves what can be read of a database with damaged pages.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace behalf {

struct storage_recovery {
  int64_t records = 0;             // copied
  std::vector<std::string> faults; // what was left behind, one sentence each
};

/// Copies every record that can be read into a new file, and files it there anew; `from` is not
/// changed. What cannot stand without a record that is lost stays behind too: runs and checkpoints
/// of a lost thread, checkpoints that build upon a lost one. No server may use `from` meanwhile.
/// Error: internal when `to` exists or cannot be written, or `from` is not ours or tells nothing.
result<storage_recovery> recover_sqlite(const std::string& from, const std::string& to);

} // namespace behalf
