#include "config/library_watch.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <filesystem>

using namespace behalf;
namespace fs = std::filesystem;

TEST_CASE("a library is rebuilt once its file has settled", "[config]") {
  scratch_folder folder;
  const std::string file = folder / "lib.so";
  write_file(file, "one");
  library_watch watch{{file}, folder / "copies"};
  auto first = watch.copy_of(file);
  REQUIRE(first);
  CHECK(read_file(*first) == "one");
  CHECK(watch.rebuilt().empty());
  CHECK(watch.copy_of(file).value() == *first);

  write_file(file, "two: being");
  CHECK(watch.rebuilt().empty()); // seen for the first time
  write_file(file, "two: being written");
  CHECK(watch.rebuilt().empty()); // and another one again
  CHECK(watch.rebuilt() == std::vector<std::string>{file});
  auto second = watch.copy_of(file);
  REQUIRE(second);
  CHECK(*second != *first);
  CHECK(read_file(*second) == "two: being written");
  CHECK(read_file(*first) == "one"); // old runs go on with it
  CHECK(watch.rebuilt().empty());
}

TEST_CASE("copies of an ended process go, and nothing else", "[config]") {
  constexpr auto* no_process = "999999999"; // more than any system counts
  scratch_folder folder;
  auto in_folder = [&](const std::string& name) { return folder / ("copies/" + name); };
  const auto left_over = in_folder(std::string(no_process) + "-1-lib.so");
  const std::vector<std::string> others{in_folder("1-1-lib.so"), // process 1 always runs
                                        in_folder("mine.so"),
                                        in_folder(std::string(no_process) + "-notes.txt")};
  fs::create_directory(folder / "copies");
  write_file(left_over, "");
  for (const auto& one : others)
    write_file(one, "");
  library_watch watch{{}, folder / "copies"};
  CHECK_FALSE(fs::exists(left_over));
  for (const auto& one : others)
    CHECK(fs::exists(one));
}

TEST_CASE("a library that is gone is waited for", "[config]") {
  scratch_folder folder;
  const std::string file = folder / "lib.so";
  library_watch watch{{file}, folder / "copies"};
  CHECK(watch.copy_of(file).error().message.find("lib.so cannot be loaded") != std::string::npos);
  CHECK(watch.rebuilt().empty());
  write_file(file, "one");
  CHECK(watch.rebuilt().empty());
  CHECK(watch.rebuilt().size() == 1);
  REQUIRE(watch.copy_of(file));
  fs::remove(file);
  CHECK(watch.rebuilt().empty());
}
