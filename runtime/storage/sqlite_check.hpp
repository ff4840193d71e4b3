// Looks through a whole database for what is damaged, and takes damaged records out of it.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace behalf {

struct storage_check {
  int64_t records = 0;             // looked at
  std::vector<std::string> faults; // one sentence each; empty: all is well
  bool pages_damaged = false;      // no record can mend that: a backup can
  int64_t set_aside = 0;
};

enum class damaged_records : uint8_t {
  report,
  set_aside, // moves them to the table `set_aside`; no server may use the file meanwhile
};

/// Checks pages, indexes, references and every record. Reading may go on beside a server. Error:
/// internal when the file cannot be opened or is not ours.
result<storage_check> check_sqlite(const std::string& path, damaged_records what);

} // namespace behalf
