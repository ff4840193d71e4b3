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
    if (body_.done() || !body_.resume(ask_id, std::move(reply)))
      return node_result{fail(errc::internal, "a node was resumed that waits for nothing")};
    return next();
  }

private:
  turn next() {
    if (body_.done())
      return ended();
    auto& slot = body_.slot();
    if (auto question = slot.take_question())
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

coroutine_wait::~coroutine_wait() {
  if (slot_)
    slot_->leave(*this);
}

// A coroutine's arguments end after its promise, which has the slot.
coroutine_slot::~coroutine_slot() {
  for (auto& [id, one] : waiting_)
    one->slot_ = nullptr;
  for (auto* one : questions_)
    one->slot_ = nullptr;
}

void coroutine_slot::ask(std::coroutine_handle<> who, effect what, coroutine_wait& wait) {
  wait.slot_ = this;
  wait.who_ = who;
  wait.ask_id_ = ++last_id_;
  waiting_.emplace(last_id_, &wait);
  asked_.push_back({last_id_, std::move(what)});
}

void coroutine_slot::stop_at(flow::interrupt question, coroutine_wait& wait) {
  wait.slot_ = this;
  wait.question_ = std::move(question);
  questions_.push_back(&wait);
}

std::vector<asked_effect> coroutine_slot::take_asked() {
  told_ = last_id_;
  return std::exchange(asked_, {});
}

std::optional<flow::interrupt> coroutine_slot::take_question() {
  if (questions_.empty())
    return std::nullopt;
  auto all = std::move(*questions_.front()->question_);
  for (std::size_t i = 1; i < questions_.size(); ++i)
    all.beside.push_back(std::move(*questions_[i]->question_));
  return all;
}

bool coroutine_slot::resume(uint64_t ask_id, effect_reply reply) {
  auto asked = waiting_.extract(ask_id);
  if (asked.empty())
    return ask_id <= last_id_;
  auto& wait = *asked.mapped();
  wait.slot_ = nullptr;
  wait.reply_.emplace(std::move(reply));
  wait.who_.resume();
  return true;
}

void coroutine_slot::leave(const coroutine_wait& wait) {
  if (wait.question_) {
    std::erase(questions_, &wait);
    return;
  }
  waiting_.erase(wait.ask_id_);
  if (wait.ask_id_ > told_)
    std::erase_if(asked_, [&](const auto& one) { return one.id == wait.ask_id_; });
  else
    asked_.push_back({wait.ask_id_, withdraw{}});
}

std::string coroutine_place::next_call() {
  auto place = name_ + (name_.empty() ? "" : ".") + std::to_string(calls_++);
  std::replace(place.begin(), place.end(), '/', '.'); // it becomes part of a checkpoint namespace
  return place;
}

bool coroutine_group::start(std::coroutine_handle<> parent, std::size_t at_once,
                            std::size_t wait_for) {
  parent_ = parent;
  at_once_ = std::max<std::size_t>(at_once, 1);
  wait_for_ = std::min(wait_for, children_.size());
  return !start_more();
}

std::coroutine_handle<> coroutine_group::child_ended() {
  ++ended_;
  if (starting_ || !start_more())
    return std::noop_coroutine();
  return parent_;
}

// True: enough have ended. One that ends as soon as it is started comes back through child_ended.
bool coroutine_group::start_more() {
  starting_ = true;
  while (ended_ < wait_for_ && next_ < children_.size() && next_ - ended_ < at_once_)
    children_[next_++].resume();
  starting_ = false;
  return ended_ >= wait_for_;
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
result<json::object> reply_as<json::object>(effect_reply reply) {
  auto ended = reply_as<subgraph_reply>(std::move(reply));
  if (!ended)
    return ended.error();
  return std::move(ended->values);
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

template <>
result<std::vector<std::vector<std::string>>>
reply_as<std::vector<std::vector<std::string>>>(effect_reply reply) {
  auto found = reply_as<store_reply>(std::move(reply));
  if (!found)
    return found.error();
  return std::move(found->namespaces);
}

// Put, delete and close have nothing to say but that they worked.
template <>
result<std::monostate> reply_as<std::monostate>(effect_reply reply) {
  if (!reply)
    return reply.error();
  return std::monostate{};
}

} // namespace behalf
