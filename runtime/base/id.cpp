#include "runtime/base/id.hpp"

#include "behalf/time.hpp"

#include <boost/endian/conversion.hpp>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <stdexcept>

namespace behalf {
namespace {

using boost::uuids::uuid;

constexpr char hex_digits[] = "0123456789abcdef";

void generate(unsigned char* out, std::size_t n) {
  if (RAND_bytes(out, static_cast<int>(n)) != 1)
    throw std::runtime_error{"the system's random generator failed"};
}

// One call to the generator serves many identifiers: it takes ten times as long as the rest of one.
void random_bytes(unsigned char* out, std::size_t n) {
  thread_local std::array<unsigned char, 1024> pool;
  thread_local std::size_t used = pool.size();
  if (n > pool.size())
    return generate(out, n);
  if (used + n > pool.size()) {
    generate(pool.data(), pool.size());
    used = 0;
  }
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = pool[used];
    pool[used++] = 0;
  }
}

std::string stamp(uuid id, unsigned version) {
  id.data[6] = static_cast<unsigned char>((id.data[6] & 0x0f) | (version << 4));
  id.data[8] = static_cast<unsigned char>((id.data[8] & 0x3f) | 0x80);
  return to_string(id);
}

// Nothing unless `text` is a UUID with or without dashes. Its size is looked at first: the
// generator would take braces, and it throws, which costs more than all else here.
std::optional<uuid> read_uuid(std::string_view text) {
  if (text.size() != 32 && text.size() != 36)
    return std::nullopt;
  try {
    return boost::uuids::string_generator{}(text.begin(), text.end());
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

// Strictly increasing within the process, so that two identifiers never tie.
uint64_t next_tick(std::atomic<uint64_t>& last, uint64_t tick) {
  auto seen = last.load();
  for (;;) {
    auto mine = tick > seen ? tick : seen + 1;
    if (last.compare_exchange_weak(seen, mine))
      return mine;
  }
}

// 60 bits of time, the version between the first 48 and the last 12; the rest is random.
std::string of_tick(uint64_t tick, unsigned version) {
  uuid id;
  boost::endian::store_big_u64(id.data, (tick >> 12) << 16 | (tick & 0xfff));
  random_bytes(id.data + 8, 8);
  return stamp(id, version);
}

// The inverse; 0 for what is no identifier of that version.
uint64_t tick_of(std::string_view text, unsigned version) {
  const auto id = read_uuid(text);
  if (!id || id->data[6] >> 4 != version)
    return 0;
  const auto time = boost::endian::load_big_u64(id->data);
  return (time >> 16) << 12 | (time & 0xfff);
}

std::atomic<uint64_t> last_uuid7{0};

} // namespace

std::string uuid4() {
  uuid id;
  random_bytes(id.data, sizeof id.data);
  return stamp(id, 4);
}

std::string uuid6(std::string_view after) {
  static std::atomic<uint64_t> last{0};
  // 100 ns ticks since 1582-10-15 (RFC 9562 5.6).
  auto tick = next_tick(last, static_cast<uint64_t>(to_micros(now())) * 10 + 0x01B21DD213814000ull);
  return of_tick(std::max(tick, tick_of(after, 6) + 1), 6);
}

std::string uuid7() {
  // 48 bits of milliseconds, then 12 bits that count up within one (RFC 9562 6.2, method 1).
  auto tick = next_tick(last_uuid7, static_cast<uint64_t>(to_micros(now())) / 1000 << 12);
  return of_tick(tick, 7);
}

void continue_uuid7(std::string_view newest) {
  auto tick = tick_of(newest, 7);
  for (auto seen = last_uuid7.load(); seen < tick;)
    if (last_uuid7.compare_exchange_weak(seen, tick))
      return;
}

std::string uuid5(std::string_view space, std::string_view name) {
  const boost::uuids::name_generator_sha1 within{read_uuid(space).value()};
  return to_string(within(name.data(), name.size()));
}

result<std::string> parse_uuid(std::string_view text, std::string_view what) {
  if (const auto id = read_uuid(text))
    return to_string(*id);
  return fail(errc::invalid_argument, "Invalid " + std::string(what) + " ID: must be a UUID");
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  random_bytes(reinterpret_cast<unsigned char*>(raw.data()), bytes);
  return to_hex(raw);
}

std::array<unsigned char, 32> sha256(std::string_view data) {
  std::array<unsigned char, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data());
  return digest;
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) {
    text += hex_digits[c >> 4];
    text += hex_digits[c & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view data) {
  auto d = sha256(data);
  return to_hex({reinterpret_cast<const char*>(d.data()), d.size()});
}

std::string hash_uuid(std::string_view data) {
  const auto digest = sha256(data);
  uuid id;
  std::copy_n(digest.begin(), sizeof id.data, id.data);
  return to_string(id);
}

std::string hash_hex32(std::string_view data) {
  return sha256_hex(data).substr(0, 32);
}

} // namespace behalf
