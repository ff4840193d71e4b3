#include "runtime/base/json.hpp"
#include "runtime/base/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/small_disk.hpp"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <thread>
#include <unistd.h>

using namespace behalf;

TEST_CASE("a log file is made, a folder for it is not", "[log]") {
  scratch_folder folder;
  auto refused = log::configure("info", log::format::text, folder / "none/log");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message
        == "log.file: " + (folder / "none/log") + " cannot be written: No such file or directory");
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
}

TEST_CASE("lines of several threads come whole and all of them", "[log]") {
  scratch_folder folder;
  auto file = folder / "log";
  log::configure("warning", log::format::json, file);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        log::warning("counted", {{"thread", t}, {"number", i}});
        log::info("never_written");
      }
    });
  for (auto& t : threads)
    t.join();
  log::configure("info");

  std::istringstream lines{read_file(file)};
  std::set<std::pair<int64_t, int64_t>> seen;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    auto parsed = parse_json(line);
    REQUIRE(parsed);
    const auto& fields = parsed->get_object();
    CHECK(string_or(fields, "event") == "counted");
    seen.emplace(int_or(fields, "thread", -1), int_or(fields, "number", -1));
  }
  CHECK(seen.size() == 800);
}

TEST_CASE("who does not read the log holds nobody up, and hears what was lost", "[log]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  REQUIRE(::fcntl(ends[1], F_SETFL, 0) == 0); // the writer's end blocks, as standard error does
  ::fcntl(ends[1], F_SETPIPE_SZ, 8192);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  const auto lost_before = log::lost_lines();
  REQUIRE(log::configure("info"));
  auto read_all = [&] {
    std::string text(1 << 16, '\0');
    auto n = ::read(ends[0], text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  };
  for (int i = 0; i < 300; ++i)
    log::info("filling", {{"text", std::string(100, 'x')}});
  const auto lost = log::lost_lines() - lost_before;
  auto first = read_all();
  log::info("again");
  auto second = read_all();
  ::dup2(kept, STDERR_FILENO);
  for (int fd : {kept, ends[0], ends[1]})
    ::close(fd);
  REQUIRE(log::configure("info"));

  CHECK(lost > 0);
  CHECK(lost + std::count(first.begin(), first.end(), '\n') == 300);
  CHECK(second.find(" again\n") != std::string::npos);
  CHECK(second.find("log_lines_lost lines=" + std::to_string(lost) + "\n") != std::string::npos);
  CHECK(log::lost_lines() == lost_before + lost);
}

TEST_CASE("what a full disk leaves of a line spoils no other", "[log]") {
  scratch_folder folder;
  auto file = folder / "log";
  REQUIRE(log::configure("info", log::format::text, file));
  log::info("before");
  auto before = read_file(file);
  {
    testing::small_disk tight{before.size() + 10}; // room for a part of a line
    log::info("torn");
    log::info("lost");
  }
  log::info("after");
  log::info("later");
  REQUIRE(log::configure("info"));

  std::istringstream lines{read_file(file)};
  std::vector<std::string> ends;
  for (std::string line; std::getline(lines, line);)
    ends.push_back(line.substr(line.rfind(' ') + 1));
  REQUIRE(ends.size() == 4);
  CHECK(ends[0] == "before");
  CHECK(ends[1].size() == 10); // of the torn one
  CHECK(ends[2] == "after");
  CHECK(ends[3] == "later");
}
