#include "config/file_watch.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace behalf;

namespace {

struct folder {
  folder() { std::filesystem::create_directories(path); }
  ~folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path / name} << text;
    return (path / name).string();
  }
  std::filesystem::path path =
    std::filesystem::temp_directory_path() / ("behalf-files-" + std::to_string(::getpid()));
};

} // namespace

TEST_CASE("a written file is told once, when its writer is done", "[config]") {
  const folder in;
  const auto a = in.write("a", "1"), b = in.write("b", "1");
  file_watch watch;
  watch.watch({a, b});
  CHECK_FALSE(watch.changed());
  in.write("a", "22");
  CHECK_FALSE(watch.changed()); // it may be half written
  in.write("b", "22");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
  CHECK_FALSE(watch.changed());
}

TEST_CASE("a file that is gone for a moment is told when it is back", "[config]") {
  const folder in;
  const auto a = in.write("a", "1");
  file_watch watch;
  watch.watch({a});
  std::filesystem::remove(a);
  CHECK_FALSE(watch.changed());
  CHECK_FALSE(watch.changed());
  in.write("a", "22");
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}

TEST_CASE("a file that stays away is told once, and again when it is back", "[config]") {
  const folder in;
  const auto a = in.write("a", "1");
  file_watch watch;
  watch.watch({a});
  std::filesystem::rename(a, a + "~");
  CHECK_FALSE(watch.changed());
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
  CHECK_FALSE(watch.changed());
  watch.watch({a});
  std::filesystem::rename(a + "~", a); // the very same
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}

TEST_CASE("what was written while other files were chosen is not lost", "[config]") {
  const folder in;
  const auto a = in.write("a", "1");
  file_watch watch;
  watch.watch({a});
  in.write("a", "22");
  watch.watch({a, in.write("b", "1")});
  CHECK_FALSE(watch.changed());
  CHECK(watch.changed());
}
