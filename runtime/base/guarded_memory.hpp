// Memory for secrets: locked against swapping, left out of core dumps, empty in forked children,
// overwritten when given back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace behalf {

/// How many bytes `take_guarded(size)` really gives.
std::size_t guarded_capacity(std::size_t size) noexcept;

/// At least `size` bytes (not 0), all zero. Thread-safe; throws std::bad_alloc as new does.
/// Locking is best effort: where the system's limit (ulimit -l) is reached, one warning is logged
/// and the memory is used unlocked. It never appears in a core dump.
char* take_guarded(std::size_t size);

/// Overwrites and takes back what take_guarded(size) gave. `size`: as asked or as given.
void give_guarded(char* bytes, std::size_t size) noexcept;

/// For containers whose contents are secret. T needs no stricter alignment than 64.
template <class T>
struct guarded_allocator {
  using value_type = T;

  guarded_allocator() = default;
  template <class Other>
  guarded_allocator(const guarded_allocator<Other>&) noexcept {}

  T* allocate(std::size_t count) { return reinterpret_cast<T*>(take_guarded(count * sizeof(T))); }
  void deallocate(T* at, std::size_t count) noexcept {
    give_guarded(reinterpret_cast<char*>(at), count * sizeof(T));
  }
  bool operator==(const guarded_allocator&) const = default;
};

struct guarded_figures {
  std::size_t mapped = 0;   // bytes
  std::size_t unlocked = 0; // of these, bytes the system would not lock
  std::size_t in_use = 0;   // bytes taken and not given back
};
guarded_figures guarded_memory_figures() noexcept;

/// True when the byte at `address` lies in guarded memory that is mapped now. For tests.
bool is_guarded(const void* address) noexcept;

} // namespace behalf
