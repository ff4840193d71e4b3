#include "config/file_watch.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <utility>

namespace behalf {

std::optional<file_stamp> stamp_of(const std::string& file) {
  struct stat s {};
  if (::stat(file.c_str(), &s) != 0)
    return std::nullopt;
  return file_stamp{s.st_mtim.tv_sec, s.st_mtim.tv_nsec, s.st_size, s.st_ino};
}

void file_watch::watch(const std::vector<std::string>& files) {
  std::map<std::string, watched> next;
  for (const auto& file : files) {
    const auto now = stamp_of(file);
    const auto known = files_.find(file);
    next[file] = known == files_.end() ? watched{now, now, 0} : known->second;
  }
  files_ = std::move(next);
}

constexpr int most_missed = 3;

bool file_watch::changed() {
  bool other = false, quiet = true;
  for (auto& [file, known] : files_) {
    const auto now = stamp_of(file);
    quiet = quiet && now == known.seen;
    known.missed = now ? 0 : std::min(known.missed + 1, most_missed);
    other = other || (now != known.read && (now || known.missed == most_missed));
    known.seen = now;
  }
  if (!other || !quiet)
    return false;
  for (auto& [file, known] : files_)
    known.read = known.seen;
  return true;
}

} // namespace behalf
