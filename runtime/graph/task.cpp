#include "behalf/task.hpp"

#include "behalf/context.hpp"

namespace behalf {
namespace {

class task_machine final : public node {
public:
  explicit task_machine(task<node_result> body) : body_(std::move(body)) {}

  turn start(const step_input&) override {
    body_.start();
    return next();
  }

  turn resume(effect_reply reply) override {
    if (std::holds_alternative<std::monostate>(body_.slot().asked))
      return node_result{fail(errc::internal, "a node was resumed that waits for nothing")};
    body_.resume(std::move(reply));
    return next();
  }

private:
  turn next() {
    if (body_.done())
      return ended();
    auto& asked = body_.slot().asked;
    if (auto* wanted = std::get_if<effect>(&asked))
      return std::move(*wanted);
    if (auto* question = std::get_if<flow::interrupt>(&asked))
      return node_result{std::move(*question)};
    return node_result{
      fail(errc::internal, "a node awaited something its context did not give it")};
  }

  node_result ended() {
    try {
      return body_.take();
    } catch (...) {
      return current_exception_error();
    }
  }

  task<node_result> body_;
};

} // namespace

std::unique_ptr<node> coroutine_node(task<node_result> body) {
  return std::make_unique<task_machine>(std::move(body));
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
