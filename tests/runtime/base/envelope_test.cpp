#include "runtime/base/envelope.hpp"
#include "tests/support/catch.hpp"

#include <set>

using namespace behalf;

namespace {

std::string from_hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

const std::string nonce = "ABCDEFGHIJKLMNOPQRSTUVWX";

std::string sealed(const secret& key, std::string_view context, std::string_view text) {
  std::string out;
  REQUIRE(append_wide_sealed(out, key, context, text));
  return out;
}

} // namespace

// The vectors of the specification, c2sp.org/XAES-256-GCM; the two keys differ in the bit that the
// derivation carries.
TEST_CASE("a wide seal is XAES-256-GCM", "[envelope]") {
  const secret one{std::string(32, '\x01')}, three{std::string(32, '\x03')};
  const auto first = nonce + from_hex("ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
  const auto second = nonce + from_hex("986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
  CHECK(unseal_wide(one, "", first).value() == "XAES-256-GCM");
  CHECK(unseal_wide(three, "c2sp.org/XAES-256-GCM", second).value() == "XAES-256-GCM");
}

TEST_CASE("what is sealed opens with its key and context alone", "[envelope]") {
  const auto key = make_key(), other = make_key();
  for (std::size_t size : {0, 1, 15, 16, 17, 1000, 100'000}) {
    const std::string text(size, 'x');
    const auto bytes = sealed(key, "here", text);
    CHECK(bytes.size() == size + wide_seal_bytes);
    CHECK(unseal_wide(key, "here", bytes).value() == text);
    CHECK_FALSE(unseal_wide(key, "there", bytes));
    CHECK_FALSE(unseal_wide(other, "here", bytes));
  }
  CHECK_FALSE(unseal_wide(key, "here", ""));
  CHECK_FALSE(unseal_wide(key, "here", std::string(wide_seal_bytes - 1, '\0')));
}

TEST_CASE("a changed byte anywhere keeps a sealed text shut", "[envelope]") {
  const auto key = make_key();
  const auto bytes = sealed(key, "here", "what was said");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_FALSE(unseal_wide(key, "here", changed));
    CHECK_FALSE(unseal_wide(key, "here", std::string_view{bytes}.substr(0, at)));
  }
}

TEST_CASE("the same text is sealed differently each time", "[envelope]") {
  const auto key = make_key();
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i)
    CHECK(seen.insert(sealed(key, "here", "again")).second);
}
