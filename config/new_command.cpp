// `behalf new NAME`: a folder with a graph, its test and its configuration, ready to build.
#include "config/commands.hpp"
#include "config/new_files.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace behalf {
namespace {

namespace fs = std::filesystem;
using words = std::vector<std::pair<std::string_view, std::string>>;

constexpr std::size_t longest_name = 64;

int say(const std::string& why, int code) {
  std::fprintf(stderr, "behalf: %s\n", why.c_str());
  return code;
}

bool is_name(std::string_view name) {
  auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && name.size() <= longest_name && letter(name.front())
         && std::all_of(name.begin(), name.end(), [&](char c) {
              return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
            });
}

std::string filled_in(std::string text, const words& all) {
  for (const auto& [mark, word] : all)
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + word.size()))
      text.replace(at, mark.size(), word);
  return text;
}

bool has_package(const fs::path& lib) {
  return fs::exists(lib / "cmake" / "behalf" / "behalfConfig.cmake");
}

// Where CMake finds this program's package: its build folder, or the prefix it is installed in.
// Empty: it is in neither.
fs::path prefix_of(const fs::path& program) {
  auto folder = program.parent_path();
  if (fs::exists(folder / "behalfConfig.cmake"))
    return folder;
  auto prefix = folder.parent_path();
  if (has_package(prefix / "lib") || has_package(prefix / "lib64"))
    return prefix;
  std::error_code ec;
  for (const auto& one : fs::directory_iterator(prefix / "lib", ec)) // lib/x86_64-linux-gnu
    if (one.is_directory(ec) && has_package(one.path()))
      return prefix;
  return {};
}

bool write_files(const fs::path& folder, const words& all) {
  for (const auto& file : new_files) {
    std::ofstream out{folder / file.name, std::ios::binary};
    out << filled_in(std::string(file.text), all);
    out.close();
    if (!out)
      return false;
  }
  return true;
}

} // namespace

int run_new(const std::string& name) {
  if (!is_name(name))
    return say("'" + name
                 + "' cannot be the name of a graph: it begins with a small letter, and has small "
                   "letters, digits, - and _ in it, 64 at most",
               exit_usage);
  std::error_code ec;
  if (fs::symlink_status(name, ec).type() != fs::file_type::not_found)
    return say("./" + name + " is there already", exit_failed);
  const auto program = fs::read_symlink("/proc/self/exe", ec);
  const auto found = prefix_of(program);
  const auto prefix = found.empty() ? std::string("PREFIX") : found.string();
  // Under another name until it is complete.
  const fs::path made{"." + name + ".new-" + std::to_string(::getpid())};
  const bool complete =
    fs::create_directory(made, ec)
    && write_files(made, {{"@NAME@", name}, {"@PREFIX@", prefix}, {"@BEHALF@", program.string()}});
  if (complete)
    fs::rename(made, name, ec);
  if (!complete || ec) {
    auto why = ec ? ec.message() : "the files cannot be written";
    fs::remove_all(made, ec);
    return say("cannot make ./" + name + ": " + why, exit_failed);
  }
  if (found.empty())
    std::printf("No CMake package is beside %s. First, where Behalf was built:\n\n"
                "  cmake --install build/release --prefix PREFIX\n\n",
                program.c_str());
  std::printf("./%s is made. To build, test and serve it:\n\n"
              "  cd %s\n"
              "  cmake -B build -DCMAKE_PREFIX_PATH=%s\n"
              "  cmake --build build && ctest --test-dir build --output-on-failure\n"
              "  %s dev --config behalf.yaml --no-auth --watch\n\n"
              "README.md says more.\n",
              name.c_str(), name.c_str(), prefix.c_str(), program.c_str());
  return exit_ok;
}

} // namespace behalf
