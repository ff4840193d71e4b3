#include "runtime/http/connection_slots.hpp"

#include <algorithm>

namespace behalf::inbound {
namespace {

constexpr std::size_t most_asked = 32; // to give way, for one newcomer
constexpr auto granted = fair_budget::outcome::granted;

} // namespace

connection_slots::slot_ptr connection_slots::take(const std::string& peer) {
  holders
    asked; // destroyed after the lock is released: the last reference to one gives back its slot
  slot_ptr fresh{new slot{*this}};
  std::lock_guard lock{guard_};
  auto share = budget_.open(peer, {});
  if (share->resize(1) != granted && (!make_room(peer, asked) || share->resize(1) != granted))
    return nullptr;
  fresh->share_ = std::move(share);
  seat(peer, *fresh);
  return fresh;
}

bool connection_slots::make_room(const std::string& peer, holders& asked) {
  if (by_size_.empty())
    return false;
  auto& held = by_size_.rbegin()->second->held;
  const auto mine = parties_.find(peer);
  if (held.size() <= (mine == parties_.end() ? 0 : mine->second.held.size()) + 1)
    return false;
  for (auto n = std::min(held.size(), most_asked); n > 0; --n) {
    auto& longest = *held.front();
    asked.push_back(longest.holder_.lock());
    if (asked.back() && asked.back()->give_way()) {
      clear(longest);
      return true;
    }
    held.splice(held.end(), held, held.begin()); // it is busy: others are asked before it again
  }
  return false;
}

void connection_slots::count(party& whose, std::size_t before) {
  by_size_.erase({before, &whose});
  if (!whose.held.empty())
    by_size_.emplace(whose.held.size(), &whose);
}

void connection_slots::seat(const std::string& peer, slot& at) {
  const auto known = parties_.try_emplace(peer).first;
  auto& whose = known->second;
  whose.name = &known->first;
  at.in_ = &whose;
  at.at_ = whose.held.insert(whose.held.end(), &at);
  count(whose, whose.held.size() - 1);
}

void connection_slots::clear(slot& at) {
  auto& whose = *at.in_;
  whose.held.erase(at.at_);
  count(whose, whose.held.size() + 1);
  at.share_.reset();
  if (whose.held.empty())
    parties_.erase(parties_.find(*whose.name));
}

connection_slots::slot::~slot() {
  std::lock_guard lock{of_.guard_};
  if (share_)
    of_.clear(*this);
}

void connection_slots::slot::held_by(std::weak_ptr<slot_holder> holder) {
  std::lock_guard lock{of_.guard_};
  holder_ = std::move(holder);
}

} // namespace behalf::inbound
