#include "runtime/base/id.hpp"

#include "runtime/base/text.hpp"
#include "runtime/base/time.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <atomic>

namespace behalf {
namespace {

using bytes16 = std::array<unsigned char, 16>;

constexpr char hex_digits[] = "0123456789abcdef";

// One call to the system's generator serves many identifiers.
void random_bytes(unsigned char* out, std::size_t n) {
  thread_local std::array<unsigned char, 1024> pool;
  thread_local std::size_t used = pool.size();
  if (n > pool.size()) {
    RAND_bytes(out, static_cast<int>(n));
    return;
  }
  if (used + n > pool.size()) {
    RAND_bytes(pool.data(), static_cast<int>(pool.size()));
    used = 0;
  }
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = pool[used];
    pool[used++] = 0;
  }
}

std::string format(const bytes16& b) {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      text += '-';
    text += hex_digits[b[i] >> 4];
    text += hex_digits[b[i] & 15];
  }
  return text;
}

std::string stamp(bytes16 b, unsigned version) {
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | (version << 4));
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  return format(b);
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
  bytes16 b;
  random_bytes(b.data() + 8, 8);
  for (int i = 0; i < 6; ++i)
    b[static_cast<std::size_t>(i)] = static_cast<unsigned char>(tick >> (52 - 8 * i));
  b[6] = static_cast<unsigned char>((tick >> 8) & 0x0f);
  b[7] = static_cast<unsigned char>(tick);
  return stamp(b, version);
}

// The inverse; 0 for what is no identifier of that version.
uint64_t tick_of(std::string_view id, char version) {
  if (id.size() != 36 || id[14] != version)
    return 0;
  uint64_t tick = 0;
  for (std::size_t i = 0; i < 18; ++i) {
    if (i == 8 || i == 13 || i == 14)
      continue;
    auto v = hex_value(id[i]);
    if (v < 0)
      return 0;
    tick = tick << 4 | static_cast<uint64_t>(v);
  }
  return tick;
}

std::atomic<uint64_t> last_uuid7{0};

std::string encode(std::string_view bytes, const char* alphabet, bool pad) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (unsigned char c : bytes) {
    buffer = (buffer << 8) | c;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += alphabet[(buffer >> bits) & 63];
    }
  }
  if (bits > 0)
    text += alphabet[(buffer << (6 - bits)) & 63];
  while (pad && text.size() % 4)
    text += '=';
  return text;
}

constexpr char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char standard_alphabet[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of every character, or 64: tokens are decoded on the way in, so a search will not do.
using decode_table = std::array<unsigned char, 256>;
constexpr decode_table make_table(const char* alphabet) {
  decode_table table{};
  table.fill(64);
  for (unsigned char i = 0; i < 64; ++i)
    table[static_cast<unsigned char>(alphabet[i])] = i;
  return table;
}
constexpr auto url_table = make_table(url_alphabet);
constexpr auto standard_table = make_table(standard_alphabet);

result<std::string> decode(std::string_view text, const decode_table& table) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (unsigned char c : text) {
    auto value = table[c];
    if (value == 64)
      return fail(errc::invalid_argument, "not base64");
    buffer = (buffer << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>((buffer >> bits) & 255);
    }
  }
  if (bits == 6 || (buffer & ((1u << bits) - 1)) != 0)
    return fail(errc::invalid_argument, "not base64: stray bits at the end");
  return bytes;
}

} // namespace

std::string uuid4() {
  bytes16 b;
  random_bytes(b.data(), b.size());
  return stamp(b, 4);
}

std::string uuid6(std::string_view after) {
  static std::atomic<uint64_t> last{0};
  // 100 ns ticks since 1582-10-15 (RFC 9562 5.6).
  auto tick = next_tick(last, static_cast<uint64_t>(to_micros(now())) * 10 + 0x01B21DD213814000ull);
  return of_tick(std::max(tick, tick_of(after, '6') + 1), 6);
}

std::string uuid7() {
  // 48 bits of milliseconds, then 12 bits that count up within one (RFC 9562 6.2, method 1).
  auto tick = next_tick(last_uuid7, static_cast<uint64_t>(to_micros(now())) / 1000 << 12);
  return of_tick(tick, 7);
}

void continue_uuid7(std::string_view newest) {
  auto tick = tick_of(newest, '7');
  for (auto seen = last_uuid7.load(); seen < tick;)
    if (last_uuid7.compare_exchange_weak(seen, tick))
      return;
}

std::string uuid5(std::string_view space, std::string_view name) {
  std::string data;
  int high = -1;
  for (char c : space) {
    auto v = hex_value(c);
    if (v < 0)
      continue;
    if (high < 0) {
      high = v;
    } else {
      data += static_cast<char>(high * 16 + v);
      high = -1;
    }
  }
  data += name;
  unsigned char digest[EVP_MAX_MD_SIZE];
  EVP_Digest(data.data(), data.size(), digest, nullptr, EVP_sha1(), nullptr);
  bytes16 b;
  std::copy_n(digest, 16, b.begin());
  return stamp(b, 5);
}

result<std::string> parse_uuid(std::string_view text, std::string_view what) {
  bytes16 b;
  std::size_t n = 0;
  bool dashed = text.size() == 36;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dashed && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-')
        break;
      continue;
    }
    auto v = hex_value(text[i]);
    if (v < 0 || n >= 32)
      break;
    auto& byte = b[n / 2];
    byte = static_cast<unsigned char>(n % 2 ? byte * 16 + v : v);
    ++n;
  }
  if (n != 32 || (text.size() != 32 && text.size() != 36))
    return fail(errc::invalid_argument, "Invalid " + std::string(what) + " ID: must be a UUID");
  return format(b);
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
  auto d = sha256(data);
  bytes16 b;
  std::copy_n(d.begin(), 16, b.begin());
  return format(b);
}

std::string hash_hex32(std::string_view data) {
  return sha256_hex(data).substr(0, 32);
}

std::string base64url(std::string_view bytes) {
  return encode(bytes, url_alphabet, false);
}

result<std::string> base64url_decode(std::string_view text) {
  return decode(text, url_table);
}

std::string base64(std::string_view bytes) {
  return encode(bytes, standard_alphabet, true);
}

result<std::string> base64_decode(std::string_view text) {
  while (!text.empty() && text.back() == '=')
    text.remove_suffix(1);
  return decode(text, standard_table);
}

} // namespace behalf
