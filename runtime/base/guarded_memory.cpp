#include "runtime/base/guarded_memory.hpp"

#include "runtime/base/log.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <sanitizer/asan_interface.h> // poisoning; nothing without AddressSanitizer
#include <sys/mman.h>
#include <vector>

namespace behalf {
namespace {

// Slots of 64 bytes up to 64 KiB in powers of two; anything larger has a mapping of its own.
constexpr std::size_t smallest = 64, largest = 64 * 1024, slab_bytes = 256 * 1024, page = 4096;
constexpr std::size_t class_count = 11;
static_assert(smallest << (class_count - 1) == largest);

std::size_t class_of(std::size_t size) {
  return size <= smallest ? 0 : static_cast<std::size_t>(std::bit_width((size - 1) / smallest));
}

class guarded_pool {
public:
  char* take(std::size_t size) {
    auto given = guarded_capacity(size);
    in_use_ += given;
    if (given > largest)
      return map(given);
    auto& c = classes_[class_of(size)];
    std::lock_guard lock{c.mutex};
    if (c.free.empty())
      refill(c, given);
    auto* slot = c.free.back();
    c.free.pop_back();
    ASAN_UNPOISON_MEMORY_REGION(slot, given);
    return slot;
  }

  void give(char* bytes, std::size_t size) noexcept {
    auto given = guarded_capacity(size);
    in_use_ -= given;
    OPENSSL_cleanse(bytes, given);
    if (given > largest)
      return unmap(bytes, given);
    ASAN_POISON_MEMORY_REGION(bytes, given);
    auto& c = classes_[class_of(size)];
    std::lock_guard lock{c.mutex};
    c.free.push_back(bytes); // never allocates: refill reserved a place for every slot
  }

  guarded_figures figures() noexcept {
    std::lock_guard lock{maps_mutex_};
    guarded_figures f{.in_use = in_use_};
    for (const auto& [start, m] : maps_) {
      f.mapped += m.size;
      f.unlocked += m.locked ? 0 : m.size;
    }
    return f;
  }

  bool owns(const void* address) noexcept {
    std::lock_guard lock{maps_mutex_};
    auto at = maps_.upper_bound(static_cast<const char*>(address));
    if (at == maps_.begin())
      return false;
    --at;
    return static_cast<const char*>(address) < at->first + at->second.size;
  }

private:
  struct size_class {
    std::mutex mutex;
    std::vector<char*> free;
    std::size_t slots = 0;
  };
  struct mapping {
    std::size_t size;
    bool locked;
  };

  void refill(size_class& c, std::size_t slot) {
    c.free.reserve(c.slots + slab_bytes / slot);
    auto* slab = map(slab_bytes);
    c.slots += slab_bytes / slot;
    for (auto* at = slab + slab_bytes; at > slab;)
      c.free.push_back(at -= slot); // the lowest is used first: few pages are touched
    ASAN_POISON_MEMORY_REGION(slab, slab_bytes);
  }

  char* map(std::size_t size) {
    auto* start = static_cast<char*>(
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (start == MAP_FAILED)
      throw std::bad_alloc{};
    madvise(start, size, MADV_DONTDUMP);
    madvise(start, size, MADV_WIPEONFORK);
    // Pages are locked when they are touched, so that a slab costs only what is used of it.
    auto locked = mlock2(start, size, MLOCK_ONFAULT) == 0;
    if (!locked && !warned_.exchange(true))
      log::warning("memory_not_locked",
                   {{"hint", "secrets may be swapped out: raise the limit (ulimit -l)"}});
    std::lock_guard lock{maps_mutex_};
    maps_[start] = {size, locked};
    return start;
  }

  void unmap(char* start, std::size_t size) noexcept {
    {
      std::lock_guard lock{maps_mutex_};
      maps_.erase(start);
    }
    munmap(start, size);
  }

  std::array<size_class, class_count> classes_;
  std::mutex maps_mutex_;
  std::map<const char*, mapping> maps_;
  std::atomic<std::size_t> in_use_{0};
  std::atomic<bool> warned_{false};
};

// Never destroyed: secrets of static objects may outlive everything else.
guarded_pool& pool() {
  static auto* p = new guarded_pool;
  return *p;
}

} // namespace

std::size_t guarded_capacity(std::size_t size) noexcept {
  if (size > largest)
    return (size + page - 1) / page * page;
  return smallest << class_of(size);
}

char* take_guarded(std::size_t size) {
  return pool().take(size);
}

void give_guarded(char* bytes, std::size_t size) noexcept {
  if (bytes)
    pool().give(bytes, size);
}

guarded_figures guarded_memory_figures() noexcept {
  return pool().figures();
}

bool is_guarded(const void* address) noexcept {
  return pool().owns(address);
}

} // namespace behalf
