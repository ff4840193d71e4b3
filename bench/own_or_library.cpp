// Where the runtime has code of its own beside a library's: what each costs. One line per
// operation; decision 0020 says what was chosen.
//
//     cmake --build build/release --target bench_own_or_library &&
//     build/release/bench/own_or_library
#include "behalf/wiped.hpp"
#include "runtime/base/guarded_memory.hpp"
#include "runtime/base/id.hpp"
#include "runtime/http/read_buffer.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/uuid/uuid_generators.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using namespace behalf;
namespace uuids = boost::uuids;

namespace {

using clock_type = std::chrono::steady_clock;

// The best of 20 batches: what else runs on the machine only ever adds.
template <class Work>
double best_of(int rounds, Work work) {
  constexpr int batches = 20;
  auto best = 1e18;
  for (int b = 0; b < batches; ++b) {
    auto start = clock_type::now();
    for (int i = 0; i < rounds / batches; ++i)
      work();
    std::chrono::duration<double, std::nano> took = clock_type::now() - start;
    best = std::min(best, took.count() / (rounds / batches));
  }
  return best;
}

template <class Work>
void measure(const char* name, int rounds, Work work) {
  std::printf("%-58s %8.0f ns\n", name, best_of(rounds, work));
}

template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

void identifiers() {
  measure("uuid4", 1'000'000, [] { keep(uuid4()); });
  uuids::random_generator random;
  measure("  Boost.UUID random_generator", 200'000, [&] { keep(uuids::to_string(random())); });
  measure("  16 bytes of RAND_bytes, Boost.UUID to_string", 200'000, [] {
    uuids::uuid id;
    RAND_bytes(id.data, sizeof id.data);
    keep(uuids::to_string(id));
  });
  measure("uuid7", 1'000'000, [] { keep(uuid7()); });
  const auto id = uuid4();
  measure("parse_uuid", 1'000'000, [&] { keep(parse_uuid(id, "run")); });
  measure("  Boost.UUID string_generator, to_string", 1'000'000,
          [&] { keep(uuids::to_string(uuids::string_generator{}(id))); });
  measure("parse_uuid of what is none", 200'000, [&] { keep(parse_uuid("agent", "run")); });
  measure("  Boost.UUID string_generator, which throws", 200'000, [&] {
    try {
      keep(uuids::string_generator{}("agent"));
    } catch (const std::exception& e) {
      keep(e);
    }
  });
  measure("uuid5", 200'000, [&] { keep(uuid5(id, "inbox")); });
  measure("  Boost.UUID name_generator_sha1", 200'000, [&] {
    keep(uuids::to_string(uuids::name_generator_sha1{uuids::string_generator{}(id)}("inbox")));
  });
}

struct guarded {
  static char* take(std::size_t size) { return take_guarded(size); }
  static void give(char* at, std::size_t size) { give_guarded(at, size); }
};
struct secure_heap {
  static char* take(std::size_t size) { return static_cast<char*>(OPENSSL_secure_malloc(size)); }
  static void give(char* at, std::size_t size) { OPENSSL_secure_clear_free(at, size); }
};
struct plain_heap {
  static char* take(std::size_t size) { return static_cast<char*>(std::malloc(size)); }
  static void give(char* at, std::size_t size) {
    wipe(at, size);
    std::free(at);
  }
};

// Takes and gives back among a thousand held, as a cache of tokens does, on so many threads.
template <class Memory>
double among_held(std::size_t size, int threads) {
  std::vector<double> took(static_cast<std::size_t>(threads));
  std::vector<std::thread> pool;
  for (auto& mine : took)
    pool.emplace_back([&mine, size] {
      std::vector<char*> held(200);
      for (auto& at : held)
        at = Memory::take(size);
      mine = best_of(200'000, [&, i = std::size_t{0}]() mutable {
        auto& at = held[i++ % held.size()];
        Memory::give(at, size);
        at = Memory::take(size);
        *at = 1;
      });
      for (auto* at : held)
        Memory::give(at, size);
    });
  for (auto& t : pool)
    t.join();
  return *std::max_element(took.begin(), took.end());
}

void memory() {
  constexpr std::size_t arena = 64u << 20;
  auto start = clock_type::now();
  const auto locked = CRYPTO_secure_malloc_init(arena, 64);
  std::chrono::duration<double, std::milli> took = clock_type::now() - start;
  std::printf("secure heap of %zu MiB: %s, %.1f ms\n", arena >> 20,
              locked == 1 ? "locked" : "not locked", took.count());
  for (auto size : {64u, 1024u, 16u * 1024u})
    for (auto threads : {1, 2})
      std::printf(
        "%6u bytes, %d thread%s: guarded %5.0f, secure heap %5.0f, heap and wipe %5.0f ns\n", size,
        threads, threads == 1 ? " " : "s", among_held<guarded>(size, threads),
        among_held<secure_heap>(size, threads), among_held<plain_heap>(size, threads));
  std::size_t taken = 0;
  while (OPENSSL_secure_malloc(16 * 1024) != nullptr)
    taken += 16;
  std::printf("secure heap: full after %zu KiB, then null\n", taken);
}

// Puts a head of 400 bytes in, looks at it, and takes it out.
template <class Buffer, class View, class Drop>
void one_head(const char* name, View view, Drop drop) {
  Buffer in;
  const std::string head(400, 'h');
  measure(name, 1'000'000, [&] {
    auto room = in.prepare(1024);
    std::memcpy(room.data(), head.data(), head.size());
    in.commit(head.size());
    keep(view(in));
    drop(in, head.size());
  });
}

void buffers() {
  using inbound::read_buffer;
  using flat = boost::beast::flat_buffer;
  auto all = [](const flat& b) { return b.data(); };
  one_head<read_buffer>(
    "read_buffer, a head of 400 bytes", [](const auto& b) { return b.view(); },
    [](auto& b, std::size_t n) { b.consume(n); });
  one_head<flat>("  flat_buffer, which leaves them", all,
                 [](flat& b, std::size_t n) { b.consume(n); });
  one_head<flat>("  flat_buffer, wiped before it consumes", all, [](flat& b, std::size_t n) {
    wipe(const_cast<void*>(b.data().data()), n);
    b.consume(n);
  });

  // What flat_buffer leaves where it moved bytes to its front, whoever wiped what was consumed.
  flat moved;
  auto room = moved.prepare(4096);
  auto* memory = static_cast<char*>(room.data());
  std::memset(memory, 'a', 3000);
  std::memcpy(memory + 3000, "token", 5);
  moved.commit(3005);
  wipe(memory, 3000);
  moved.consume(3000);
  moved.prepare(2000);
  std::printf("flat_buffer after a move to its front, where the bytes were: \"%.5s\"\n",
              memory + 3000);
}

} // namespace

int main() {
  identifiers();
  memory();
  buffers();
}
