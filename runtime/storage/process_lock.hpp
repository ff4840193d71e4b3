// One process per database file: two servers would both execute its runs.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace behalf {

/// What else may hold the same lock meanwhile.
enum class others : uint8_t { none, may_share };

/// Held from `take` until the object ends; the system releases it when the process dies. The
/// file stays, with the number of the process that held it last.
class process_lock {
public:
  process_lock() = default;
  process_lock(process_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  process_lock& operator=(process_lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~process_lock();

  /// Locks `<path>.lock`, of the file that symbolic links lead to. Error: internal, `<path>: in use
  /// by process 4711`, that it has hard links, or why the lock file cannot be made.
  static result<process_lock> take(const std::string& path, others allowed = others::none);

private:
  explicit process_lock(int fd) : fd_(fd) {}

  int fd_ = -1;
};

} // namespace behalf
