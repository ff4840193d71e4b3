#include "runtime/store/process_lock.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace behalf {
namespace {

std::string holder(int fd) {
  char text[32] = {};
  auto size = ::pread(fd, text, sizeof text - 1, 0);
  return size > 0 ? "process " + std::string(text, static_cast<std::size_t>(size))
                  : "another process";
}

} // namespace

process_lock::~process_lock() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<process_lock> process_lock::take(const std::string& path) {
  auto file = path + ".lock";
  process_lock lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock.fd_ < 0)
    return fail(errc::internal, file + ": cannot create the lock file: " + std::strerror(errno));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(errc::internal, path + ": in use by " + holder(lock.fd_));
    return fail(errc::internal, file + ": cannot lock: " + std::strerror(errno));
  }
  auto self = std::to_string(::getpid());
  // The number is only for the message above; the lock holds without it.
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, self.data(), self.size(), 0) < 0)
    return fail(errc::internal, file + ": cannot write: " + std::strerror(errno));
  return lock;
}

} // namespace behalf
