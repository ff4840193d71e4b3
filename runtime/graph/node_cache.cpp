#include "runtime/graph/node_cache.hpp"

#include "runtime/base/id.hpp"
#include "runtime/graph/checkpoint.hpp"

#include <iterator>
#include <utility>
#include <variant>

namespace behalf {
namespace {

std::size_t weight(const flow::command& c) {
  auto sum = json_weight(c.values);
  for (const auto& one : c.go_to.targets())
    if (const auto* sent = std::get_if<flow::send>(&one))
      sum += sent->node.size() + json_weight(sent->input);
    else
      sum += std::get<std::string>(one).size();
  return sum;
}

constexpr std::size_t of_an_entry = 256; // besides its texts, about

} // namespace

// The lengths: no two keys are one text.
std::string node_cache::key(std::string_view owner, std::string_view node, std::string_view input) {
  std::string all;
  for (auto part : {owner, node, input})
    all.append(std::to_string(part.size())).append(":").append(part);
  return sha256_hex(all);
}

std::optional<flow::command> node_cache::find(const std::string& key, time_point at) {
  std::lock_guard hold{lock_};
  auto place = places_.find(key);
  if (place == places_.end())
    return std::nullopt;
  if (place->second->until <= at) {
    drop(place->second);
    return std::nullopt;
  }
  all_.splice(all_.begin(), all_, place->second);
  return place->second->came_to;
}

void node_cache::keep(std::string key, flow::command came_to, time_point until) {
  auto bytes = weight(came_to) + key.size() + of_an_entry;
  std::lock_guard hold{lock_};
  if (auto old = places_.find(key); old != places_.end())
    drop(old->second);
  if (bytes > most_bytes_)
    return;
  bytes_ += bytes;
  all_.push_front({key, std::move(came_to), until, bytes});
  places_.emplace(std::move(key), all_.begin());
  while (bytes_ > most_bytes_)
    drop(std::prev(all_.end()));
}

void node_cache::drop(entries::iterator one) {
  bytes_ -= one->bytes;
  places_.erase(one->key);
  all_.erase(one);
}

} // namespace behalf
