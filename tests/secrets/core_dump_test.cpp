// A real core dump, searched for a real secret. Where the system writes cores elsewhere (a pipe,
// another folder) there is nothing to search and the test says so.
#include "behalf/wiped.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/inject.hpp"
#include "secrets/process.hpp"
#include "tests/support/catch.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace behalf;
namespace fs = std::filesystem;

namespace {

// Built at run time, byte by byte, so that neither the program's constants nor a temporary hold it.
template <class Text>
void put_canary(Text& out, char first) {
  for (int i = 0; i < 96; ++i)
    out.push_back(static_cast<char>(first + (i * i + 7 * i / 3) % 23));
}

std::string canary(char first) {
  std::string text;
  put_canary(text, first);
  return text;
}

std::string read_all(const fs::path& p) {
  std::ifstream in{p, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// How many of the text's pieces of 24 bytes are there.
int pieces_found(const std::string& in, const std::string& text) {
  int found = 0;
  for (std::size_t at = 0; at + 24 <= text.size(); at += 24)
    found += in.find(text.substr(at, 24)) != in.npos ? 1 : 0;
  return found;
}

// In a child: MADV_WIPEONFORK empties what came before, so the child makes its own.
[[noreturn]] void die_with_secrets(const fs::path& folder) {
  rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  if (chdir(folder.c_str()) != 0 || setrlimit(RLIMIT_CORE, &all) != 0)
    _exit(3);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  wiped_string built;
  put_canary(built, 'a');
  auto credential = std::make_shared<stored_credential>();
  credential->value = secret{std::move(built)};
  credential->username = "user";
  // Everything a call makes of it: the request's head, and the forms looked for in the reply.
  auto bearer = make_writer({}, credential).value();
  auto basic = make_writer({credential_form::basic}, credential).value();
  auto scrubber = basic->scrubber();
  wiped_string head;
  bearer->write_head(head);
  basic->write_head(head);
  // And what is read out of a reply: escapes, base64, a form cut in two.
  wiped_string reply, said;
  append_percent(reply, credential->value.expose());
  append_base64(said, reply.view());
  reply.push_back(' ');
  append_base64(reply, said.view());
  std::string out;
  scrubber->feed(reply.view().substr(0, 100), out);
  scrubber->feed(reply.view().substr(100), out);
  scrubber->feed(credential->value.expose().substr(0, 60), out);
  // A control: this must be in the dump, or the search proves nothing.
  static std::string control;
  control = canary('A');
  // A dump also holds the vector registers, and those what was copied last: copy something else,
  // as a process does that goes on.
  static char elsewhere[2][4096];
  std::memcpy(elsewhere[1], elsewhere[0], sizeof elsewhere[0]);
  for (std::size_t size : {16, 32, 64, 96, 128, 256})
    std::memmove(elsewhere[1] + 1, elsewhere[0], size);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

} // namespace

TEST_CASE("a core dump has no secret in it", "[secrets][core]") {
  std::ifstream pattern_file{"/proc/sys/kernel/core_pattern"};
  std::string pattern;
  std::getline(pattern_file, pattern);
  if (pattern.empty() || pattern.front() == '|' || pattern.front() == '/') {
    WARN("cores go to '" << pattern << "': nothing to search here");
    return;
  }
  auto folder = fs::temp_directory_path() / ("behalf-core-" + std::to_string(getpid()));
  fs::create_directories(folder);
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0)
    die_with_secrets(folder);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  if (!WCOREDUMP(status)) {
    WARN("the system wrote no core");
  } else {
    for (const auto& file : fs::directory_iterator{folder}) {
      auto dump = read_all(file.path());
      CHECK(pieces_found(dump, canary('A')) == 4);
      for (const auto& form : {canary('a'), base64("user:" + canary('a')), to_hex(canary('a'))})
        CHECK(pieces_found(dump, form) == 0);
    }
  }
  fs::remove_all(folder);
}

TEST_CASE("a hardened process cannot be dumped; on request it can", "[secrets][core]") {
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    harden_process({.allow_core_dumps = true});
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
      _exit(1);
    harden_process();
    rlimit app_context{};
    getrlimit(RLIMIT_CORE, &app_context);
    _exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && app_context.rlim_cur == 0
              && app_context.rlim_max == 0
            ? 0
            : 2);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
