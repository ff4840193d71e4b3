// Bytes of a request head must be gone once they are used.
#include "runtime/http/read_buffer.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using behalf::inbound::read_buffer;

namespace {

// Puts `text` in, and returns where it lies.
const char* fill(read_buffer& buffer, std::string_view text) {
  auto room = buffer.prepare(text.size());
  std::memcpy(room.data(), text.data(), text.size());
  buffer.commit(text.size());
  return static_cast<const char*>(room.data());
}

} // namespace

TEST_CASE("used bytes are overwritten, the others stay where they are", "[http][secrets]") {
  read_buffer buffer;
  const auto* at = fill(buffer, "token-12345 next");
  buffer.consume(11);
  CHECK(std::string_view(at, 11) == std::string(11, '\0'));
  CHECK(buffer.view() == " next");
  CHECK(buffer.view().data() == at + 11);
}

TEST_CASE("moving to the front leaves nothing behind", "[http][secrets]") {
  read_buffer buffer;
  const auto* at = fill(buffer, std::string(3000, 'a') + "token");
  buffer.consume(3000);
  buffer.prepare(2000); // does not fit behind: moved
  CHECK(buffer.view() == "token");
  CHECK(buffer.view().data() == at);
  CHECK(std::string_view(at + 5, 3000) == std::string(3000, '\0'));
}

TEST_CASE("a buffer grows for a large read and gives it back", "[http]") {
  read_buffer buffer;
  fill(buffer, "abc");
  CHECK(buffer.prepare(60'000).size() >= 60'000);
  CHECK(buffer.view() == "abc");
  buffer.shrink(); // not while there is something in it
  CHECK(buffer.view() == "abc");
  buffer.consume(3);
  buffer.shrink();
  CHECK(buffer.prepare(1).size() == read_buffer::small);
}

TEST_CASE("a buffer that is not needed any more gives all of its memory back", "[http]") {
  read_buffer buffer;
  fill(buffer, "abc");
  buffer.release(); // not while there is something in it
  CHECK(buffer.view() == "abc");
  buffer.consume(3);
  buffer.release();
  CHECK(buffer.capacity() == 0);
  fill(buffer, "def");
  CHECK(buffer.view() == "def");
}
