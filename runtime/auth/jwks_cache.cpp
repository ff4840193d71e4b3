#include "runtime/auth/jwks_cache.hpp"

#include <boost/algorithm/string/predicate.hpp>

#include <algorithm>
#include <charconv>

namespace behalf {
namespace {

// A fetch that is not reported within this time counts as failed.
constexpr std::chrono::seconds flight_time{30};

bool still(time_point begun, std::chrono::seconds length, time_point now) {
  return validity{begun, begun + length}.covers(now);
}

} // namespace

bool jwks_cache::in_flight(time_point now) const {
  return flying_ && still(attempted_, flight_time, now);
}

bool jwks_cache::servable(time_point now) const {
  return have_ && validity{fresh_.from, fresh_.until + options_.stale_if_error}.covers(now);
}

jwks_cache::plan jwks_cache::start(time_point now, keys meanwhile) {
  flying_ = true;
  attempted_ = now;
  return {meanwhile, true};
}

jwks_cache::plan jwks_cache::decide(time_point now) {
  if (have_ && fresh_.covers(now))
    return {keys::use};
  // Expired keys are used only after a fetch has failed, not because none was tried.
  bool old_ones_serve = last_failed_ && servable(now);
  if (in_flight(now))
    return {old_ones_serve ? keys::use : keys::wait};
  if (flying_)
    failed(now); // overdue
  if (last_failed_ && still(attempted_, options_.retry_gap, now))
    return {servable(now) ? keys::use : keys::refuse};
  return start(now, old_ones_serve ? keys::use : keys::wait);
}

jwks_cache::plan jwks_cache::unknown_key(const std::string& kid, time_point now) {
  std::erase_if(unknown_, [&](const auto& k) { return !k.second.covers(now); });
  auto same = [&](const auto& k) { return k.first == kid; };
  if (std::any_of(unknown_.begin(), unknown_.end(), same))
    return {keys::refuse};
  if (in_flight(now)) {
    if (sought_.size() < options_.unknown_kids)
      sought_.push_back(kid);
    return {keys::wait};
  }
  if (still(refetched_, options_.refetch_gap, now))
    return {keys::refuse};
  sought_.push_back(kid);
  refetched_ = now; // a fetch for other reasons does not count: keys may turn right after it
  return start(now, keys::wait);
}

void jwks_cache::expire(time_point now) {
  fresh_.until = std::min(fresh_.until, now);
  refetched_ = {};
  unknown_.clear();
}

void jwks_cache::remember_missing(time_point now) {
  for (auto& kid : sought_) {
    if (keys_.knows(kid, signature_algorithm::es256)) // by its kid: the algorithm does not matter
      continue;
    unknown_.emplace_back(std::move(kid), validity{now, now + options_.unknown_kid_for});
    if (unknown_.size() > options_.unknown_kids)
      unknown_.pop_front();
  }
  sought_.clear();
}

void jwks_cache::arrived(key_set fresh, std::optional<std::chrono::seconds> max_age,
                         time_point now) {
  keys_ = std::move(fresh);
  have_ = true;
  flying_ = last_failed_ = false;
  fresh_ = {now, now
                   + std::clamp(max_age.value_or(options_.ttl), options_.min_ttl,
                                std::max(options_.min_ttl, options_.max_ttl))};
  remember_missing(now);
}

void jwks_cache::failed(time_point now) {
  flying_ = false;
  last_failed_ = true;
  attempted_ = now;
  sought_.clear();
}

std::optional<std::chrono::seconds> max_age(std::string_view cache_control) {
  std::optional<std::chrono::seconds> found;
  while (!cache_control.empty()) {
    auto comma = std::min(cache_control.find(','), cache_control.size());
    auto one = cache_control.substr(0, comma);
    cache_control.remove_prefix(std::min(comma + 1, cache_control.size()));
    while (!one.empty() && one.front() == ' ')
      one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ')
      one.remove_suffix(1);
    if (boost::algorithm::iequals(one, "no-store") || boost::algorithm::iequals(one, "no-cache"))
      return std::chrono::seconds{0};
    if (!boost::algorithm::istarts_with(one, "max-age="))
      continue;
    int64_t n = 0;
    auto [end, ec] = std::from_chars(one.data() + 8, one.data() + one.size(), n);
    if (ec == std::errc{} && end == one.data() + one.size() && n >= 0)
      found = std::chrono::seconds{std::min<int64_t>(n, 31'536'000)};
  }
  return found;
}

} // namespace behalf
