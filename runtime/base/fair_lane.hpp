// Bounds how many items are under way at once. Others wait and take turns, tenants first, then
// users; no user gets all places.
#pragma once

#include "runtime/base/fair_queue.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace behalf {

/// For one thread at a time. Shares of the places under way, and of those to wait, are as
/// `within_share` says. `user` is unique among all tenants' users.
template <class Item>
class fair_lane {
public:
  using ticket = typename fair_queue<Item>::ticket;

  explicit fair_lane(std::size_t most_under_way, std::size_t most_waiting = 256)
    : most_under_way_(most_under_way), most_waiting_(most_waiting) {}

  /// The ticket names the item for `remove`; nullopt: the user's share of the places is spent.
  std::optional<ticket> wait(const std::string& tenant, const std::string& user, Item item) {
    if (!within_share(waiting_.size_of(tenant, user), most_waiting_ - waiting_.size()))
      return std::nullopt;
    return waiting_.push(tenant, user, 1, {user, std::move(item)});
  }

  /// The item whose turn it is; it is under way until `done`. nullopt: none may begin.
  std::optional<Item> next() {
    auto anyone = [](const std::string&) { return true; };
    auto may = [&](const std::string&, const std::string& user) {
      auto has = of_user_.find(user);
      return within_share(has == of_user_.end() ? 0 : has->second, most_under_way_ - under_way_);
    };
    auto found = waiting_.pop(anyone, may);
    if (!found)
      return std::nullopt;
    ++under_way_;
    ++of_user_[found->user];
    return std::move(found->item);
  }

  /// One of the user's that was under way has ended.
  void done(const std::string& user) {
    --under_way_;
    auto has = of_user_.find(user);
    if (--has->second == 0)
      of_user_.erase(has);
  }

  /// Takes a waiting item out.
  void remove(ticket id) { waiting_.remove(id); }

  std::size_t under_way() const { return under_way_; }
  std::size_t waiting() const { return waiting_.size(); }
  bool idle() const { return under_way_ == 0 && waiting_.empty(); }

private:
  struct entry {
    std::string user;
    Item item;
  };

  std::size_t most_under_way_, most_waiting_;
  std::size_t under_way_ = 0;
  std::unordered_map<std::string, std::size_t> of_user_; // under way
  fair_queue<entry> waiting_;
};

} // namespace behalf
