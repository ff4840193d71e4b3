#include "actors/runs/event_memory.hpp"

#include <boost/container/deque.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf::runs {
namespace {

// A batch becomes one write, which stays in memory until its reader has taken it.
constexpr std::size_t long_batch = 256 * 1024;

// What two events share is not worth a pointer to it when it is shorter.
constexpr std::size_t worth_sharing = 128;

// A reader that begins inside a stretch goes over all that comes before.
constexpr int64_t longest_stretch = 128;
constexpr std::size_t long_stretch = 16 * 1024; // bytes: it is dropped as a whole

using text = std::shared_ptr<const std::string>;

// What the parts of one message begin and end with: all that is told with each part.
struct frame {
  text beginning, ending;

  std::size_t size() const { return beginning->size() + ending->size(); }
  bool fits(std::string_view data) const {
    return data.size() >= size() && data.starts_with(*beginning) && data.ends_with(*ending);
  }
};

void put_number(std::string& to, uint64_t n) {
  for (; n >= 0x80; n >>= 7)
    to += static_cast<char>(n | 0x80);
  to += static_cast<char>(n);
}

uint64_t take_number(std::string_view& from) {
  uint64_t n = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    n |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return n;
  }
}

// Events in a row that have their name and their frame in common; most often it is one event, all
// of which is frame.
struct stretch {
  run_event first; // its data is the frame's beginning
  text ending = {};
  int64_t count = 1;
  std::string parts = {}; // of each: microseconds since the first, length and text of the middle
  std::size_t bytes = 0;  // it is counted as

  int64_t last_seq() const { return first.seq + count - 1; }

  void add(const frame& around, std::string_view data, time_point at) {
    const auto middle = data.substr(around.beginning->size(), data.size() - around.size());
    put_number(parts, static_cast<uint64_t>(std::max<int64_t>(0, (at - first.at).count())));
    put_number(parts, middle.size());
    parts += middle;
  }

  /// Calls `take` with those after `after` until it answers false.
  template <class Take>
  bool each(int64_t after, Take take) const {
    if (!ending)
      return take(first);
    std::string_view rest = parts;
    for (auto seq = first.seq; seq < first.seq + count; ++seq) {
      const std::chrono::microseconds since{take_number(rest)};
      const auto size = take_number(rest);
      const auto middle = rest.substr(0, size);
      rest.remove_prefix(size);
      if (seq <= after)
        continue;
      std::string data;
      data.reserve(first.data->size() + size + ending->size());
      data.append(*first.data).append(middle).append(*ending);
      if (!take({seq, first.name, std::make_shared<const std::string>(std::move(data)),
                 first.at + since}))
        return false;
    }
    return true;
  }
};

std::size_t size_of(const run_event& e) {
  return sizeof(stretch) + e.name.size() + e.data->size();
}

// Cut at quotes: what is between them differs from part to part, even where it begins alike.
std::optional<frame> frame_of(std::string_view a, std::string_view b) {
  const auto from_end = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first;
  auto ending = a.substr(static_cast<std::size_t>(a.rend() - from_end));
  ending.remove_prefix(std::min(ending.find('"'), ending.size()));
  a.remove_suffix(ending.size());
  b.remove_suffix(ending.size());
  const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  auto beginning = a.substr(0, static_cast<std::size_t>(differs - a.begin()));
  beginning = beginning.substr(0, beginning.rfind('"') + 1);
  if (beginning.size() + ending.size() < worth_sharing)
    return std::nullopt;
  return frame{std::make_shared<const std::string>(beginning),
               std::make_shared<const std::string>(ending)};
}

} // namespace

class event_memory::log : public event_log {
public:
  log(std::shared_ptr<event_memory> memory, std::shared_ptr<account> of)
    : memory_(std::move(memory)), of_(std::move(of)) {}
  log(const log&) = delete;
  ~log() override { memory_->close(*this); }

  using event_log::append;
  void append(std::string name, std::shared_ptr<const std::string> data, time_point at) override;
  void forget(int64_t read) override;
  void close() override;
  event_batch read(int64_t after, std::size_t max) const override;

private:
  friend class event_memory;

  bool joins_newest(std::string_view name, std::string_view data, time_point at);
  void count(stretch& one, std::size_t bytes);

  const std::shared_ptr<event_memory> memory_;
  const std::shared_ptr<account> of_;       // its guard protects the members below
  std::list<log*>::iterator place_;         // among its user's
  boost::container::deque<stretch> events_; // an empty one takes no memory, as of idle streams
  std::optional<frame> frame_;              // of the parts that came last
  std::weak_ptr<const std::string> newest_; // of the newest event; most readers wait for that
  time_point newest_at_{};
  std::size_t bytes_ = 0;
  int64_t last_seq_ = 0;
  int64_t forgotten_ = 0; // the last one that nobody needs
  bool closed_ = false;
};

// --- all logs ---------------------------------------------------------------------------

std::size_t event_memory::users() const {
  std::lock_guard lock{guard_};
  return accounts_.size();
}

std::unique_ptr<event_log> event_memory::open(const std::string&, const std::string& user) {
  std::lock_guard lock{guard_};
  auto& of = accounts_[user];
  if (!of) {
    of = std::make_shared<account>();
    of->user = user;
  }
  auto made = std::make_unique<log>(shared_from_this(), of);
  std::lock_guard inner{of->guard};
  made->place_ = of->logs.insert(of->logs.end(), made.get());
  return made;
}

void event_memory::close(log& which) {
  auto& of = *which.of_;
  std::lock_guard lock{guard_};
  std::lock_guard inner{of.guard};
  bytes_ -= which.bytes_;
  of.bytes -= which.bytes_;
  of.logs.erase(which.place_);
  if (of.logs.empty())
    accounts_.erase(of.user);
}

// The account's guard is held.
void event_memory::drop_oldest(account& of, log& from) {
  auto bytes = from.events_.front().bytes;
  from.events_.pop_front();
  from.bytes_ -= bytes;
  of.bytes -= bytes;
  bytes_ -= bytes;
}

// Drops up to `bytes` of a user's oldest events; a run that is not over keeps its newest stretch.
bool event_memory::shrink(account& of, std::size_t bytes) {
  std::lock_guard lock{of.guard};
  const auto before = of.bytes.load();
  for (auto* one : of.logs)
    while (before - of.bytes < bytes && one->events_.size() > (one->closed_ ? 0u : 1u))
      drop_oldest(of, *one);
  return of.bytes < before;
}

// Frees somewhat more than needed, so that it is not called for each event.
void event_memory::make_room() {
  std::lock_guard lock{guard_};
  const auto step = most_ / 16 + 1;
  while (bytes() > most_ - most_ / 16) {
    std::vector<std::pair<std::size_t, account*>> richest; // a snapshot: others append meanwhile
    for (const auto& [user, one] : accounts_)
      richest.emplace_back(one->bytes.load(), one.get());
    std::sort(richest.rbegin(), richest.rend());
    auto given = [&](const auto& one) { return shrink(*one.second, step); };
    if (std::none_of(richest.begin(), richest.end(), given))
      return;
  }
}

// --- one log -----------------------------------------------------------------------------------

void event_memory::log::append(std::string name, std::shared_ptr<const std::string> data,
                               time_point at) {
  {
    std::lock_guard lock{of_->guard};
    ++last_seq_;
    newest_ = data;
    newest_at_ = at;
    if (!joins_newest(name, *data, at)) {
      events_.push_back({{last_seq_, std::move(name), std::move(data), at}});
      count(events_.back(), size_of(events_.back().first));
    }
    of_->logs.splice(of_->logs.end(), of_->logs, place_);
    while (bytes_ > memory_->most_per_run_ && events_.size() > 1)
      memory_->drop_oldest(*of_, *this);
  }
  if (memory_->bytes() > memory_->most_)
    memory_->make_room();
}

// A part of a message goes to those before it, if it has their frame. One alone gets a frame, which
// fits both, when the next one comes.
bool event_memory::log::joins_newest(std::string_view name, std::string_view data, time_point at) {
  if (events_.empty() || !name.starts_with("messages") || events_.back().first.name != name)
    return false;
  auto& last = events_.back();
  if (!last.ending) {
    const auto whole = last.first.data;
    const bool known = frame_ && frame_->fits(*whole);
    if (!known)
      frame_ = frame_of(*whole, data);
    if (!frame_)
      return false;
    last.first.data = frame_->beginning;
    last.ending = frame_->ending;
    last.add(*frame_, *whole, last.first.at);
    count(last, sizeof(stretch) + last.first.name.size() + (known ? 0 : frame_->size())
                  + last.parts.capacity());
  }
  const auto most = std::min(long_stretch, memory_->most_per_run_ / 8);
  if (!frame_->fits(data) || last.count == longest_stretch || last.parts.size() > most) {
    const auto had = last.parts.capacity();
    last.parts.shrink_to_fit();
    count(last, last.bytes + last.parts.capacity() - had);
    return false;
  }
  const auto had = last.parts.capacity();
  last.add(*frame_, data, at);
  ++last.count;
  count(last, last.bytes + last.parts.capacity() - had);
  return true;
}

void event_memory::log::count(stretch& one, std::size_t bytes) {
  const auto more = bytes - std::exchange(one.bytes, bytes); // may wrap, as what it is added to
  bytes_ += more;
  of_->bytes += more;
  memory_->bytes_ += more;
}

void event_memory::log::forget(int64_t read) {
  std::lock_guard lock{of_->guard};
  while (!events_.empty() && events_.front().last_seq() <= read) {
    forgotten_ = events_.front().last_seq();
    memory_->drop_oldest(*of_, *this);
  }
}

void event_memory::log::close() {
  std::lock_guard lock{of_->guard};
  closed_ = true;
}

event_batch event_memory::log::read(int64_t after, std::size_t max) const {
  std::lock_guard lock{of_->guard};
  event_batch batch;
  after = std::clamp(after, forgotten_, last_seq_);
  batch.last_seq = after;
  const auto first = events_.empty() ? last_seq_ : events_.front().first.seq - 1; // dropped last
  if (after < first) {
    batch.lost = true;
    batch.last_seq = first;
    return batch;
  }
  std::size_t bytes = 0;
  const auto take = [&](run_event e) {
    if (batch.events.size() == max || bytes >= long_batch)
      return false;
    bytes += e.data->size();
    batch.events.push_back(std::move(e));
    return true;
  };
  if (auto data = newest_.lock(); data && after == last_seq_ - 1 && max > 0)
    take({last_seq_, events_.back().first.name, std::move(data), newest_at_});
  auto at = std::partition_point(events_.begin(), events_.end(), [&](const stretch& one) {
    return one.last_seq() <= after + static_cast<int64_t>(batch.events.size());
  });
  while (at != events_.end() && at->each(after, take))
    ++at;
  batch.last_seq += static_cast<int64_t>(batch.events.size());
  batch.more = batch.last_seq < last_seq_;
  batch.last = closed_ && batch.last_seq == last_seq_;
  return batch;
}

} // namespace behalf::runs
