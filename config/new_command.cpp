// `behalf new NAME`: a folder with a graph, its test and its configuration, ready to build; or with
// an agent's configuration, ready to serve.
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

bool write_files(const fs::path& folder, std::span<const new_file> files, const words& all) {
  for (const auto& file : files) {
    std::ofstream out{folder / file.name, std::ios::binary};
    out << filled_in(std::string(file.text), all);
    out.close();
    if (!out)
      return false;
  }
  return true;
}

void explain_graph(const std::string& name, const fs::path& program, const fs::path& prefix) {
  if (prefix.empty())
    std::printf("No CMake package is beside %s. First, where Behalf was built:\n\n"
                "  cmake --install build/release --prefix PREFIX\n\n",
                program.c_str());
  std::printf("./%s is made. To build, test and serve it:\n\n"
              "  cd %s\n"
              "  cmake -B build -DCMAKE_PREFIX_PATH=%s\n"
              "  cmake --build build && ctest --test-dir build --output-on-failure\n"
              "  %s dev --config behalf.yaml --no-auth --watch\n\n"
              "README.md says more.\n",
              name.c_str(), name.c_str(), prefix.empty() ? "PREFIX" : prefix.c_str(),
              program.c_str());
}

void explain_agent(const std::string& name, const fs::path& program) {
  std::printf("./%s is made. To serve it, with a key of OpenAI's (behalf.yaml shows other "
              "providers):\n\n"
              "  cd %s\n"
              "  export OPENAI_API_KEY=…\n"
              "  %s dev --config behalf.yaml --no-auth --watch\n\n"
              "And to talk to it, from another shell:\n\n"
              "  %s chat --agent %s\n\n"
              "README.md says more.\n",
              name.c_str(), name.c_str(), program.c_str(), program.c_str(), name.c_str());
}

} // namespace

int run_new(const new_command& given) {
  const auto& name = given.name;
  if (!is_name(name))
    return say("'" + name
                 + "' cannot be the name of a graph or an agent: it begins with a small letter, "
                   "and has small "
                   "letters, digits, - and _ in it, 64 at most",
               exit_usage);
  std::error_code ec;
  if (fs::symlink_status(name, ec).type() != fs::file_type::not_found)
    return say("./" + name + " is there already", exit_failed);
  const auto program = fs::read_symlink("/proc/self/exe", ec);
  const auto prefix = prefix_of(program);
  // Under another name until it is complete.
  const fs::path made{"." + name + ".new-" + std::to_string(::getpid())};
  const bool complete = fs::create_directory(made, ec)
                        && write_files(made, given.agent ? new_agent_files : new_graph_files,
                                       {{"@NAME@", name},
                                        {"@PREFIX@", prefix.empty() ? "PREFIX" : prefix.string()},
                                        {"@BEHALF@", program.string()}});
  if (complete)
    fs::rename(made, name, ec);
  if (!complete || ec) {
    auto why = ec ? ec.message() : "the files cannot be written";
    fs::remove_all(made, ec);
    return say("cannot make ./" + name + ": " + why, exit_failed);
  }
  if (given.agent)
    explain_agent(name, program);
  else
    explain_graph(name, program, prefix);
  return exit_ok;
}

} // namespace behalf
