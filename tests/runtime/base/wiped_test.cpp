#include "behalf/wiped.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <type_traits>

using behalf::wiped_string;

static_assert(!std::is_copy_constructible_v<wiped_string>);
static_assert(!std::is_copy_assignable_v<wiped_string>);
static_assert(std::is_nothrow_move_constructible_v<wiped_string>);

TEST_CASE("a wiped string holds what was appended", "[secrets]") {
  wiped_string s{"Bearer "};
  s.append("token").push_back('!');
  CHECK(s.view() == "Bearer token!");
  for (int i = 0; i < 1000; ++i)
    s.append("0123456789");
  CHECK(s.size() == 13 + 10'000);
  CHECK(s.view().substr(0, 13) == "Bearer token!");
  s.append({});
  CHECK(s.size() == 13 + 10'000);
}

TEST_CASE("a wiped string may be appended to itself", "[secrets]") {
  wiped_string s{"ab"};
  for (int i = 0; i < 10; ++i)
    s.append(s.view());
  CHECK(s.size() == 2048);
  CHECK(s.view().substr(2044) == "abab");
}

TEST_CASE("bytes cut off are overwritten in place", "[secrets]") {
  wiped_string s{"secret-token"};
  const char* at = s.data();
  s.resize(6);
  CHECK(s.view() == "secret");
  CHECK(std::string_view(at + 6, 6) == std::string(6, '\0'));
  s.erase_front(4);
  CHECK(s.view() == "et");
  CHECK(std::string_view(at + 2, 4) == std::string(4, '\0'));
  s.erase_front(100);
  CHECK(s.empty());
  s.append("again");
  s.clear();
  CHECK(std::string_view(at, 5) == std::string(5, '\0'));
  CHECK(s.capacity() > 0);
}

TEST_CASE("a moved wiped string leaves nothing behind", "[secrets]") {
  wiped_string a{"short"};
  const char* at = a.data();
  wiped_string b{std::move(a)};
  CHECK(a.empty());
  CHECK(b.data() == at); // the bytes did not move
  wiped_string c{"old value"};
  c = std::move(b);
  CHECK(b.empty());
  CHECK(c.view() == "short");
  auto& same = c;
  c = std::move(same);
  CHECK(c.view() == "short");
}

TEST_CASE("new bytes are zero", "[secrets]") {
  wiped_string s{"x"};
  s.resize(100);
  CHECK(s.view() == "x" + std::string(99, '\0'));
}
