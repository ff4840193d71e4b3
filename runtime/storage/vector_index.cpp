#include "runtime/storage/vector_index.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

// Its prefetches read one link past the end of a list (0.6.2), and its distances are not used.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h> // here alone: its functions are not inline

namespace behalf {
namespace {

constexpr std::size_t block_size = 1024; // vectors
// What is searched one by one: fewer than the graph is worth.
constexpr std::size_t worth_a_graph = 10'000, worth_adding = 500;
constexpr std::size_t links = 16, build_effort = 200, least_effort = 200;

// Sums in eight lanes: compilers make vector instructions of it without reordering a sum.
float cosine(const float* a, const float* b, std::size_t dims) {
  constexpr std::size_t lanes = 16;
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= dims; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += a[i + lane] * b[i + lane];
  float sum = 0;
  for (; i < dims; ++i)
    sum += a[i] * b[i];
  for (float part : sums)
    sum += part;
  return sum;
}

// The graph holds pointers to vectors instead of copies of them.
const float* pointer_at(const void* stored) {
  const float* p;
  std::memcpy(&p, stored, sizeof p);
  return p;
}

float distance(const void* a, const void* b, const void* dims) {
  return 1 - cosine(pointer_at(a), pointer_at(b), *static_cast<const std::size_t*>(dims));
}

class pointer_space : public hnswlib::SpaceInterface<float> {
public:
  explicit pointer_space(std::size_t dims) : dims_(dims) {}
  size_t get_data_size() override { return sizeof(const float*); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return distance; }
  void* get_dist_func_param() override { return &dims_; }

private:
  std::size_t dims_;
};

bool nearer(const near_vector& a, const near_vector& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

// Keeps the best of what it is given.
class best_of {
public:
  explicit best_of(std::size_t count) : count_(count) {}

  void add(near_vector v) {
    if (kept_.size() == count_ && (count_ == 0 || !nearer(v, kept_.front())))
      return;
    kept_.push_back(v);
    std::push_heap(kept_.begin(), kept_.end(), nearer);
    if (kept_.size() <= count_)
      return;
    std::pop_heap(kept_.begin(), kept_.end(), nearer);
    kept_.pop_back();
  }

  std::vector<near_vector> in_order() && {
    std::sort_heap(kept_.begin(), kept_.end(), nearer);
    return std::move(kept_);
  }

private:
  std::size_t count_;
  std::vector<near_vector> kept_; // the worst in front
};

} // namespace

struct vector_index::graph {
  explicit graph(std::size_t dims)
    : space(dims), nodes(&space, worth_a_graph * 2, links, build_effort) {
    nodes.setEf(least_effort);
  }

  pointer_space space;
  hnswlib::HierarchicalNSW<float> nodes;
  slot next = 0; // all before it are in the graph
};

vector_index::vector_index(std::size_t dims) : dims_(dims) {}

vector_index::~vector_index() = default;

const float* vector_index::at(slot s) const {
  return blocks_[s / block_size].get() + (s % block_size) * dims_;
}

std::size_t vector_index::bytes_of_one(std::size_t dims) {
  constexpr std::size_t in_graph = 3 * links * sizeof(uint32_t) + 64;
  return dims * sizeof(float) + sizeof(held) + sizeof(slot) + in_graph;
}

void vector_index::add(const stored_vector& v) {
  const auto where = static_cast<slot>(held_.size());
  if (where % block_size == 0)
    blocks_.push_back(std::make_unique<float[]>(block_size * dims_));
  std::copy(v.of.begin(), v.of.end(), blocks_.back().get() + (where % block_size) * dims_);
  auto& below = *by_namespace_.try_emplace(v.ns).first;
  below.second.push_back(where);
  held_.push_back({v.id, &below.first, false});
}

void vector_index::remove(int64_t id) {
  auto found = std::lower_bound(held_.begin(), held_.end(), id,
                                [](const held& h, int64_t than) { return h.id < than; });
  if (found == held_.end() || found->id != id || std::exchange(found->gone, true))
    return;
  ++gone_;
  if (const auto where = static_cast<slot>(found - held_.begin()); graph_ && where < graph_->next)
    graph_->nodes.markDelete(where);
}

void vector_index::clear() {
  std::unique_lock lock{guard_};
  graph_.reset();
  by_namespace_.clear();
  held_.clear();
  blocks_.clear();
  gone_ = 0;
  last_ = 0;
  last_gone_ = -1;
}

result<bool> vector_index::catch_up(vector_rows& rows, const std::string& tenant,
                                    std::chrono::microseconds time, std::size_t most_bytes) {
  constexpr int64_t at_once = 256;
  std::lock_guard one_at_a_time{catching_up_};
  const auto end = std::chrono::steady_clock::now() + time;
  if (last_gone_ < 0) {
    auto from = rows.last_gone();
    if (!from)
      return from.error();
    last_gone_ = *from;
  }
  for (bool more = true; more;) {
    auto fresh = rows.of_tenant(tenant, last_, at_once);
    if (!fresh)
      return fresh.error();
    more = static_cast<int64_t>(fresh->size()) == at_once;
    if (!fresh->empty()) {
      std::unique_lock lock{guard_};
      if ((held_.size() + fresh->size()) * bytes_of_one(dims_) > most_bytes)
        return fail(errc::overloaded, "the vectors do not fit into the memory given to them");
      for (const auto& v : *fresh)
        if (v.of.size() == dims_)
          add(v);
      last_ = fresh->back().id;
    }
    if (more && std::chrono::steady_clock::now() >= end)
      return false;
  }
  auto gone = rows.gone(tenant, last_gone_);
  if (!gone)
    return gone.error();
  if (!*gone)
    return clear(), false;
  {
    std::unique_lock lock{guard_};
    for (auto id : (*gone)->ids)
      remove(id);
    last_gone_ = (*gone)->last;
    if (gone_ <= held_.size() / 2 || gone_ < worth_adding)
      return true;
  }
  clear(); // mostly of what is gone
  return false;
}

std::size_t vector_index::count_below(const std::string& prefix, std::size_t most) const {
  if (prefix.empty())
    return held_.size();
  std::size_t count = 0;
  for (auto ns = by_namespace_.lower_bound(prefix);
       ns != by_namespace_.end() && ns->first.starts_with(prefix) && count < most; ++ns)
    count += ns->second.size();
  return count;
}

std::vector<near_vector> vector_index::scan(std::span<const float> to, const std::string& prefix,
                                            std::size_t count) const {
  best_of best{count};
  auto look = [&](slot s) {
    if (!held_[s].gone)
      best.add({held_[s].id, cosine(at(s), to.data(), dims_)});
  };
  if (prefix.empty()) {
    for (slot s = 0; s < held_.size(); ++s)
      look(s);
  } else {
    for (auto ns = by_namespace_.lower_bound(prefix);
         ns != by_namespace_.end() && ns->first.starts_with(prefix); ++ns)
      for (auto s : ns->second)
        look(s);
  }
  return std::move(best).in_order();
}

std::vector<near_vector> vector_index::through_graph(std::span<const float> to,
                                                     const std::string& prefix, std::size_t count,
                                                     std::size_t ask) const {
  best_of best{count};
  const float* point = to.data();
  auto found = graph_->nodes.searchKnn(&point, ask);
  for (; !found.empty(); found.pop()) {
    const auto& h = held_[found.top().second];
    if (!h.gone && h.ns->starts_with(prefix))
      best.add({h.id, 1 - found.top().first});
  }
  for (slot s = graph_->next; s < held_.size(); ++s) // not in it yet
    if (!held_[s].gone && held_[s].ns->starts_with(prefix))
      best.add({held_[s].id, cosine(at(s), to.data(), dims_)});
  return std::move(best).in_order();
}

std::vector<near_vector> vector_index::nearest(std::span<const float> to, const std::string& prefix,
                                               std::size_t count) const {
  std::shared_lock lock{guard_};
  count = std::min(count, held_.size());
  if (!graph_ || count == 0)
    return scan(to, prefix, count);
  // Of the graph's nearest as many are wanted as it takes to find `count` below the prefix.
  const auto all = held_.size(), below = count_below(prefix, all);
  if (below <= worth_a_graph || below <= graph_->next / 16)
    return scan(to, prefix, count);
  for (auto ask = 2 * count * all / below; ask < all / 8; ask *= 4)
    if (auto found = through_graph(to, prefix, count, ask); found.size() == count)
      return found;
  return scan(to, prefix, count);
}

bool vector_index::wants_building() const {
  std::shared_lock lock{guard_};
  return held_.size() >= worth_a_graph && (!graph_ || held_.size() - graph_->next >= worth_adding);
}

bool vector_index::build() {
  std::unique_lock lock{guard_};
  if (held_.size() < worth_a_graph)
    return false;
  if (!graph_)
    graph_ = std::make_unique<graph>(dims_);
  auto& g = *graph_;
  if (g.next == held_.size())
    return false;
  if (g.nodes.cur_element_count == g.nodes.max_elements_)
    g.nodes.resizeIndex(g.nodes.max_elements_ * 2);
  const float* point = at(g.next);
  g.nodes.addPoint(&point, g.next);
  if (held_[g.next].gone)
    g.nodes.markDelete(g.next);
  ++g.next;
  return true;
}

std::size_t vector_index::bytes() const {
  std::shared_lock lock{guard_};
  return held_.size() * bytes_of_one(dims_);
}

std::size_t vector_index::size() const {
  std::shared_lock lock{guard_};
  return held_.size() - gone_;
}

std::shared_ptr<vector_index> vector_indexes::of(const std::string& tenant) {
  std::lock_guard lock{guard_};
  auto& e = all_[tenant];
  e.used = ++turn_;
  if (!e.index && std::chrono::steady_clock::now() >= e.try_again)
    e.index = std::make_shared<vector_index>(dims_);
  return e.index;
}

std::size_t vector_indexes::room_for(const std::string& tenant) {
  std::lock_guard lock{guard_};
  std::size_t taken = 0;
  for (const auto& [name, e] : all_)
    taken += name == tenant || !e.index ? 0 : e.index->bytes();
  while (taken > most_ / 4 * 3) { // a quarter stays free, so that not every addition makes room
    auto oldest = all_.end();
    for (auto at = all_.begin(); at != all_.end(); ++at)
      if (at->first != tenant && at->second.index && at->second.index->bytes() > 0
          && (oldest == all_.end() || at->second.used < oldest->second.used))
        oldest = at;
    if (oldest == all_.end())
      break;
    taken -= std::min(taken, oldest->second.index->bytes());
    all_.erase(oldest);
  }
  return most_ - std::min(most_, taken);
}

void vector_indexes::too_large(const std::string& tenant) {
  std::lock_guard lock{guard_};
  auto& e = all_[tenant];
  e.index.reset();
  e.try_again = std::chrono::steady_clock::now() + std::chrono::minutes{10};
}

std::size_t vector_indexes::bytes() const {
  std::lock_guard lock{guard_};
  std::size_t sum = 0;
  for (const auto& [name, e] : all_)
    sum += e.index ? e.index->bytes() : 0;
  return sum;
}

} // namespace behalf
