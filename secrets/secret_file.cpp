#include "secrets/secret_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace behalf {
namespace {

class file_descriptor {
public:
  explicit file_descriptor(int fd) : fd_(fd) {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (fd_ >= 0)
      close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_;
};

error system_error(const std::string& path, int code) {
  auto kind = code == ENOENT                    ? errc::not_found
              : code == EACCES || code == EPERM ? errc::denied
              : code == EEXIST                  ? errc::conflict
                                                : errc::internal;
  return fail(kind, path + ": " + std::strerror(code));
}

// A new name is durable only when its directory is.
void sync_directory(const std::string& path) {
  auto parent = std::filesystem::path(path).parent_path();
  file_descriptor dir{
    open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (dir)
    fsync(dir.get());
}

} // namespace

result<wiped_string> read_secret_file(const std::string& path, std::size_t limit, readers allowed) {
  file_descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file)
    return system_error(path, errno);
  struct stat about {};
  if (fstat(file.get(), &about) != 0)
    return system_error(path, errno);
  if (S_ISDIR(about.st_mode))
    return fail(errc::invalid_argument, path + ": is a directory");
  if (allowed == readers::owner_only && (about.st_mode & 077) != 0)
    return fail(errc::denied, path + ": others than its owner may read it; run: chmod 600 " + path);
  wiped_string content;
  content.resize(limit + 1);
  std::size_t size = 0;
  while (size <= limit) {
    auto n = read(file.get(), content.data() + size, limit + 1 - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return system_error(path, errno);
    if (n == 0)
      break;
    size += static_cast<std::size_t>(n);
  }
  if (size > limit)
    return fail(errc::too_large, path + ": larger than " + std::to_string(limit) + " bytes");
  content.resize(size);
  return content;
}

result<void> create_secret_file(const std::string& path, std::string_view content) {
  file_descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!file)
    return system_error(path, errno);
  while (!content.empty()) {
    auto n = write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      auto failed = system_error(path, errno);
      unlink(path.c_str());
      return failed;
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fsync(file.get()) != 0) {
    auto failed = system_error(path, errno);
    unlink(path.c_str());
    return failed;
  }
  sync_directory(path);
  return {};
}

} // namespace behalf
