#include "actors/runs/webhook_queue.hpp"

#include <algorithm>

namespace behalf::runs {

void webhook_queue::add(waiting_call call, deadline due) {
  if (held_.contains(name_of(call)))
    return;
  const auto known = of_user_.find(user_of(call));
  const auto has = known == of_user_.end() ? 0 : known->second.held;
  const auto free = most_held_ - std::min(most_held_, held_.size());
  if (has > 0 && has >= options_.at_once_per_user && !within_share(has, free)) {
    known->second.left_at = has;
    return;
  }
  held_.insert(name_of(call));
  ++of_user_[user_of(call)].held;
  later_.emplace(due, std::move(call));
}

std::vector<waiting_call> webhook_queue::take_due(deadline now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    auto call = std::move(later_.extract(later_.begin()).mapped());
    due_.push(call.tenant, call.user, 1, call);
  }
  std::vector<waiting_call> calls;
  while (under_way_ < options_.at_once) {
    auto next = due_.pop([](const std::string&) { return true; },
                         [this](const std::string& tenant, const std::string& user) {
                           return of_user_.at({tenant, user}).under_way < options_.at_once_per_user;
                         });
    if (!next)
      break;
    ++under_way_;
    ++of_user_.at(user_of(*next)).under_way;
    calls.push_back(std::move(*next));
  }
  return calls;
}

void webhook_queue::over(const waiting_call& call) {
  if (held_.erase(name_of(call)) == 0)
    return;
  --under_way_;
  const auto of = of_user_.find(user_of(call));
  auto& has = of->second;
  --has.under_way;
  --has.held;
  if (has.left_at > 0 && has.held <= has.left_at / 2) {
    has.left_at = 0;
    wants_more_ = true;
  }
  if (has.held == 0)
    of_user_.erase(of);
}

std::optional<deadline> webhook_queue::next_due() const {
  return later_.empty() ? std::nullopt : std::optional{later_.begin()->first};
}

} // namespace behalf::runs
