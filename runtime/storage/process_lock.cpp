#include "runtime/storage/process_lock.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
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

// However a database is reached through symbolic links, it has one lock.
std::string lock_file_of(const std::string& path) {
  std::error_code ec;
  auto real = std::filesystem::weakly_canonical(path, ec);
  return (ec ? path : real.string()) + ".lock";
}

bool has_several_names(const std::string& path) {
  std::error_code ec;
  return std::filesystem::is_regular_file(path, ec)
         && std::filesystem::hard_link_count(path, ec) > 1 && !ec;
}

} // namespace

process_lock::~process_lock() {
  if (fd_ >= 0)
    ::close(fd_);
}

result<process_lock> process_lock::take(const std::string& path, others allowed) {
  if (has_several_names(path)) // each would have a lock and a journal of its own
    return fail(errc::internal, path + ": has hard links: a database must have one name only");
  auto file = lock_file_of(path);
  process_lock lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock.fd_ < 0 && errno == ENOENT)
    return fail(errc::internal, path + ": there is no folder "
                                  + std::filesystem::path(file).parent_path().string());
  if (lock.fd_ < 0)
    return fail(errc::internal, file + ": cannot create the lock file: " + std::strerror(errno));
  auto alone = allowed == others::none;
  if (::flock(lock.fd_, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(errc::internal, path + ": in use by " + holder(lock.fd_));
    return fail(errc::internal, file + ": cannot lock: " + std::strerror(errno));
  }
  auto self = alone ? std::to_string(::getpid()) : std::string{};
  // The number is only for the message above; the lock holds without it. Of several, none.
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, self.data(), self.size(), 0) < 0)
    return fail(errc::internal, file + ": cannot write: " + std::strerror(errno));
  return lock;
}

} // namespace behalf
