#include "config/open_files.hpp"

#include <algorithm>
#include <sys/resource.h>

namespace behalf {

std::size_t raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return RLIM_INFINITY;
  auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

std::size_t connections_within(std::size_t wanted, std::size_t open_files) {
  auto kept = std::min(open_files / 2, std::clamp<std::size_t>(open_files / 4, 192, 1024));
  return std::min(wanted, open_files - kept);
}

} // namespace behalf
