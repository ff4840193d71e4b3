// What nodes with a cache_policy came to, in memory: the newest used first, up to a number of
// bytes.
#pragma once

#include "behalf/node.hpp"
#include "behalf/time.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace behalf {

/// Of one graph. Thread-safe.
class node_cache {
public:
  explicit node_cache(std::size_t most_bytes = 32 << 20) : most_bytes_(most_bytes) {}

  /// The key of an execution: `owner` is who the run acts for, `input` what its result depends on.
  static std::string key(std::string_view owner, std::string_view node, std::string_view input);

  /// Nothing: it is not known, or its time is up.
  std::optional<flow::command> find(const std::string& key, time_point at);
  void keep(std::string key, flow::command came_to, time_point until);

private:
  struct entry {
    std::string key;
    flow::command came_to;
    time_point until;
    std::size_t bytes;
  };
  using entries = std::list<entry>; // the one used last first

  void drop(entries::iterator one);

  std::mutex lock_;
  std::size_t most_bytes_, bytes_ = 0;
  entries all_;
  std::unordered_map<std::string, entries::iterator> places_;
};

} // namespace behalf
