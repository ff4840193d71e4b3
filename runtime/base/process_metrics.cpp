#include "runtime/base/process_metrics.hpp"

#include "runtime/base/metrics.hpp"

#include <algorithm>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace behalf {
namespace {

// Open from the start: when no file can be opened any more, the numbers are wanted most.
class process_files {
public:
  process_files()
    : stat_(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)), files_(::opendir("/proc/self/fd")) {}
  process_files(const process_files&) = delete;
  ~process_files() {
    if (stat_ >= 0)
      ::close(stat_);
    if (files_)
      ::closedir(files_);
  }

  std::string stat() const {
    char text[2048];
    auto size = stat_ < 0 ? -1 : ::pread(stat_, text, sizeof text, 0);
    return {text, size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  double open_files() const {
    if (!files_)
      return 0;
    double count = 0;
    ::rewinddir(files_);
    while (const auto* entry = ::readdir(files_))
      count += entry->d_name[0] != '.';
    return count;
  }

private:
  int stat_;
  DIR* files_;
};

// The fields of /proc/self/stat after the program's name, which may hold anything (proc(5)).
// Numbering is the manual's: 3 is the state.
class stat_fields {
public:
  explicit stat_fields(const std::string& text) {
    auto after = text.rfind(')');
    if (after == text.npos)
      return;
    for (std::size_t from = after + 2; from < text.size();) {
      auto to = std::min(text.find(' ', from), text.size());
      all_.push_back(text.substr(from, to - from));
      from = to + 1;
    }
  }
  double number(std::size_t field) const {
    return field >= 3 && field - 3 < all_.size() ? std::strtod(all_[field - 3].c_str(), nullptr)
                                                 : 0;
  }

private:
  std::vector<std::string> all_;
};

double boot_time() {
  std::ifstream in{"/proc/stat"};
  std::string word;
  double seconds = 0;
  while (in >> word)
    if (word == "btime" && in >> seconds)
      break;
  return seconds;
}

double most_files() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

} // namespace

void add_process_metrics(metrics& all) {
  auto& cpu = all.counter("process_cpu_seconds_total", "User and system CPU time");
  auto& resident = all.gauge("process_resident_memory_bytes", "Resident memory");
  auto& size = all.gauge("process_virtual_memory_bytes", "Virtual memory");
  auto& threads = all.gauge("process_threads", "Threads");
  auto& files = all.gauge("process_open_fds", "Open file descriptors");
  auto& most = all.gauge("process_max_fds", "Most file descriptors allowed");
  auto& start = all.gauge("process_start_time_seconds", "Start, in seconds since 1970");
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  auto from = std::make_shared<process_files>();
  start.set(boot_time() + stat_fields{from->stat()}.number(22) / ticks);
  all.before_reading([&cpu, &resident, &size, &threads, &files, &most, ticks, from] {
    const stat_fields now{from->stat()};
    cpu.add((now.number(14) + now.number(15)) / ticks - cpu.value());
    threads.set(now.number(20));
    size.set(now.number(23));
    resident.set(now.number(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    files.set(from->open_files());
    most.set(most_files());
  });
}

} // namespace behalf
