#include "actors/endpoints/calls_under_way.hpp"

#include "actors/endpoints/inner_request.hpp"

namespace behalf::endpoints {
namespace {

void cancel_call(const request_actor& call) {
  tell(call, inner_answer{status_cancelled, {}, {}, {}});
}

} // namespace

std::shared_ptr<const void> calls_under_way::begin(std::string session, std::string id,
                                                   request_actor call) {
  key which{std::move(session), std::move(id)};
  std::lock_guard lock{guard_};
  if (!calls_.emplace(which, std::move(call)).second)
    return nullptr;
  return {this, [all = shared_from_this(), which](const void*) {
            std::unique_lock lock{all->guard_};
            const auto ended = all->calls_.extract(which);
            lock.unlock(); // before its actor is released
          }};
}

void calls_under_way::cancel(const std::string& session, const std::string& id) {
  std::lock_guard lock{guard_};
  if (auto at = calls_.find({session, id}); at != calls_.end())
    cancel_call(at->second);
}

void calls_under_way::end(const std::string& session) {
  std::lock_guard lock{guard_};
  for (auto at = calls_.lower_bound({session, {}});
       at != calls_.end() && at->first.first == session; ++at)
    cancel_call(at->second);
  ended_.put(session, true);
}

bool calls_under_way::has_ended(const std::string& session) const {
  std::lock_guard lock{guard_};
  return ended_.peek(session) != nullptr;
}

} // namespace behalf::endpoints
