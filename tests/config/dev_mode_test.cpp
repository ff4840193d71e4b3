#include "config/dev_mode.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace behalf;

TEST_CASE("the data of a development server is its user's alone", "[config]") {
  namespace fs = std::filesystem;
  scratch_folder folder;
  fs::create_directory(folder / "data");
  fs::permissions(folder / "data", fs::perms::all);
  config c;
  REQUIRE(complete_for_dev(c, folder / "data", false));
  CHECK(fs::status(folder / "data").permissions() == fs::perms::owner_all);
  // One that was opened since is closed again: a volume may get its rights back at each mount.
  REQUIRE(fs::exists(folder / "data/master.key"));
  fs::permissions(folder / "data", fs::perms::all);
  CHECK(complete_for_dev(c, folder / "data", false));
  CHECK(fs::status(folder / "data").permissions() == fs::perms::owner_all);
}

TEST_CASE("a folder with files of others keeps its rights, and no secrets", "[config]") {
  namespace fs = std::filesystem;
  scratch_folder folder;
  fs::create_directories(folder / "home/letters");
  const auto open = fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec;
  fs::permissions(folder / "home", open);
  config c;
  const auto refused = complete_for_dev(c, folder / "home", false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("--data: others on this machine may look into "));
  CHECK(fs::status(folder / "home").permissions() == open);
  CHECK_FALSE(fs::exists(folder / "home/master.key"));
  fs::permissions(folder / "home", fs::perms::owner_all);
  CHECK(complete_for_dev(c, folder / "home", false));
}

TEST_CASE("a file may say that nobody has an identity, for development alone", "[config]") {
  scratch_folder folder;
  auto loaded = parse_config("dev: { no_auth: true, users: [{ name: alice }] }\n"
                             "authorization: { threads: owner }\n",
                             "f.yaml");
  REQUIRE(loaded.problems.empty());
  CHECK_FALSE(loaded.value.no_auth); // as `behalf serve` reads it
  REQUIRE(complete_for_dev(loaded.value, folder / "data", true));
  CHECK(loaded.value.no_auth);
  CHECK(loaded.value.dev.users.empty());
  CHECK_FALSE(loaded.value.has_rules);
}
