// A tenant's vectors in memory, and the graph (HNSW) that finds near ones among many. The rows are
// the truth: this is a copy of them, brought up to date before it is searched, and made anew when
// it is lost.
#pragma once

#include "runtime/storage/vector_rows.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// A vector and how near it is: the cosine, 1 at most.
struct near_vector {
  int64_t id;
  float score;
};

/// Thread-safe: searches run beside each other, and beside additions. All vectors have length 1.
class vector_index {
public:
  explicit vector_index(std::size_t dims);
  ~vector_index();

  /// Adds what is new in the rows and drops what is gone, for about `time`. True: it is up to date.
  /// Error: overloaded when that would take more than `most_bytes`, those of the rows.
  result<bool> catch_up(vector_rows& rows, const std::string& tenant,
                        std::chrono::microseconds time, std::size_t most_bytes);

  /// The `count` nearest to `to` of those below the namespace prefix (encoded), nearest first;
  /// fewer only when there are no more. What the graph finds may miss some that are as near.
  std::vector<near_vector> nearest(std::span<const float> to, const std::string& prefix,
                                   std::size_t count) const;

  /// Whether enough vectors are not in the graph yet to be worth `build`.
  bool wants_building() const;
  /// Adds one more vector to the graph; false when all are in it. Takes about a millisecond, and
  /// searches wait for it: call it again and again, from a thread with nothing else to do.
  bool build();

  std::size_t bytes() const;
  std::size_t size() const; // vectors there

  /// What a vector takes in memory, with its place in the graph.
  static std::size_t bytes_of_one(std::size_t dims);

private:
  struct graph;
  using slot = uint32_t;

  struct held {
    int64_t id;
    const std::string* ns; // a key of by_namespace_
    bool gone;
  };

  const float* at(slot s) const;
  void add(const stored_vector& v);
  void remove(int64_t id);
  void clear();
  std::size_t count_below(const std::string& prefix, std::size_t most) const;
  std::vector<near_vector> scan(std::span<const float> to, const std::string& prefix,
                                std::size_t count) const;
  std::vector<near_vector> through_graph(std::span<const float> to, const std::string& prefix,
                                         std::size_t count, std::size_t ask) const;

  const std::size_t dims_;
  std::mutex catching_up_; // one at a time reads the rows
  int64_t last_ = 0, last_gone_ = -1;

  mutable std::shared_mutex guard_; // all that follows
  std::vector<std::unique_ptr<float[]>> blocks_;
  std::vector<held> held_; // by slot; ids grow
  std::map<std::string, std::vector<slot>> by_namespace_;
  std::size_t gone_ = 0;
  std::unique_ptr<graph> graph_; // of the first slots
};

/// The indexes of all tenants, within a bound of memory: those searched last stay.
class vector_indexes {
public:
  vector_indexes(std::size_t dims, std::size_t most_bytes) : dims_(dims), most_(most_bytes) {}

  std::size_t dims() const { return dims_; }

  /// The tenant's, perhaps an empty one; null for a while after `too_large`.
  std::shared_ptr<vector_index> of(const std::string& tenant);

  /// How much the tenant's may take; others that were not used for longer make room for it.
  std::size_t room_for(const std::string& tenant);

  /// It does not fit: it is not tried again for ten minutes.
  void too_large(const std::string& tenant);

  std::size_t bytes() const;

private:
  struct entry {
    std::shared_ptr<vector_index> index; // null: too large
    uint64_t used = 0;
    std::chrono::steady_clock::time_point try_again{};
  };

  const std::size_t dims_, most_;
  mutable std::mutex guard_;
  std::map<std::string, entry> all_;
  uint64_t turn_ = 0;
};

} // namespace behalf
