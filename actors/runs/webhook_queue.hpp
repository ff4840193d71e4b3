// Which calls to webhooks are made now: those that are due, a bounded number at once, and of no
// user more than their share.
#pragma once

#include "actors/runs/webhook_options.hpp"
#include "behalf/time.hpp"
#include "runtime/base/fair_queue.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace behalf::runs {

struct waiting_call {
  std::string tenant, run_id;
  std::string user;  // principal_key::text()
  bool over = false; // nothing is to be called any more: only its record is to go
};

/// Bookkeeping without I/O. Calls that it has no room for stay in the storage alone. Users share
/// the room as `within_share` says, and each has it for those that may be under way.
class webhook_queue {
public:
  explicit webhook_queue(const webhook_options& options = {}, std::size_t most_held = 100'000)
    : options_(options), most_held_(most_held) {}

  /// A call that is here already is not added again.
  void add(waiting_call call, deadline due);
  /// The calls to make now. They count as under way until `over`.
  std::vector<waiting_call> take_due(deadline now);
  /// The call was made, or is to be added anew.
  void over(const waiting_call& call);

  /// When the next of those that wait for their time is due.
  std::optional<deadline> next_due() const;
  std::size_t size() const { return held_.size(); }
  /// Whether there was no room for some of a user, and there is for many now: asked once, then
  /// false.
  bool wants_more() { return std::exchange(wants_more_, false); }

private:
  using name = std::pair<std::string, std::string>; // tenant, and run or user
  static name name_of(const waiting_call& call) { return {call.tenant, call.run_id}; }
  static name user_of(const waiting_call& call) { return {call.tenant, call.user}; }

  struct counts {
    std::size_t held = 0, under_way = 0;
    std::size_t left_at = 0; // so many were held when there was no room for one; 0: there was
  };

  webhook_options options_;
  std::size_t most_held_;
  bool wants_more_ = false;
  std::set<name> held_;
  std::multimap<deadline, waiting_call> later_;
  fair_queue<waiting_call> due_;
  std::size_t under_way_ = 0;
  std::map<name, counts> of_user_; // who has some held
};

} // namespace behalf::runs
