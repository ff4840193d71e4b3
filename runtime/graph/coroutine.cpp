#include "behalf/coroutine.hpp"

#include "behalf/context.hpp"

#include <algorithm>

namespace behalf {
namespace {

class coroutine_machine final : public node {
public:
  explicit coroutine_machine(coroutine<node_result> body) : body_(std::move(body)) {}

  turn start(const step_input&) override {
    body_.start();
    return next();
  }

  turn resume(uint64_t ask_id, effect_reply reply) override {
    if (!body_.resume(ask_id, std::move(reply)))
      return node_result{fail(errc::internal, "a node was resumed that waits for nothing")};
    return next();
  }

private:
  turn next() {
    if (body_.done())
      return ended();
    auto& slot = body_.slot();
    if (auto& question = slot.question())
      return node_result{std::move(*question)};
    auto asked = slot.take_asked();
    if (asked.empty() && !slot.waits())
      return node_result{
        fail(errc::internal, "a node awaited something its context did not give it")};
    return asked;
  }

  node_result ended() {
    try {
      return body_.take();
    } catch (...) {
      return current_exception_error();
    }
  }

  coroutine<node_result> body_;
};

} // namespace

bool coroutine_slot::resume(uint64_t ask_id, effect_reply reply) {
  auto at = std::find_if(waiting_.begin(), waiting_.end(),
                         [&](const waiter& one) { return one.ask_id == ask_id; });
  if (at == waiting_.end())
    return false;
  auto who = at->who;
  at->reply_to->emplace(std::move(reply));
  waiting_.erase(at);
  who.resume();
  return true;
}

bool coroutine_group::start(std::coroutine_handle<> parent, std::size_t at_once) {
  parent_ = parent;
  at_once_ = std::max<std::size_t>(at_once, 1);
  return !start_more();
}

std::coroutine_handle<> coroutine_group::child_ended() {
  --running_;
  if (starting_ || !start_more())
    return std::noop_coroutine();
  return parent_;
}

// True: all have ended. One that ends as soon as it is started comes back through child_ended.
bool coroutine_group::start_more() {
  starting_ = true;
  while (next_ < children_.size() && running_ < at_once_) {
    ++running_;
    children_[next_++].resume();
  }
  starting_ = false;
  return running_ == 0;
}

std::unique_ptr<node> coroutine_node(coroutine<node_result> body) {
  return std::make_unique<coroutine_machine>(std::move(body));
}

template <>
result<byte_stream> reply_as<byte_stream>(effect_reply reply) {
  auto head = reply_as<service_reply>(std::move(reply));
  if (!head)
    return head.error();
  return byte_stream{std::move(*head)};
}

template <>
result<stored_item> reply_as<stored_item>(effect_reply reply) {
  auto found = reply_as<store_reply>(std::move(reply));
  if (!found)
    return found.error();
  if (found->items.empty())
    return fail(errc::not_found, "the store has no such item");
  return std::move(found->items.front());
}

template <>
result<std::vector<stored_item>> reply_as<std::vector<stored_item>>(effect_reply reply) {
  auto found = reply_as<store_reply>(std::move(reply));
  if (!found)
    return found.error();
  return std::move(found->items);
}

// Put, delete and close have nothing to say but that they worked.
template <>
result<std::monostate> reply_as<std::monostate>(effect_reply reply) {
  if (!reply)
    return reply.error();
  return std::monostate{};
}

} // namespace behalf
