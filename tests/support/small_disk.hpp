#pragma once

#include <csignal>
#include <sys/resource.h>

namespace behalf::testing {

/// No file of this process may grow beyond `bytes` while it lives.
class small_disk {
public:
  explicit small_disk(rlim_t bytes) : before_(limit()), signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  small_disk(const small_disk&) = delete;
  ~small_disk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

private:
  static rlimit limit() {
    rlimit l{};
    ::getrlimit(RLIMIT_FSIZE, &l);
    return l;
  }
  rlimit before_;
  void (*signal_)(int);
};

} // namespace behalf::testing
