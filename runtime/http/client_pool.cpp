#include "runtime/http/client_pool.hpp"

#include <algorithm>

namespace behalf {

client_pool::client_pool(std::size_t per_key, std::size_t total,
                         std::chrono::milliseconds idle_timeout)
  : per_key_(per_key), total_(total), idle_timeout_(idle_timeout) {}

client_pool::connection_pointer client_pool::take(const std::string& key) {
  std::lock_guard lock{mutex_};
  auto found = kept_.find(key);
  if (found == kept_.end())
    return nullptr;
  auto& list = found->second;
  connection_pointer good;
  while (!good && !list.empty()) {
    if (list.back()->silent() && clock::now() - list.back()->idle_since < idle_timeout_)
      good = std::move(list.back());
    list.pop_back();
    --idle_;
  }
  if (list.empty())
    kept_.erase(found);
  return good;
}

void client_pool::give(const std::string& key, connection_pointer connection) {
  std::lock_guard lock{mutex_};
  if (closed_ || idle_ >= total_ || per_key_ == 0)
    return;
  connection->idle_since = clock::now();
  auto& list = kept_[key];
  if (list.size() >= per_key_) {
    list.erase(list.begin());
    --idle_;
  }
  list.push_back(std::move(connection));
  ++idle_;
}

bool client_pool::sweep(clock::time_point now) {
  std::lock_guard lock{mutex_};
  for (auto at = kept_.begin(); at != kept_.end();) {
    auto& list = at->second;
    auto fresh = std::find_if(list.begin(), list.end(), [&](const connection_pointer& c) {
      return now - c->idle_since < idle_timeout_;
    });
    idle_ -= fresh - list.begin();
    list.erase(list.begin(), fresh);
    at = list.empty() ? kept_.erase(at) : std::next(at);
  }
  return idle_ > 0;
}

void client_pool::close() {
  std::lock_guard lock{mutex_};
  closed_ = true;
  kept_.clear();
  idle_ = 0;
}

std::size_t client_pool::idle() const {
  std::lock_guard lock{mutex_};
  return idle_;
}

} // namespace behalf
