#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/master_key.hpp"
#include "secrets/references.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cstdlib>
#include <sys/stat.h>

using namespace behalf;

namespace {

std::string raw_key() {
  std::string key;
  for (int i = 0; i < 32; ++i)
    key += static_cast<char>(0x80 + i * 3);
  return key;
}

} // namespace

TEST_CASE("a master key is read raw, in hex and in base64", "[secrets][keys]") {
  auto raw = raw_key();
  auto upper = to_hex(raw);
  for (auto& c : upper)
    c = static_cast<char>(std::toupper(c));
  for (const auto& text : {raw, to_hex(raw), upper, to_hex(raw) + "\n", base64(raw),
                           base64(raw) + "\r\n", base64url(raw), "  " + base64url(raw) + " "}) {
    auto key = parse_master_key(text, "test");
    REQUIRE(key);
    CHECK(key->expose() == raw);
  }
}

TEST_CASE("anything else is no master key, and the error does not repeat it", "[secrets][keys]") {
  auto raw = raw_key();
  for (const auto& text :
       {std::string{}, std::string{"password"}, to_hex(raw).substr(2), to_hex(raw) + "00",
        base64(raw).substr(4), base64(raw) + "AAAA", raw + "x", raw.substr(1), std::string(64, 'g'),
        std::string(43, '!'), std::string(43, '/')}) {
    auto key = parse_master_key(text, "env:KEY");
    REQUIRE_FALSE(key);
    CHECK(key.error().message.find("env:KEY") != std::string::npos);
    if (text.size() > 4)
      CHECK(key.error().message.find(text) == std::string::npos);
  }
}

TEST_CASE("a key file is created once, private, and read back", "[secrets][keys]") {
  scratch_folder folder;
  auto path = folder / "master.key";
  CHECK(read_master_key(path).error().code == errc::not_found);
  auto made = create_master_key(path).value();
  CHECK(made.size() == 32);
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  CHECK(read_master_key(path).value().expose() == made.expose());
  CHECK(ensure_master_key(path, folder / "secrets.db").value().expose() == made.expose());
  CHECK(create_master_key(path).error().code == errc::conflict);
  CHECK(ensure_master_key(folder / "other.key", folder / "secrets.db").value().expose()
        != made.expose());
  CHECK_FALSE(ensure_master_key(folder / "no/such/folder.key", folder / "x"));
}

TEST_CASE("a lost key is not replaced while there is a store it opens", "[secrets][keys]") {
  scratch_folder folder;
  auto path = folder / "master.key", store = folder / "secrets.db";
  write_file(store, "sealed with the lost key");
  auto made = ensure_master_key(path, store);
  CHECK(made.error().code == errc::not_found);
  CHECK(made.error().message.find(path + ": the master key is missing") == 0);
  CHECK_FALSE(std::filesystem::exists(path));
  std::filesystem::remove(store);
  CHECK(ensure_master_key(path, store));
}

TEST_CASE("a key file that others may read is refused", "[secrets][keys]") {
  scratch_folder folder;
  auto path = folder / "master.key";
  REQUIRE(create_master_key(path));
  for (auto mode : {0640, 0604, 0660}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    auto key = read_master_key(path);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == errc::denied);
    CHECK(key.error().message.find(path) != std::string::npos);
  }
}

TEST_CASE("references name a file or a variable", "[secrets][references]") {
  auto file = parse_reference("file:/run/secrets/x").value();
  CHECK(file.kind == reference_kind::file);
  CHECK(file.name == "/run/secrets/x");
  CHECK(parse_reference("env:A_B")->kind == reference_kind::env);
  for (auto text : {"", "file:", "env:", "env:A B", "env:A=B", "vault:a#b", "hunter2hunter2",
                    "FILE:/x", "http://x"}) {
    auto r = parse_reference(text);
    REQUIRE_FALSE(r);
    CHECK(r.error().message.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("a file reference gives the file without its last line break", "[secrets][references]") {
  scratch_folder folder;
  reference_resolver resolver{folder / "."};
  write_file(folder / "plain", "s3cret\n");
  write_file(folder / "dos", "s3cret\r\n");
  write_file(folder / "two", "s3cret\n\n");
  write_file(folder / "empty", "\n");
  write_file(folder / "huge", std::string(70'000, 'x'));
  CHECK(resolver.resolve("file:plain").value()->expose() == "s3cret");
  CHECK(resolver.resolve("file:" + (folder / "plain")).value()->expose() == "s3cret");
  CHECK(resolver.resolve("file:dos").value()->expose() == "s3cret");
  CHECK(resolver.resolve("file:two").value()->expose() == "s3cret\n");
  for (auto name : {"file:empty", "file:huge", "file:missing", "file:."}) {
    auto r = resolver.resolve(name);
    REQUIRE_FALSE(r);
    CHECK(r.error().message.starts_with(name));
  }
}

TEST_CASE("a file for its owner only is refused when others may read it", "[secrets][references]") {
  scratch_folder folder;
  reference_resolver resolver{folder / "."};
  const auto path = folder / "key";
  write_file(path, "s3cret\n");
  for (auto mode : {0644, 0640, 0604, 0620}) {
    REQUIRE(chmod(path.c_str(), mode) == 0);
    CHECK(resolver.resolve("file:key"));
    const auto refused = resolver.resolve("file:key", readers::owner_only);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::denied);
    CHECK(refused.error().message.find("chmod 600") != std::string::npos);
  }
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CHECK(resolver.resolve("file:key", readers::owner_only));
}

TEST_CASE("a variable is taken once and is gone from the environment", "[secrets][references]") {
  reference_resolver resolver;
  REQUIRE(setenv("BEHALF_TEST_SECRET", "from-the-environment", 1) == 0);
  char* where = getenv("BEHALF_TEST_SECRET");
  auto first = resolver.resolve("env:BEHALF_TEST_SECRET").value();
  CHECK(first->expose() == "from-the-environment");
  CHECK(getenv("BEHALF_TEST_SECRET") == nullptr);
  CHECK(std::string_view{where, 20} == std::string_view{std::string(20, '\0')});
  CHECK(resolver.resolve("env:BEHALF_TEST_SECRET").value() == first);
  auto none = resolver.resolve("env:BEHALF_TEST_NONE");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::not_found);
  CHECK(none.error().message.find("BEHALF_TEST_NONE") != std::string::npos);
  REQUIRE(setenv("BEHALF_TEST_EMPTY", "", 1) == 0);
  CHECK(resolver.resolve("env:BEHALF_TEST_EMPTY").error().code == errc::invalid_argument);
}
