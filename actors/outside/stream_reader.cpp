#include "actors/outside/stream_reader.hpp"

#include <utility>

namespace behalf {

using namespace std::chrono_literals;

void stream_reader::open(std::weak_ptr<client> http, uint64_t stream_id,
                         std::function<void()> over) {
  std::lock_guard lock{guard_};
  http_ = std::move(http);
  stream_id_ = stream_id;
  over_ = std::move(over);
  used_ = std::chrono::steady_clock::now();
}

bool stream_reader::reads(uint64_t stream_id) const {
  std::lock_guard lock{guard_};
  return stream_id_ == stream_id;
}

void stream_reader::read(chunk_handler done) {
  std::unique_lock lock{guard_};
  const auto http = http_.lock();
  if (reading_) { // it goes on
    lock.unlock();
    return done(fail(errc::conflict, "the stream is being read"));
  }
  reading_ = true;
  const bool is_cut = cut_.has_value();
  lock.unlock();
  if (is_cut || !http)
    return take(done, fail(errc::not_found, "the stream is over"));
  auto taken = [self = shared_from_this(), done = std::move(done)](result<outbound_chunk> part) {
    self->take(done, std::move(part));
  };
  http->read_chunk(stream_id_, std::chrono::steady_clock::now() + 1h, std::move(taken));
}

void stream_reader::cut(error why) {
  std::lock_guard lock{guard_};
  cut_ = std::move(why);
}

deadline stream_reader::used() const {
  std::lock_guard lock{guard_};
  return reading_ ? std::chrono::steady_clock::now() : used_;
}

void stream_reader::take(const chunk_handler& done, result<outbound_chunk> part) {
  std::unique_lock lock{guard_};
  reading_ = false;
  used_ = std::chrono::steady_clock::now();
  if (cut_)
    part = *cut_;
  const auto over = !part || part->last ? std::exchange(over_, nullptr) : nullptr;
  lock.unlock();
  if (over)
    over();
  done(std::move(part));
}

} // namespace behalf
