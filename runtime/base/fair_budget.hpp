// A budget shared by tenants, then users. A single one may have nearly all of it, several share it
// evenly, and something is always free for a newcomer.
#pragma once

#include "behalf/error.hpp"

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

namespace behalf {

/// The rule: a tenant may hold at most `greed` times what is free; a user at most three times what
/// its tenant could still take. So a single user stops at 84 % of the whole (with a greed of 7),
/// and the next one finds room at once. Thread-safe; copies are the same budget.
class fair_budget {
  struct ledger;
  struct party;

public:
  enum class outcome : uint8_t { granted, share_spent, all_spent };

  /// Something taken from the budget, given back when it ends. May outlive the budget. One owner.
  class share {
  public:
    share(share&&) = delete;
    ~share();

    /// Takes more or gives back, so that the share is `size`; unless granted nothing changes.
    outcome resize(std::size_t size);
    std::size_t size() const { return size_; }
    /// Of the whole budget.
    std::size_t capacity() const;

  private:
    friend class fair_budget;
    share(std::shared_ptr<ledger> in, std::string_view tenant, std::string_view user);

    const std::shared_ptr<ledger> in_;
    party* tenant_ = nullptr;
    party* user_ = nullptr; // null: the tenant has no parts
    std::size_t size_ = 0;
  };
  using share_ptr = std::shared_ptr<share>;

  explicit fair_budget(std::size_t capacity = std::numeric_limits<std::size_t>::max() / 1024,
                       std::size_t greed = 7);

  /// An empty share. `user` is unique among all tenants' users; empty: `tenant` is counted alone.
  share_ptr open(std::string_view tenant, std::string_view user) const;

  std::size_t used() const;
  /// Tenants and users that hold a share now.
  std::size_t parties() const;

private:
  std::shared_ptr<ledger> in_;
};

/// Makes the share `size` for a request. Error: too_many when the caller's share is spent,
/// overloaded when the whole budget is; both with Retry-After.
/// `what`: "requests under way", "memory for requests".
result<void> claim(fair_budget::share& mine, std::size_t size, std::string_view what);

} // namespace behalf
