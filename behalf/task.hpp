// Coroutines that ask the outside by effects: `task<T>` runs until it awaits something, says what,
// and goes on when it is resumed with the answer. No thread, no scheduler, no I/O.
//
// What may stand in a co_await expression: names, function calls, strings, moves. Never a braced
// aggregate or a capturing lambda: g++ 12 destroys both twice. Name it first.
#pragma once

#include "behalf/node.hpp"

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace behalf {

template <class T>
class task;

/// Shared by a task and the tasks it awaits: what the innermost asked, and the answer.
struct task_slot {
  std::coroutine_handle<> waiting;
  std::variant<std::monostate, effect, flow::interrupt> asked;
  std::optional<effect_reply> reply;

  template <class Ask>
  void ask(std::coroutine_handle<> who, Ask what) {
    waiting = who;
    asked = std::move(what);
  }
};

/// Base of every task's promise.
struct task_promise {
  task_slot own;
  task_slot* slot = &own; // of the outermost task
  std::coroutine_handle<> parent;
  std::exception_ptr failed;

  struct to_parent {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) const noexcept {
      auto parent = h.promise().parent;
      return parent ? parent : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  to_parent final_suspend() const noexcept { return {}; }
  void unhandled_exception() { failed = std::current_exception(); }
};

/// A coroutine that ends with a T. Owned by whoever holds it; destroying it ends it where it is.
/// `T t = co_await other_task(…);` runs another one inside.
template <class T>
class [[nodiscard]] task {
public:
  struct promise_type : task_promise {
    std::optional<T> value;

    task get_return_object() { return task{handle::from_promise(*this)}; }
    template <class U = T> // the default lets `co_return {};` mean an empty T
    requires std::is_constructible_v<T, U&&>
    void return_value(U&& v) { value.emplace(std::forward<U>(v)); }
  };
  using handle = std::coroutine_handle<promise_type>;

  task(task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  task& operator=(task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~task() {
    if (coroutine_)
      coroutine_.destroy();
  }

  // --- for whoever drives it -------------------------------------------------------------------

  /// Runs to the first question or the end.
  void start() { coroutine_.resume(); }
  /// Goes on with the answer to what `slot().asked` holds.
  void resume(effect_reply reply) {
    slot().asked = std::monostate{};
    slot().reply.emplace(std::move(reply));
    slot().waiting.resume();
  }
  bool done() const { return coroutine_.done(); }
  task_slot& slot() { return coroutine_.promise().own; }
  /// The result, once done. Rethrows what left the coroutine.
  T take() {
    if (coroutine_.promise().failed)
      std::rethrow_exception(coroutine_.promise().failed);
    return std::move(*coroutine_.promise().value);
  }

  // --- for a task that awaits it -----------------------------------------------------------------

  struct awaiter {
    handle child;

    bool await_ready() const noexcept { return false; }
    template <class P>
    handle await_suspend(std::coroutine_handle<P> parent) const noexcept {
      child.promise().slot = parent.promise().slot;
      child.promise().parent = parent;
      return child;
    }
    T await_resume() const {
      if (child.promise().failed)
        std::rethrow_exception(child.promise().failed);
      return std::move(*child.promise().value);
    }
  };
  awaiter operator co_await() const noexcept { return awaiter{coroutine_}; }

private:
  explicit task(handle h) : coroutine_(h) {}

  handle coroutine_;
};

/// An effect as a coroutine awaits it; gives result<T>.
template <class T>
class [[nodiscard]] awaiting {
public:
  explicit awaiting(effect what) : what_(std::move(what)) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> who) {
    slot_ = who.promise().slot;
    slot_->ask(who, std::move(what_));
  }
  result<T> await_resume();

  /// What would be asked, for tests of code that makes it.
  const effect& what() const { return what_; }

private:
  effect what_;
  task_slot* slot_ = nullptr;
};

/// An interrupt as a coroutine awaits it; gives the answer.
class [[nodiscard]] answer_of {
public:
  explicit answer_of(json::value question, const json::value* answer)
    : question_(std::move(question)), answer_(answer) {}

  bool await_ready() const noexcept { return answer_ != nullptr; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> who) {
    who.promise().slot->ask(who, flow::interrupt{std::move(question_)});
  }
  json::value await_resume() const { return answer_ ? *answer_ : json::value(nullptr); }

private:
  json::value question_;
  const json::value* answer_; // lives with the task's context
};

/// Takes a T out of the reply: by alternative, or through the adapters in task.cpp.
template <class T>
result<T> reply_as(effect_reply reply) {
  if (!reply)
    return reply.error();
  if (auto* found = std::get_if<T>(&*reply))
    return std::move(*found);
  return fail(errc::internal, "the driver answered an effect with the wrong kind of reply");
}
class byte_stream;
template <>
result<byte_stream> reply_as<byte_stream>(effect_reply reply);
template <>
result<stored_item> reply_as<stored_item>(effect_reply reply);
template <>
result<std::vector<stored_item>> reply_as<std::vector<stored_item>>(effect_reply reply);
template <>
result<std::monostate> reply_as<std::monostate>(effect_reply reply);

template <class T>
result<T> awaiting<T>::await_resume() {
  auto reply = std::move(*slot_->reply);
  slot_->reply.reset();
  return reply_as<T>(std::move(reply));
}

/// Drives a coroutine as a node.
std::unique_ptr<node> coroutine_node(task<node_result> body);

} // namespace behalf
