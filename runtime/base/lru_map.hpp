// Values by key, bounded in number: when there are too many, the least recently used goes.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace behalf {

/// Each operation on one entry costs the same however many there are. Pointers to values are good
/// until their entry goes. One owner: no lock.
template <class Key, class Value, class Hash = std::hash<Key>>
class lru_map {
public:
  /// With room for none nothing is kept.
  explicit lru_map(std::size_t most) : most_(most) {}
  lru_map(lru_map&&) = default;
  lru_map& operator=(lru_map&&) = default;

  /// Whoever finds a value has used it. Null when there is none.
  Value* find(const Key& key) {
    auto at = by_key_.find(key);
    if (at == by_key_.end())
      return nullptr;
    order_.splice(order_.end(), order_, at->second.place);
    return &at->second.value;
  }
  /// Looks without using.
  const Value* peek(const Key& key) const {
    auto at = by_key_.find(key);
    return at == by_key_.end() ? nullptr : &at->second.value;
  }

  /// Replaces what was there.
  Value* put(Key key, Value value) {
    return put(std::move(key), std::move(value), [](const Value&) { return true; });
  }
  /// Only what `may_go` allows makes room: without any there may be more than the bound.
  template <class MayGo>
  Value* put(Key key, Value value, MayGo may_go) {
    erase(key);
    if (most_ == 0)
      return nullptr;
    for (auto oldest = order_.begin(); size() >= most_ && oldest != order_.end();)
      if (auto at = by_key_.find(**oldest++); may_go(at->second.value))
        drop(at);
    auto at = by_key_.emplace(std::move(key), entry{std::move(value), {}}).first;
    at->second.place = order_.insert(order_.end(), &at->first);
    return &at->second.value;
  }

  void erase(const Key& key) {
    if (auto at = by_key_.find(key); at != by_key_.end())
      drop(at);
  }
  template <class Which>
  void erase_if(Which which) {
    for (auto at = by_key_.begin(); at != by_key_.end();)
      at = which(at->second.value) ? drop(at) : std::next(at);
  }
  void clear() {
    by_key_.clear();
    order_.clear();
  }
  std::size_t size() const { return by_key_.size(); }

private:
  struct entry {
    Value value;
    typename std::list<const Key*>::iterator place;
  };
  using entries = std::unordered_map<Key, entry, Hash>;

  typename entries::iterator drop(typename entries::iterator at) {
    order_.erase(at->second.place);
    return by_key_.erase(at);
  }

  std::size_t most_;
  entries by_key_;
  std::list<const Key*> order_; // of `by_key_`, the least recently used first
};

} // namespace behalf
