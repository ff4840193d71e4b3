// `behalf dev --watch`: whether files were written since they were read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// By what a file that was written is told from what it was.
struct file_stamp {
  int64_t seconds, nanoseconds, bytes;
  uint64_t inode;
  bool operator==(const file_stamp&) const = default;
};
/// Nothing: it is not there.
std::optional<file_stamp> stamp_of(const std::string& file);

class file_watch {
public:
  /// From now on these; what they are now counts as read.
  void watch(const std::vector<std::string>& files);

  /// Whether one is another than when it was read, and none has changed since the last call:
  /// whoever writes them is done. They then count as read. Called about once a second. One that is
  /// gone is another when it stays so: editors replace files by new ones.
  bool changed();

private:
  struct watched {
    std::optional<file_stamp> read, seen;
    int missed = 0; // calls in a row that did not find it
  };
  std::map<std::string, watched> files_;
};

} // namespace behalf
