#include "actors/event_log.hpp"

#include <algorithm>

namespace behalf {

void event_log::append(std::string name, std::string data) {
  bytes_ += name.size() + data.size();
  events_.push_back(
    {++last_seq_, std::move(name), std::make_shared<const std::string>(std::move(data)), now()});
  while (bytes_ > max_bytes_ && events_.size() > 1) {
    bytes_ -= events_.front().name.size() + events_.front().data->size();
    events_.pop_front();
  }
}

event_batch event_log::read(int64_t after, std::size_t max) const {
  event_batch batch;
  after = std::min(after, last_seq_);
  batch.last_seq = after;
  auto first = last_seq_ - static_cast<int64_t>(events_.size()); // the newest one dropped
  if (after < first) {
    batch.lost = true;
    return batch;
  }
  for (auto i = static_cast<std::size_t>(after - first);
       i < events_.size() && batch.events.size() < max; ++i)
    batch.events.push_back(events_[i]);
  batch.last_seq += static_cast<int64_t>(batch.events.size());
  batch.last = closed_ && batch.last_seq == last_seq_;
  return batch;
}

} // namespace behalf
