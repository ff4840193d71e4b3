#include "actors/runs/event_log.hpp"

#include <algorithm>
#include <vector>

namespace behalf::runs {
namespace {

// One batch becomes one write, which waits in memory for as long as its reader takes.
constexpr std::size_t long_batch = 256 * 1024;

std::size_t size_of(const run_event& e) {
  return sizeof(run_event) + e.name.size() + e.data->size();
}

} // namespace

// --- the memory of all ---------------------------------------------------------------------------

std::size_t event_memory::users() const {
  std::lock_guard lock{guard_};
  return accounts_.size();
}

event_memory::account_ptr event_memory::open(const std::string& user, log& app) {
  std::lock_guard lock{guard_};
  auto& of = accounts_[user];
  if (!of) {
    of = std::make_shared<account>();
    of->user = user;
  }
  std::lock_guard inner{of->guard};
  app.place = of->logs.insert(of->logs.end(), &app);
  return of;
}

void event_memory::close(const account_ptr& of, log& app) {
  std::lock_guard lock{guard_};
  std::lock_guard inner{of->guard};
  bytes_ -= app.bytes;
  of->bytes -= app.bytes;
  of->logs.erase(app.place);
  if (of->logs.empty())
    accounts_.erase(of->user);
}

// The account's guard is held.
void event_memory::drop_oldest(account& of, log& from) {
  auto bytes = size_of(from.events.front());
  from.events.pop_front();
  from.bytes -= bytes;
  of.bytes -= bytes;
  bytes_ -= bytes;
}

// Takes up to `bytes` of a user's oldest events; a run that goes on keeps its newest one.
bool event_memory::shrink(account& of, std::size_t bytes) {
  std::lock_guard lock{of.guard};
  const auto before = of.bytes.load();
  for (auto* one : of.logs)
    while (before - of.bytes < bytes && one->events.size() > (one->closed ? 0u : 1u))
      drop_oldest(of, *one);
  return of.bytes < before;
}

// Down to somewhat less than full, so that this is not needed again at once.
void event_memory::make_room() {
  std::lock_guard lock{guard_};
  const auto step = most_ / 16 + 1;
  while (bytes() > most_ - most_ / 16) {
    std::vector<std::pair<std::size_t, account*>> richest; // as they are now: others append
    for (const auto& [user, one] : accounts_)
      richest.emplace_back(one->bytes.load(), one.get());
    std::sort(richest.rbegin(), richest.rend());
    auto given = [&](const auto& one) { return shrink(*one.second, step); };
    if (std::none_of(richest.begin(), richest.end(), given))
      return;
  }
}

// --- one run's -----------------------------------------------------------------------------------

event_log::event_log(std::size_t max_bytes, std::shared_ptr<event_memory> memory,
                     const std::string& user)
  : memory_(std::move(memory)) {
  kept_->most = max_bytes;
  account_ = memory_->open(user, *kept_);
}

event_log& event_log::operator=(event_log&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(account_, other.account_);
  std::swap(kept_, other.kept_);
  return *this;
}

void event_log::end() {
  if (account_)
    memory_->close(account_, *kept_);
}

void event_log::append(std::string name, std::string data) {
  auto& k = *kept_;
  {
    std::lock_guard lock{account_->guard};
    k.events.push_back(
      {++k.last_seq, std::move(name), std::make_shared<const std::string>(std::move(data)), now()});
    auto bytes = size_of(k.events.back());
    k.bytes += bytes;
    account_->bytes += bytes;
    memory_->bytes_ += bytes;
    account_->logs.splice(account_->logs.end(), account_->logs, k.place);
    while (k.bytes > k.most && k.events.size() > 1)
      memory_->drop_oldest(*account_, k);
  }
  if (memory_->bytes() > memory_->most_)
    memory_->make_room();
}

void event_log::close() {
  std::lock_guard lock{account_->guard};
  kept_->closed = true;
}

event_batch event_log::read(int64_t after, std::size_t max) const {
  const auto& k = *kept_;
  std::lock_guard lock{account_->guard};
  event_batch batch;
  after = std::min(after, k.last_seq);
  batch.last_seq = after;
  auto first = k.last_seq - static_cast<int64_t>(k.events.size()); // the newest one dropped
  if (after < first) {
    batch.lost = true;
    return batch;
  }
  std::size_t bytes = 0;
  for (auto i = static_cast<std::size_t>(after - first);
       i < k.events.size() && batch.events.size() < max && bytes < long_batch; ++i) {
    batch.events.push_back(k.events[i]);
    bytes += k.events[i].data->size();
  }
  batch.last_seq += static_cast<int64_t>(batch.events.size());
  batch.last = k.closed && batch.last_seq == k.last_seq;
  return batch;
}

} // namespace behalf::runs
