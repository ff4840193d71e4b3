// Bounds the open connections, per peer and in all. When all slots are taken, an idle connection of
// the peer with most connections is closed for a peer that has fewer.
#pragma once

#include "runtime/base/fair_budget.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace behalf::inbound {

/// A connection that holds a slot.
class slot_holder {
public:
  /// When no request is under way on it: begins to close and returns true; its slot goes to another
  /// connection. From any thread; must neither block nor release a slot.
  virtual bool give_way() = 0;

protected:
  ~slot_holder() = default;
};

/// Peers share the slots by the rule of `fair_budget`. A peer that finds none free takes the slot
/// of the connection that is idle longest at the peer with most connections, unless it would then
/// have as many itself. So slow heads and idle connections lock no peer out. From any thread.
class connection_slots {
public:
  class slot;
  using slot_ptr = std::unique_ptr<slot>;

  connection_slots(std::size_t all, std::size_t greed) : budget_(all, greed) {}
  connection_slots(const connection_slots&) = delete;

  /// One more slot for this peer; null when there is none.
  slot_ptr take(const std::string& peer);

private:
  struct party {
    const std::string* name = nullptr; // its key
    std::list<slot*> held;             // oldest first; those that were busy when asked go last
  };
  using holders = std::vector<std::shared_ptr<slot_holder>>;

  bool make_room(const std::string& peer, holders& asked);
  void count(party& whose, std::size_t before);
  void seat(const std::string& peer, slot& at);
  void clear(slot& at);

  const fair_budget budget_;
  std::mutex guard_;
  std::unordered_map<std::string, party> parties_;
  std::set<std::pair<std::size_t, party*>> by_size_; // those that hold any
};

/// Given back when it is destroyed. Must not outlive `connection_slots`.
class connection_slots::slot {
public:
  slot(const slot&) = delete;
  ~slot();

  /// The connection that can be asked to close; until then none is.
  void held_by(std::weak_ptr<slot_holder> holder);

private:
  friend class connection_slots;
  explicit slot(connection_slots& of) : of_(of) {}

  connection_slots& of_;
  std::weak_ptr<slot_holder> holder_;
  fair_budget::share_ptr share_; // null: another connection has the slot
  party* in_ = nullptr;
  std::list<slot*>::iterator at_;
};

} // namespace behalf::inbound
