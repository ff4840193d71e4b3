#include "runtime/base/json.hpp"
#include "runtime/base/log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/small_disk.hpp"

#include <set>
#include <thread>

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
