#include "secrets/audit_log.hpp"

#include "runtime/storage/records.hpp"
#include "secrets/audit_line.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace behalf {
namespace {

constexpr int64_t longest_line = 1 << 20;

// The error a graph gets: it names no path.
error not_written(std::string_view what, int code) {
  auto text = "the audit log " + std::string(what) + ": " + std::strerror(code)
              + "; no credential leaves without its receipt";
  bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return full ? disk_full(std::move(text)) : fail(errc::internal, std::move(text));
}

error failed(const std::string& path, std::string_view what, int code) {
  return fail(errc::internal,
              path + ": the audit log " + std::string(what) + ": " + std::strerror(code));
}

result<void> write_all(int fd, std::string_view bytes, int64_t at) {
  while (!bytes.empty()) {
    auto n = pwrite(fd, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return not_written("cannot be written", errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += n;
  }
  return {};
}

result<std::string> read_range(int fd, int64_t from, int64_t size, const std::string& path) {
  std::string out(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    auto n = pread(fd, out.data() + done, out.size() - done, from + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return failed(path, "cannot be read", n < 0 ? errno : EIO);
    done += static_cast<std::size_t>(n);
  }
  return out;
}

audit_hash from_hex(std::string_view text) {
  audit_hash out{};
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<unsigned char>(digit(text[2 * i]) * 16 + digit(text[2 * i + 1]));
  return out;
}

void sync_directory(const std::string& path) {
  auto parent = std::filesystem::path(path).parent_path();
  auto fd = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  fsync(fd);
  close(fd);
}

} // namespace

result<audit_log> audit_log::open(const std::string& path) {
  audit_log log;
  log.path_ = path;
  log.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log.fd_ < 0)
    return failed(path, "cannot be opened", errno);
  if (flock(log.fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(errc::conflict,
                path
                  + ": in use: another process writes this audit log; stop it first, or name "
                    "another file with `audit`");
  if (auto ok = log.recover(); !ok)
    return ok.error();
  sync_directory(path);
  return log;
}

// Only the end is read: `verify_audit_log` reads everything.
result<void> audit_log::recover() {
  struct stat about {};
  if (fstat(fd_, &about) != 0)
    return failed(path_, "cannot be read", errno);
  auto from = std::max<int64_t>(0, about.st_size - 2 * longest_line);
  auto tail = read_range(fd_, from, about.st_size - from, path_);
  if (!tail)
    return tail.error();
  // npos + 1 is 0: no complete line.
  auto complete = tail->rfind('\n') + 1;
  if (complete == 0 && from > 0)
    return fail(errc::internal, path_
                                  + ": the audit log ends in something that is no line; run: "
                                    "behalf audit repair "
                                  + path_);
  size_ = from + static_cast<int64_t>(complete);
  recovered_ = tail->size() - complete;
  if (recovered_ > 0 && (ftruncate(fd_, size_) != 0 || fdatasync(fd_) != 0))
    return failed(path_, "cannot be repaired", errno);
  if (complete == 0)
    return {};
  auto text = std::string_view{*tail}.substr(0, complete - 1);
  auto line = read_audit_line(text.substr(text.rfind('\n') + 1));
  if (!line)
    return fail(errc::internal, path_ + ": the last line of the audit log " + line.error().message
                                  + "; run: behalf audit repair " + path_);
  seq_ = durable_seq_ = line->seq;
  hash_ = durable_hash_ = from_hex(line->hash);
  return {};
}

audit_log::audit_log(audit_log&& other) noexcept
  : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), seq_(other.seq_),
    durable_seq_(other.durable_seq_), hash_(other.hash_), durable_hash_(other.durable_hash_),
    size_(other.size_), recovered_(other.recovered_), leftovers_(other.leftovers_),
    buffer_(std::move(other.buffer_)) {}

audit_log& audit_log::operator=(audit_log&& other) noexcept {
  if (this == &other)
    return *this;
  this->~audit_log();
  return *new (this) audit_log{std::move(other)};
}

audit_log::~audit_log() {
  if (fd_ >= 0)
    close(fd_);
}

int64_t audit_log::append(const audit_record& what, time_point at) {
  auto prev = hash_;
  buffer_ += write_audit_line(++seq_, at, what, prev, hash_);
  return seq_;
}

result<void> audit_log::flush() {
  if (buffer_.empty())
    return {};
  auto done = cut_leftovers();
  if (done)
    done = write_all(fd_, buffer_, size_);
  if (done && fdatasync(fd_) != 0)
    done = not_written("cannot be made durable", errno);
  if (done) {
    size_ += static_cast<int64_t>(buffer_.size());
    durable_seq_ = seq_;
    durable_hash_ = hash_;
  } else {
    leftovers_ = true; // part of it may have been written
    (void)cut_leftovers();
    seq_ = durable_seq_;
    hash_ = durable_hash_;
  }
  buffer_.clear();
  return done;
}

// Removes what a failed flush left: the next write may be shorter.
result<void> audit_log::cut_leftovers() {
  if (leftovers_ && ftruncate(fd_, size_) != 0)
    return failed(path_, "cannot be repaired", errno);
  leftovers_ = false;
  return {};
}

} // namespace behalf
