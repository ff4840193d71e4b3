#include "runtime/base/envelope.hpp"
#include "runtime/base/guarded_memory.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/log.hpp"
#include "secrets/secret.hpp"
#include "secrets/stored_credential.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace behalf;

namespace {

template <class T>
concept printable = requires(std::ostream& out, const T& v) {
  out << v;
};
template <class T>
concept comparable = requires(const T& a, const T& b) {
  a == b;
};
template <class T>
concept ordered = requires(const T& a, const T& b) {
  a < b;
};
template <class T>
concept in_json = json::has_value_from<T>::value;
template <class T>
concept loggable = requires(const T& v) {
  log::field{"key", v};
};
template <class T>
concept exposes = requires(const T& v) {
  v.expose();
};
template <class T>
concept viewable = requires(const T& v) {
  v.view();
};

template <class T>
consteval bool closed() {
  static_assert(!printable<T> && !comparable<T> && !ordered<T>);
  static_assert(!in_json<T> && !loggable<T> && !viewable<T>);
  static_assert(!std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>);
  static_assert(!std::is_convertible_v<T, std::string_view> && !std::is_convertible_v<T, bool>);
  static_assert(!std::is_convertible_v<T, std::string> && !std::is_convertible_v<T, const char*>);
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>);
  return true;
}

// The checks can fail: a string has everything a secret lacks.
static_assert(printable<std::string> && comparable<std::string> && ordered<std::string>);
static_assert(in_json<std::string> && loggable<std::string> && viewable<wiped_string>);

static_assert(closed<secret>());
static_assert(closed<inbound_token>());
static_assert(!printable<wiped_string> && !in_json<wiped_string> && !loggable<wiped_string>);
static_assert(!std::is_copy_constructible_v<wiped_string>);
static_assert(!std::is_copy_constructible_v<stored_credential> && !printable<stored_credential>);
static_assert(!printable<secret_ptr::element_type>);

// A token that came in cannot go out: neither type makes the other, and only one opens.
static_assert(exposes<secret> && !exposes<inbound_token>);
static_assert(!std::is_constructible_v<secret, inbound_token>);
static_assert(!std::is_constructible_v<secret, inbound_token&&>);
static_assert(!std::is_constructible_v<secret, const inbound_token&>);
static_assert(!std::is_constructible_v<inbound_token, secret>);
static_assert(!std::is_constructible_v<stored_credential, inbound_token>);
static_assert(!std::is_convertible_v<inbound_token_ptr, secret_ptr>);
static_assert(!std::is_convertible_v<std::string_view, secret>, "making a secret is said aloud");

// Reads memory that was given back: what a scan of the process would see.
__attribute__((no_sanitize("address"))) bool all_zero(const volatile char* at, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (at[i] != 0)
      return false;
  }
  return true;
}

// The flags of the mapping that holds `address`, as the kernel lists them ("rd wr … dd …").
std::string mapping_flags(const void* address) {
  std::ifstream smaps{"/proc/self/smaps"};
  std::string line;
  auto inside = false;
  auto where = reinterpret_cast<uintptr_t>(address);
  while (std::getline(smaps, line)) {
    unsigned long from = 0, to = 0;
    char dash = 0;
    std::istringstream head{line};
    if (head >> std::hex >> from >> dash >> to && dash == '-')
      inside = from <= where && where < to;
    if (inside && line.starts_with("VmFlags:"))
      return line.substr(8) + ' ';
  }
  return {};
}

const std::string long_text(3000, 'x');

} // namespace

TEST_CASE("a secret shows its bytes to expose() only and keeps them when moved", "[secrets]") {
  secret a{"hunter2hunter2"};
  CHECK(a.expose() == "hunter2hunter2");
  const auto* bytes = a.expose().data();
  secret b{std::move(a)};
  CHECK(b.expose() == "hunter2hunter2");
  CHECK(b.expose().data() == bytes);
  CHECK(a.empty()); // NOLINT: moved from is empty, and says so
  a = std::move(b);
  CHECK(a.size() == 14);
  CHECK(secret{}.empty());
}

TEST_CASE("the memory of a secret is overwritten when it ends", "[secrets]") {
  for (auto size : {1u, 15u, 64u, 65u, 1000u, 16'384u, 65'536u}) {
    const char* where = nullptr;
    {
      secret s{std::string(size, 's')};
      where = s.expose().data();
      REQUIRE_FALSE(all_zero(where, size));
    }
    CHECK(all_zero(where, size));
  }
}

TEST_CASE("assigning over a secret overwrites the old one", "[secrets]") {
  secret s{"the old value"};
  const auto* where = s.expose().data();
  s = secret{"the new value"};
  CHECK(all_zero(where, 13));
  CHECK(s.expose() == "the new value");
}

TEST_CASE("growing a wiped string leaves nothing where it was", "[secrets]") {
  wiped_string s{std::string(60, 'g')};
  const auto* where = s.data();
  s.append(long_text);
  REQUIRE(s.data() != where);
  CHECK(all_zero(where, 60));
  CHECK(s.size() == 3060);
}

TEST_CASE("secrets lie in guarded memory: not dumped, wiped on fork", "[secrets]") {
  secret small{"small secret"}, large{std::string(200'000, 'l')};
  for (const auto* s : {&small, &large}) {
    CHECK(is_guarded(s->expose().data()));
    auto flags = mapping_flags(s->expose().data());
    INFO(flags);
    CHECK(flags.find(" dd ") != flags.npos); // MADV_DONTDUMP
    CHECK(flags.find(" wf ") != flags.npos); // MADV_WIPEONFORK
  }
  std::string ordinary(200'000, 'o');
  CHECK_FALSE(is_guarded(ordinary.data()));
  CHECK(mapping_flags(ordinary.data()).find(" dd ") == std::string::npos);
}

TEST_CASE("a forked child sees zeros in place of a secret", "[secrets]") {
  secret s{"not for children"};
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0)
    _exit(all_zero(s.expose().data(), s.size()) ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(s.expose() == "not for children");
}

TEST_CASE("guarded memory is locked as far as the limit goes, and counted", "[secrets]") {
  auto before = guarded_memory_figures();
  {
    secret s{std::string(100'000, 'c')};
    auto during = guarded_memory_figures();
    CHECK(during.in_use >= before.in_use + 100'000);
    CHECK(during.mapped >= during.in_use);
    CHECK(during.unlocked <= during.mapped);
    if (during.unlocked == 0)
      CHECK(mapping_flags(s.expose().data()).find(" lo ") != std::string::npos);
  }
  CHECK(guarded_memory_figures().in_use == before.in_use);
}

TEST_CASE("guarded memory comes zeroed and is shared by threads without mixing", "[secrets]") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 2'000; ++i) {
        auto size = static_cast<std::size_t>(1 + (i * 37 + t) % 700);
        auto* bytes = take_guarded(size);
        if (!all_zero(bytes, guarded_capacity(size)))
          ++wrong;
        std::memset(bytes, 'a' + t, size);
        std::this_thread::yield();
        if (!std::all_of(bytes, bytes + size, [t](char c) { return c == 'a' + t; }))
          ++wrong;
        give_guarded(bytes, size);
      }
    });
  }
  for (auto& t : threads)
    t.join();
  CHECK(wrong == 0);
}

TEST_CASE("what is sealed opens with the same key and context only", "[secrets]") {
  auto key = make_key(), other = make_key();
  auto sealed = seal(key, "alice|github", "token-bytes").value();
  CHECK(sealed.ciphertext.find("token") == std::string::npos);
  CHECK(unseal(key, "alice|github", sealed).value().view() == "token-bytes");
  CHECK_FALSE(unseal(other, "alice|github", sealed));
  CHECK_FALSE(unseal(key, "bob|github", sealed));
  for (auto part : {&sealed_bytes::nonce, &sealed_bytes::ciphertext, &sealed_bytes::tag}) {
    for (std::size_t i = 0; i < (sealed.*part).size(); ++i) {
      auto changed = sealed;
      (changed.*part)[i] ^= 1;
      CHECK_FALSE(unseal(key, "alice|github", changed));
    }
    auto cut = sealed;
    (cut.*part).pop_back();
    CHECK_FALSE(unseal(key, "alice|github", cut));
  }
  auto empty = seal(key, "", "").value();
  CHECK(unseal(key, "", empty).value().empty());
  CHECK(seal(key, "a", "x").value().nonce != seal(key, "a", "x").value().nonce);
}

TEST_CASE("a context never reads as another", "[secrets]") {
  CHECK(bind_context({"ab", "c"}) != bind_context({"a", "bc"}));
  CHECK(bind_context({"a", "", "b"}) != bind_context({"a", "b", ""}));
}
