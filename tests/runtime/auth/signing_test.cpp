#include "runtime/auth/jwk.hpp"
#include "runtime/auth/signing.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace behalf;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path = fs::temp_directory_path() / ("behalf-" + random_hex(8));
  folder() { fs::create_directory(path); }
  ~folder() { fs::remove_all(path); }
};

unsigned mode(const fs::path& file) {
  struct stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  return about.st_mode & 0777;
}

} // namespace

TEST_CASE("what a key signs, its published half verifies", "[auth]") {
  auto key = signing_key::generate().value();
  auto keys = key_set::parse(key.jwks()).value();
  REQUIRE(keys.size() == 1);
  for (int i = 0; i < 50; ++i) { // often enough to meet an R or S that begins with a zero
    auto token = key.sign({{"typ", "at+jwt"}}, {{"n", i}});
    auto dot = token.rfind('.');
    auto signature = base64url_decode(std::string_view{token}.substr(dot + 1)).value();
    CHECK(signature.size() == 64);
    const auto* found = keys.find(key.id(), signature_algorithm::es256);
    REQUIRE(found);
    CHECK(verify_signature(*found, signature_algorithm::es256, token.substr(0, dot), signature));
  }
  CHECK_FALSE(dump(key.jwks()).find("\"d\"") != std::string::npos);
  CHECK(signing_key::generate().value().id() != key.id());
}

TEST_CASE("a key file is private, kept, and never overwritten", "[auth]") {
  folder dir;
  auto file = dir.path / "key.pem";
  auto made = signing_key::load_or_create(file).value();
  CHECK(mode(file) == 0600);
  auto again = signing_key::load_or_create(file).value();
  CHECK(again.id() == made.id());
  auto other = signing_key::generate().value().save(file);
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("exists already") != std::string::npos);
  CHECK(signing_key::load(file).value().id() == made.id());
}

TEST_CASE("a key file that others can read, or that is no such key, is refused", "[auth]") {
  folder dir;
  auto file = dir.path / "key.pem";
  REQUIRE(signing_key::generate().value().save(file));
  fs::permissions(file, fs::perms::owner_read | fs::perms::group_read);
  auto open = signing_key::load(file);
  REQUIRE_FALSE(open);
  CHECK(open.error().message.find("chmod 600") != std::string::npos);
  auto text = dir.path / "text";
  std::ofstream(text) << "no key";
  fs::permissions(text, fs::perms::owner_read);
  CHECK(signing_key::load(text).error().message.find("no private key") != std::string::npos);
  CHECK_FALSE(signing_key::load(dir.path / "absent"));
  CHECK_FALSE(signing_key::load_or_create(dir.path / "no" / "such" / "folder"));
}
