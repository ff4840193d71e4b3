// Bytes that do not outlive their use: a buffer for tokens, header values and request heads.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace behalf {

/// Overwrites `size` bytes in a way the compiler may not remove.
void wipe(void* bytes, std::size_t size) noexcept;

/// A growable string whose bytes are overwritten when it shrinks, grows into new memory, is
/// assigned over or ends. Move-only, and there is no operator<<: whoever needs the text calls
/// view(). Its bytes lie in guarded memory (guarded_memory.hpp), never in the object, so that a
/// move copies none and leaves none behind, and a core dump has none.
class wiped_string {
public:
  wiped_string() noexcept = default;
  explicit wiped_string(std::string_view text) { append(text); }

  wiped_string(wiped_string&& other) noexcept { swap(other); }
  wiped_string& operator=(wiped_string&& other) noexcept {
    wiped_string taken{std::move(other)};
    swap(taken);
    return *this;
  }
  wiped_string(const wiped_string&) = delete;
  wiped_string& operator=(const wiped_string&) = delete;
  ~wiped_string();

  /// `text` may point into this string.
  wiped_string& append(std::string_view text);
  void push_back(char c) { append({&c, 1}); }

  void reserve(std::size_t capacity);
  /// New bytes are zero; bytes cut off are overwritten.
  void resize(std::size_t size);
  /// Drops the first `count` bytes (at most all) and overwrites where they were.
  void erase_front(std::size_t count);
  /// Overwrites the bytes; the memory stays for reuse.
  void clear() noexcept { resize(0); }

  /// Valid until the next call that is not const.
  std::string_view view() const noexcept { return {bytes_, size_}; }
  char* data() noexcept { return bytes_; }
  const char* data() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }

  void swap(wiped_string& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

private:
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

} // namespace behalf
