// A fair queue: tenants take turns, and within a tenant its users do (deficit round robin), however
// much one of them has waiting.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace behalf {

/// Whether a user who has `has` may take one more while `free` are free. A single user gets all
/// but an eighth; the more is in use, the smaller each share, so that some is free for the next
/// one.
constexpr bool within_share(std::size_t has, std::size_t free) {
  return has < 7 * free;
}

/// For one thread at a time. A turn is worth `quantum`: it hands out items of that cost together,
/// and an unused rest counts at the next turn. Users without waiting items are dropped, with their
/// rest. Push, pop and remove take constant time for items that cost at most a quantum; a dearer
/// one waits as many rounds as it costs quanta.
template <class Item>
class fair_queue {
public:
  using ticket = uint64_t;

  explicit fair_queue(int64_t quantum = 1) : quantum_(std::max<int64_t>(quantum, 1)) {}
  fair_queue(fair_queue&&) = default;
  fair_queue& operator=(fair_queue&&) = default;

  /// `user` needs to be unique within its tenant only. A cost below 1 counts as 1. The ticket names
  /// the item for `remove`.
  ticket push(const std::string& tenant, const std::string& user, int64_t cost, Item item) {
    auto in = open(tenants_, tenants_by_name_, tenant);
    auto of = open(in->users, in->by_name, user);
    of->waiting.push_back({++last_, std::max<int64_t>(cost, 1), std::move(item)});
    places_.emplace(last_, place{in, of, std::prev(of->waiting.end())});
    return last_;
  }

  /// The next item; nullopt when nothing waits.
  std::optional<Item> pop() {
    return pop([](const std::string&) { return true; },
               [](const std::string&, const std::string&) { return true; });
  }

  /// The next item whose owner may have one now: `tenant_may(tenant)` and `user_may(tenant, user)`
  /// are asked in the order of turns. nullopt when none may.
  template <class TenantMay, class UserMay>
  std::optional<Item> pop(TenantMay tenant_may, UserMay user_may) {
    for (std::size_t passed = 0; passed < tenants_.size();) {
      auto in = tenants_.begin();
      auto* of = tenant_may(in->name) ? next_user(*in, user_may) : nullptr;
      if (!of) {
        to_back(tenants_);
        ++passed;
        continue;
      }
      auto cost = of->waiting.front().cost;
      if (in->credit >= cost) {
        in->credit -= cost;
        of->credit -= cost;
        return take(of->waiting.front().id);
      }
      in->credit += quantum_;
      to_back(tenants_);
      passed = 0;
    }
    return std::nullopt;
  }

  /// One that came out was dearer than its cost said: its owner's turns pay for the rest, if there
  /// is more of the owner's. One that was cheaper is not paid back.
  void charge(const std::string& tenant, const std::string& user, int64_t rest) {
    const auto in = tenants_by_name_.find(tenant);
    if (rest <= 0 || in == tenants_by_name_.end())
      return;
    in->second->credit -= rest;
    if (const auto of = in->second->by_name.find(user); of != in->second->by_name.end())
      of->second->credit -= rest;
  }

  /// Takes one out of its order; nullopt when it is not waiting any more.
  std::optional<Item> remove(ticket id) {
    if (!places_.contains(id))
      return std::nullopt;
    return take(id);
  }

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }

  /// How many items of a tenant's user, or of all the tenant's users, wait.
  std::size_t size_of(const std::string& tenant, const std::string& user) const {
    auto in = tenants_by_name_.find(tenant);
    if (in == tenants_by_name_.end())
      return 0;
    auto of = in->second->by_name.find(user);
    return of == in->second->by_name.end() ? 0 : of->second->waiting.size();
  }

  /// How many tenants and users have items waiting.
  std::size_t tenants() const { return tenants_.size(); }
  std::size_t users() const {
    std::size_t n = 0;
    for (const auto& t : tenants_)
      n += t.users.size();
    return n;
  }

private:
  struct entry {
    ticket id;
    int64_t cost;
    Item item;
  };
  struct user_line {
    std::string name;
    int64_t credit;
    std::list<entry> waiting = {};
  };
  using user_lines = std::list<user_line>; // whose turn it is first
  struct tenant_line {
    std::string name;
    int64_t credit;
    user_lines users = {};
    std::unordered_map<std::string, typename user_lines::iterator> by_name = {};
  };
  using tenant_lines = std::list<tenant_line>;
  struct place {
    typename tenant_lines::iterator in;
    typename user_lines::iterator of;
    typename std::list<entry>::iterator at;
  };

  // A newcomer has its first turn's worth at once.
  template <class Lines, class Names>
  typename Lines::iterator open(Lines& lines, Names& by_name, const std::string& name) {
    auto [known, added] = by_name.try_emplace(name, lines.end());
    if (added)
      known->second = lines.insert(lines.end(), {name, quantum_});
    return known->second;
  }

  template <class Lines>
  static void to_back(Lines& lines) {
    lines.splice(lines.end(), lines, lines.begin());
  }

  // Whose turn it is in a tenant, at its front then; null when none of its users may.
  template <class UserMay>
  user_line* next_user(tenant_line& in, UserMay& user_may) {
    for (std::size_t passed = 0; passed < in.users.size();) {
      auto& of = in.users.front();
      auto may = user_may(std::as_const(in.name), std::as_const(of.name));
      if (may && of.credit >= of.waiting.front().cost)
        return &of;
      if (may)
        of.credit += quantum_;
      passed = may ? 0 : passed + 1;
      to_back(in.users);
    }
    return nullptr;
  }

  Item take(ticket id) {
    auto at = places_.extract(id).mapped();
    auto item = std::move(at.at->item);
    at.of->waiting.erase(at.at);
    if (at.of->waiting.empty()) {
      at.in->by_name.erase(at.of->name);
      at.in->users.erase(at.of);
    }
    if (at.in->users.empty()) {
      tenants_by_name_.erase(at.in->name);
      tenants_.erase(at.in);
    }
    return item;
  }

  int64_t quantum_;
  ticket last_ = 0;
  tenant_lines tenants_;
  std::unordered_map<std::string, typename tenant_lines::iterator> tenants_by_name_;
  std::unordered_map<ticket, place> places_;
};

} // namespace behalf
