// The places of connections: how many may be open, and whose ends when there is none left for
// somebody who has fewer.
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

/// Whoever sits on a place.
class place_holder {
public:
  /// If nothing is asked of it now: begins to end and returns true; its place is somebody else's
  /// then. From any thread; must not block or let go of a place.
  virtual bool give_way() = 0;

protected:
  ~place_holder() = default;
};

/// Peers share the places by the rule of `fair_budget`. Who finds none takes one from the peer that
/// has most, of those of its connections that are at no request the one waiting longest, unless it
/// would then have as many itself. So slow heads and idle connections keep nobody out, from however
/// many peers they come. From any thread.
class places {
public:
  class place;
  using place_ptr = std::unique_ptr<place>;

  places(std::size_t all, std::size_t greed) : budget_(all, greed) {}
  places(const places&) = delete;

  /// One more place for this peer; null when there is none.
  place_ptr take(const std::string& peer);

private:
  struct party {
    const std::string* name = nullptr; // its key
    std::list<place*> held;            // longest first, but for those that were busy when asked
  };
  using guests = std::vector<std::shared_ptr<place_holder>>;

  bool make_room(const std::string& peer, guests& asked);
  void count(party& whose, std::size_t before);
  void seat(const std::string& peer, place& at);
  void clear(place& at);

  const fair_budget budget_;
  std::mutex guard_;
  std::unordered_map<std::string, party> parties_;
  std::set<std::pair<std::size_t, party*>> by_size_; // those that hold any
};

/// Given back when it ends. Must not outlive `places`.
class places::place {
public:
  place(const place&) = delete;
  ~place();

  /// Who may be asked to give way; nobody before.
  void taken_by(std::weak_ptr<place_holder> guest);

private:
  friend class places;
  explicit place(places& of) : of_(of) {}

  places& of_;
  std::weak_ptr<place_holder> guest_;
  fair_budget::share_ptr share_; // null: it was given to somebody else
  party* in_ = nullptr;
  std::list<place*>::iterator at_;
};

} // namespace behalf::inbound
