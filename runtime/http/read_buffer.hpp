// Bytes read and not yet used: small while idle, and wiped as soon as they are used, because
// request heads carry tokens.
#pragma once

#include "behalf/wiped.hpp"

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace behalf::inbound {

class read_buffer {
public:
  static constexpr std::size_t small = 4 * 1024;

  read_buffer() = default;
  read_buffer(const read_buffer&) = delete;
  read_buffer& operator=(const read_buffer&) = delete;
  ~read_buffer() { wipe(bytes_.get(), end_); }

  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return begin_ == end_; }

  /// Room for at least `room` more bytes. Views taken before are void.
  boost::asio::mutable_buffer prepare(std::size_t room) {
    if (capacity_ - end_ < room && begin_ > 0) {
      const auto kept = size();
      std::memmove(bytes_.get(), bytes_.get() + begin_, kept);
      wipe(bytes_.get() + kept, end_ - kept);
      begin_ = 0;
      end_ = kept;
    }
    if (capacity_ - end_ < room)
      reallocate(std::max(end_ + room, std::max(small, 2 * capacity_)));
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t count) { end_ += count; }

  /// Drops and wipes the first `count` bytes. Does not move the others: a read into prepared room
  /// may be under way.
  void consume(std::size_t count) {
    wipe(bytes_.get() + begin_, count);
    begin_ += count;
  }

  /// Gives memory beyond the small size back. Not while a read is under way.
  void shrink() {
    if (capacity_ > small)
      release();
  }
  /// Gives all memory back if nothing is in it. Not while a read is under way.
  void release() {
    if (!empty())
      return;
    bytes_.reset();
    begin_ = end_ = capacity_ = 0;
  }

private:
  void reallocate(std::size_t capacity) {
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    std::copy_n(bytes_.get(), end_, grown.get());
    wipe(bytes_.get(), end_);
    bytes_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

} // namespace behalf::inbound
