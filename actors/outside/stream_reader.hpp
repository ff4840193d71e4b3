// The body of a reply, as the node that made the call reads it: past the actors it was opened by,
// which would each have a turn for every token.
#pragma once

#include "behalf/error.hpp"
#include "behalf/time.hpp"
#include "runtime/http/client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace behalf {

/// Made by the node, opened by egress when there is a stream. Thread-safe.
class stream_reader : public std::enable_shared_from_this<stream_reader> {
public:
  stream_reader() = default;
  stream_reader(const stream_reader&) = delete;

  /// Only egress calls this. `over` is called after the last part or an error, on any thread.
  void open(std::weak_ptr<client> http, uint64_t stream_id, std::function<void()> over);
  bool reads(uint64_t stream_id) const;

  /// The next part, as client::read_chunk gives it; `done` may be called at once.
  void read(chunk_handler done);

  /// From now on nothing is read but this error.
  void cut(error why);

  /// When a part was read last; now, while one is waited for.
  deadline used() const;

private:
  void take(const chunk_handler& done, result<outbound_chunk> part);

  mutable std::mutex guard_;
  std::weak_ptr<client> http_;
  uint64_t stream_id_ = 0; // 0: not open
  std::function<void()> over_;
  std::optional<error> cut_;
  deadline used_{};
  bool reading_ = false;
};

} // namespace behalf
