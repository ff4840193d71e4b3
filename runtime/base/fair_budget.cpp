#include "runtime/base/fair_budget.hpp"

#include <mutex>
#include <unordered_map>

namespace behalf {

struct fair_budget::party {
  const std::string* name = nullptr; // its key in the ledger
  std::size_t used = 0;
  std::size_t shares = 0; // open now; the party is dropped with its last one
};

struct fair_budget::ledger {
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using parties = std::unordered_map<std::string, party, text_hash, std::equal_to<>>;

  ledger(std::size_t all, std::size_t times) : capacity(all), greed(times) {}

  static party* enter(parties& in, std::string_view name) {
    auto at = in.find(name);
    if (at == in.end()) {
      at = in.emplace(name, party{}).first;
      at->second.name = &at->first;
    }
    ++at->second.shares;
    return &at->second; // its address stays, whatever comes and goes
  }
  static void leave(parties& in, party& who) {
    if (--who.shares == 0)
      in.erase(in.find(*who.name));
  }

  outcome ask(const party& tenant, const party* user, std::size_t more) const {
    const auto free = capacity - used;
    if (more > free)
      return outcome::all_spent;
    const auto tenant_may = greed * (free - more + 1); // the 1: so that the last unit can be had
    const auto tenant_has = tenant.used + more;
    if (tenant_has > tenant_may)
      return outcome::share_spent;
    if (user && user->used + more > user_greed * (tenant_may - tenant_has + 1))
      return outcome::share_spent;
    return outcome::granted;
  }

  static constexpr std::size_t user_greed = 3;

  const std::size_t capacity, greed;
  std::mutex guard;
  std::size_t used = 0;
  parties tenants, users;
};

fair_budget::share::share(std::shared_ptr<ledger> in, std::string_view tenant,
                          std::string_view user)
  : in_(std::move(in)) {
  std::lock_guard lock{in_->guard};
  tenant_ = ledger::enter(in_->tenants, tenant);
  if (!user.empty())
    user_ = ledger::enter(in_->users, user);
}

fair_budget::share::~share() {
  resize(0);
  std::lock_guard lock{in_->guard};
  ledger::leave(in_->tenants, *tenant_);
  if (user_)
    ledger::leave(in_->users, *user_);
}

fair_budget::outcome fair_budget::share::resize(std::size_t size) {
  if (size == size_)
    return outcome::granted;
  std::lock_guard lock{in_->guard};
  if (size > size_)
    if (auto said = in_->ask(*tenant_, user_, size - size_); said != outcome::granted)
      return said;
  for (auto* sum : {&in_->used, &tenant_->used, user_ ? &user_->used : nullptr})
    if (sum)
      *sum += size - size_; // wraps around and back when it gives back
  size_ = size;
  return outcome::granted;
}

std::size_t fair_budget::share::capacity() const {
  return in_->capacity; // never changes
}

fair_budget::fair_budget(std::size_t capacity, std::size_t greed)
  : in_(std::make_shared<ledger>(capacity, greed)) {}

fair_budget::share_ptr fair_budget::open(std::string_view tenant, std::string_view user) const {
  return share_ptr{new share{in_, tenant, user}};
}

std::size_t fair_budget::used() const {
  std::lock_guard lock{in_->guard};
  return in_->used;
}

std::size_t fair_budget::parties() const {
  std::lock_guard lock{in_->guard};
  return in_->tenants.size() + in_->users.size();
}

result<void> claim(fair_budget::share& mine, std::size_t size, std::string_view what) {
  const auto said = mine.resize(size);
  if (said == fair_budget::outcome::granted)
    return {};
  if (said == fair_budget::outcome::share_spent)
    return fail(errc::too_many, "Too many " + std::string{what} + " for one caller; others wait",
                "Retry-After", "1");
  return fail(errc::overloaded, "Too many " + std::string{what}, "Retry-After", "1");
}

} // namespace behalf
