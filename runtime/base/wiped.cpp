#include "behalf/wiped.hpp"

#include "runtime/base/guarded_memory.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

namespace behalf {

void wipe(void* bytes, std::size_t size) noexcept {
  if (size > 0)
    OPENSSL_cleanse(bytes, size);
}

wiped_string::~wiped_string() {
  give_guarded(bytes_, capacity_);
}

wiped_string& wiped_string::append(std::string_view text) {
  if (text.empty())
    return *this;
  if (size_ + text.size() <= capacity_) {
    std::memmove(bytes_ + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  // The old bytes live until the end of this block: `text` may be part of them.
  wiped_string grown;
  grown.reserve(std::max(2 * capacity_, size_ + text.size()));
  std::copy_n(bytes_, size_, grown.bytes_);
  std::copy_n(text.data(), text.size(), grown.bytes_ + size_);
  grown.size_ = size_ + text.size();
  swap(grown);
  return *this;
}

void wiped_string::reserve(std::size_t capacity) {
  if (capacity <= capacity_)
    return;
  capacity = guarded_capacity(capacity);
  auto* grown = take_guarded(capacity);
  std::copy_n(bytes_, size_, grown);
  give_guarded(bytes_, capacity_);
  bytes_ = grown;
  capacity_ = capacity;
}

void wiped_string::resize(std::size_t size) {
  reserve(size);
  if (size < size_)
    wipe(bytes_ + size, size_ - size);
  else
    std::fill(bytes_ + size_, bytes_ + size, '\0');
  size_ = size;
}

void wiped_string::erase_front(std::size_t count) {
  count = std::min(count, size_);
  if (count == 0)
    return;
  std::memmove(bytes_, bytes_ + count, size_ - count);
  resize(size_ - count);
}

} // namespace behalf
