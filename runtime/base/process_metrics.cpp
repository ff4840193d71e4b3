#include "runtime/base/process_metrics.hpp"

#include "runtime/base/metrics.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace behalf {
namespace {

// The fields of /proc/self/stat after the program's name, which may hold anything (proc(5)).
// Numbering is the manual's: 3 is the state.
class stat_fields {
public:
  stat_fields() {
    std::ifstream in{"/proc/self/stat"};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
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

double open_files() {
  std::error_code ec;
  std::filesystem::directory_iterator all{"/proc/self/fd", ec}, end;
  return ec ? 0 : static_cast<double>(std::distance(all, end));
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
  all.before_reading([&cpu, &resident, &size, &threads, &files, &most, &start] {
    const stat_fields now;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    cpu.add((now.number(14) + now.number(15)) / ticks - cpu.value());
    threads.set(now.number(20));
    start.set(boot_time() + now.number(22) / ticks);
    size.set(now.number(23));
    resident.set(now.number(24) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    files.set(open_files());
    most.set(most_files());
  });
}

} // namespace behalf
