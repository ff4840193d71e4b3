#include "secrets/lease_book.hpp"

#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf {
namespace {

error refuse(std::string_view kind, std::string message) {
  return {errc::denied, std::move(message), {}, std::string(kind)};
}

void forget_id(std::vector<std::string>& ids, const std::string& id) {
  if (auto at = std::find(ids.begin(), ids.end(), id); at != ids.end()) {
    std::swap(*at, ids.back());
    ids.pop_back();
  }
}

result<void> complete(const lease& what) {
  if (what.who.subject.empty() || what.run_id.empty() || what.service.empty())
    return fail(errc::invalid_argument, "a lease needs a user, a run and a service");
  if (what.hosts.empty())
    return fail(errc::invalid_argument, "service " + what.service + " declares no host");
  return {};
}

} // namespace

result<sealed_handle> lease_book::open(lease what, time_point now) {
  if (auto ok = complete(what); !ok)
    return ok.error();
  if (what.expires_at <= now)
    return fail(errc::invalid_argument, "a lease that has expired cannot be opened");
  if (leases_.size() >= options_.capacity)
    sweep(now);
  if (leases_.size() >= options_.capacity)
    return fail(errc::overloaded, "too many leases are open", "Retry-After", "5");
  auto& of_run = by_run_[what.run_id];
  if (of_run.size() >= options_.per_run)
    return fail(errc::overloaded, "this run has too many leases open", "Retry-After", "5");
  auto id = "bh-handle-" + random_hex(24);
  of_run.push_back(id);
  leases_.emplace(id, std::move(what));
  return sealed_handle{std::move(id)};
}

result<const lease*> lease_book::find(const sealed_handle& handle, const lease_claim& claim,
                                      time_point now) const {
  auto at = leases_.find(handle.id);
  if (at == leases_.end())
    return refuse("handle_unknown",
                  "the handle for " + claim.service + " is not valid: its run has ended");
  const auto& l = at->second;
  if (l.who != claim.who)
    return refuse("handle_principal", "the handle belongs to another user");
  if (l.run_id != claim.run_id)
    return refuse("handle_run", "the handle belongs to another run");
  if (l.service != claim.service)
    return refuse("handle_service", "the handle is not for service " + claim.service);
  if (std::find(l.hosts.begin(), l.hosts.end(), claim.host) == l.hosts.end())
    return refuse("host_denied", "service " + l.service + " does not declare " + claim.host);
  if (now >= l.expires_at)
    return refuse("handle_expired", "the handle for " + l.service + " has expired");
  return &l;
}

std::size_t lease_book::close_run(std::string_view run_id,
                                  const std::vector<sealed_handle>& except) {
  auto at = by_run_.find(run_id);
  if (at == by_run_.end())
    return 0;
  auto ids = at->second;
  for (const auto& stays : except)
    forget_id(ids, stays.id);
  return drop(ids);
}

std::size_t lease_book::sweep(time_point now) {
  handle_ids expired;
  for (const auto& [id, l] : leases_) {
    if (now >= l.expires_at)
      expired.push_back(id);
  }
  return drop(expired);
}

std::size_t lease_book::drop(const handle_ids& ids) {
  for (const auto& id : ids) {
    auto entry = leases_.extract(id);
    auto run = by_run_.find(entry.mapped().run_id);
    forget_id(run->second, id);
    if (run->second.empty())
      by_run_.erase(run);
  }
  return ids.size();
}

} // namespace behalf
