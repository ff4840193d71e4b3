#include "config/library_watch.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace behalf {

namespace fs = std::filesystem;

namespace {

// As `copy_of` names them: "<process>-3-libgraphs.so". The folder may be somebody's own, and the
// process may still run.
bool is_left_over(std::string_view name) {
  pid_t owner = 0;
  auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), owner);
  if (ec != std::errc{} || owner <= 0 || end == name.data() + name.size() || *end != '-'
      || !name.ends_with(".so"))
    return false;
  return owner == ::getpid() || (::kill(owner, 0) != 0 && errno == ESRCH);
}

} // namespace

library_watch::library_watch(const std::vector<std::string>& files, std::string folder)
  : folder_(std::move(folder)) {
  std::error_code ec;
  for (const auto& one : fs::directory_iterator{folder_, ec})
    if (is_left_over(one.path().filename().string()))
      fs::remove(one.path(), ec);
  for (const auto& file : files)
    files_[file];
}

result<std::string> library_watch::copy_of(const std::string& file) {
  auto& known = files_[file];
  const auto now = stamp_of(file);
  if (!now)
    return fail(errc::invalid_argument, file + " cannot be loaded: No such file");
  if (now == known.loaded && !known.copy.empty())
    return known.copy;
  known.loaded = known.seen = now;
  known.copy.clear();
  if (copies_ == most_copies)
    return fail(errc::overloaded, std::to_string(most_copies)
                                    + " copies of libraries are loaded, which is the most; start "
                                      "anew to go on watching");
  auto copy = folder_ + "/" + std::to_string(::getpid()) + "-" + std::to_string(++copies_) + "-"
              + fs::path(file).filename().string();
  std::error_code ec;
  fs::create_directories(folder_, ec);
  fs::copy_file(file, copy, fs::copy_options::overwrite_existing, ec);
  if (ec)
    return fail(errc::invalid_argument,
                file + " cannot be copied to " + copy + ": " + ec.message());
  if (stamp_of(file) != now)
    return fail(errc::invalid_argument, file + " changed while it was copied");
  known.copy = copy;
  return copy;
}

std::vector<std::string> library_watch::rebuilt() {
  std::vector<std::string> found;
  for (auto& [file, known] : files_) {
    const auto now = stamp_of(file);
    if (now && now != known.loaded && now == known.seen)
      found.push_back(file);
    known.seen = now;
  }
  return found;
}

} // namespace behalf
