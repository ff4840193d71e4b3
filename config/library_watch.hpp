// `behalf dev --watch`: which libraries were rebuilt since they were loaded.
#pragma once

#include "behalf/error.hpp"
#include "config/file_watch.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// Libraries are loaded from copies, so that a compiler can write over them while they run. What
/// was loaded stays so until the process ends, for old runs use it: hence a bound on the copies.
class library_watch {
public:
  static constexpr std::size_t most_copies = 500;

  /// Copies go below `folder`; those of processes that have ended are removed.
  library_watch(const std::vector<std::string>& files, std::string folder);

  /// The copy to load for a file: a new one when the file is another than at the last time.
  /// Error: invalid_argument: it is not there, or changed meanwhile; overloaded: too many copies.
  result<std::string> copy_of(const std::string& file);

  /// The files that changed since their copy was made, and did not since the last call: whoever
  /// writes them is done. Called about once a second.
  std::vector<std::string> rebuilt();

private:
  struct watched {
    std::optional<file_stamp> loaded, seen;
    std::string copy;
  };

  std::map<std::string, watched> files_;
  std::string folder_;
  std::size_t copies_ = 0;
};

} // namespace behalf
