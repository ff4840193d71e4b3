#include "actors/runs/event_memory.hpp"

#include <boost/container/deque.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace behalf::runs {
namespace {

// A batch becomes one write, which stays in memory until its reader has taken it.
constexpr std::size_t long_batch = 256 * 1024;

// Shorter endings are not worth a pointer to them.
constexpr std::size_t short_ending = 128;

// An event as it is kept. Those of one message's parts end alike, in all that is told with each
// part: `ending` is shared by them.
struct kept_event {
  run_event what; // its data without the ending
  std::shared_ptr<const std::string> ending = {};
  std::size_t bytes = 0; // it is counted as

  run_event whole() const {
    auto e = what;
    if (ending)
      e.data = std::make_shared<const std::string>(*what.data + *ending);
    return e;
  }
};

std::size_t size_of(const run_event& e) {
  return sizeof(kept_event) + e.name.size() + e.data->size();
}

std::size_t common_ending(std::string_view a, std::string_view b) {
  const auto [end, other] = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return static_cast<std::size_t>(end - a.rbegin());
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
  void close() override;
  event_batch read(int64_t after, std::size_t max) const override;

private:
  friend class event_memory;

  void shorten(kept_event& one, std::string_view next);

  const std::shared_ptr<event_memory> memory_;
  const std::shared_ptr<account> of_;          // its guard protects the members below
  std::list<log*>::iterator place_;            // among its user's
  boost::container::deque<kept_event> events_; // an empty one takes no memory, as of idle streams
  std::shared_ptr<const std::string> ending_;  // of the parts that came last
  std::size_t bytes_ = 0;
  int64_t last_seq_ = 0;
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

// Drops up to `bytes` of a user's oldest events; a run that is not over keeps its newest one.
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
    if (!events_.empty() && name.starts_with("messages") && events_.back().what.name == name)
      shorten(events_.back(), *data);
    events_.push_back({{++last_seq_, std::move(name), std::move(data), at}});
    auto bytes = events_.back().bytes = size_of(events_.back().what);
    bytes_ += bytes;
    of_->bytes += bytes;
    memory_->bytes_ += bytes;
    of_->logs.splice(of_->logs.end(), of_->logs, place_);
    while (bytes_ > memory_->most_per_run_ && events_.size() > 1)
      memory_->drop_oldest(*of_, *this);
  }
  if (memory_->bytes() > memory_->most_)
    memory_->make_room();
}

// Until the next event comes an event is whole: that is when most viewers read it. An ending that
// other events do not have gets shorter, until it is what all of them end with.
void event_memory::log::shorten(kept_event& one, std::string_view next) {
  const std::string_view data = *one.what.data;
  std::size_t added = 0;
  if (!ending_ || !data.ends_with(*ending_)) {
    auto n = ending_ ? common_ending(data, *ending_) : 0;
    if (n < short_ending)
      n = common_ending(data, next);
    if (n < short_ending)
      return;
    ending_ = std::make_shared<const std::string>(data.substr(data.size() - n));
    added = n;
  }
  one.ending = ending_;
  one.what.data =
    std::make_shared<const std::string>(data.substr(0, data.size() - ending_->size()));
  const auto now = size_of(one.what) + added;
  const auto less = one.bytes - std::min(now, one.bytes);
  one.bytes -= less;
  bytes_ -= less;
  of_->bytes -= less;
  memory_->bytes_ -= less;
}

void event_memory::log::close() {
  std::lock_guard lock{of_->guard};
  closed_ = true;
}

event_batch event_memory::log::read(int64_t after, std::size_t max) const {
  std::lock_guard lock{of_->guard};
  event_batch batch;
  after = std::min(after, last_seq_);
  batch.last_seq = after;
  auto first = last_seq_ - static_cast<int64_t>(events_.size()); // the sequence number dropped last
  if (after < first) {
    batch.lost = true;
    batch.last_seq = first;
    return batch;
  }
  std::size_t bytes = 0;
  for (auto i = static_cast<std::size_t>(after - first);
       i < events_.size() && batch.events.size() < max && bytes < long_batch; ++i) {
    batch.events.push_back(events_[i].whole());
    bytes += batch.events.back().data->size();
  }
  batch.last_seq += static_cast<int64_t>(batch.events.size());
  batch.more = batch.last_seq < last_seq_;
  batch.last = closed_ && batch.last_seq == last_seq_;
  return batch;
}

} // namespace behalf::runs
