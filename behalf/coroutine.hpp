// Coroutines that ask the outside: `coroutine<T>` runs until it awaits something, says what, and
// goes on when it is resumed with the answer. No thread, no scheduler, no I/O.
//
// Inside a co_await expression g++ 12 destroys a braced struct and a lambda that captures by value
// twice. What this API takes can be written in braces there; for a function of your own that takes
// a struct or such a lambda, give the argument a name first.
#pragma once

#include "behalf/node.hpp"

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace behalf {

struct task_facts;
template <class T>
class coroutine;

/// What a coroutine and those it awaits ask, and who of them waits for which reply.
class coroutine_slot {
public:
  void ask(std::coroutine_handle<> who, effect what, std::optional<effect_reply>& reply_to) {
    waiting_.push_back({++last_id_, who, &reply_to});
    asked_.push_back({last_id_, std::move(what)});
  }
  /// The first of several: the first answer will be taken for its.
  void stop_at(flow::interrupt question) {
    if (!question_)
      question_ = std::move(question);
  }

  /// What was asked since the last call.
  std::vector<asked_effect> take_asked() { return std::exchange(asked_, {}); }
  std::optional<flow::interrupt>& question() { return question_; }
  bool waits() const { return !waiting_.empty(); }
  /// False: nothing waits for that reply.
  bool resume(uint64_t ask_id, effect_reply reply);

private:
  struct waiter {
    uint64_t ask_id;
    std::coroutine_handle<> who;
    std::optional<effect_reply>* reply_to; // in the waiting coroutine
  };
  std::vector<waiter> waiting_;
  std::vector<asked_effect> asked_;
  std::optional<flow::interrupt> question_;
  uint64_t last_id_ = 0;
};

/// Where in its node a coroutine is. Those of a `when_all` are in places of their own, the same
/// ones each time the node runs, in whatever order their replies come.
class coroutine_place {
public:
  coroutine_place() = default; // the node's body, and what it awaits one after the other
  explicit coroutine_place(std::string name) : name_(std::move(name)) {}

  /// Of the next question asked here; "" in the node's body, whose questions have an order.
  std::string next_question() {
    return name_.empty() ? name_ : name_ + ':' + std::to_string(questions_++);
  }
  /// Of the next `when_all` here; its coroutines add their numbers.
  std::string next_group() { return name_ + '/' + std::to_string(groups_++) + '.'; }

private:
  std::string name_;
  unsigned questions_ = 0, groups_ = 0;
};

/// Tasks that run side by side for one that waits for all of them (when_all).
class coroutine_group {
public:
  void add(std::coroutine_handle<> child) { children_.push_back(child); }
  /// Starts the first ones. False: all have ended already.
  bool start(std::coroutine_handle<> parent, std::size_t at_once);
  /// One has ended: who goes on.
  std::coroutine_handle<> child_ended();

private:
  bool start_more();

  std::coroutine_handle<> parent_;
  std::vector<std::coroutine_handle<>> children_;
  std::size_t next_ = 0, running_ = 0, at_once_ = 1;
  bool starting_ = false;
};

/// Base of every coroutine's promise.
struct coroutine_promise {
  coroutine_slot own;
  coroutine_slot* slot = &own; // of the outermost one
  coroutine_place own_place;
  coroutine_place* place = &own_place;
  std::coroutine_handle<> parent;
  coroutine_group* group = nullptr; // instead of a parent
  bool awaited = false;
  std::exception_ptr failed;

  struct to_parent {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) const noexcept {
      auto& ended = h.promise();
      if (ended.group)
        return ended.group->child_ended();
      return ended.parent ? ended.parent : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  to_parent final_suspend() const noexcept { return {}; }
  void unhandled_exception() { failed = std::current_exception(); }
};

/// What a coroutine<T> ends with.
template <class T>
struct coroutine_ending : coroutine_promise {
  std::optional<T> value;

  template <class U = T> // the default lets `co_return {};` mean an empty T
  requires std::is_constructible_v<T, U&&>
  void return_value(U&& v) { value.emplace(std::forward<U>(v)); }

  T take() {
    if (failed)
      std::rethrow_exception(failed);
    if (!value)
      throw std::logic_error("a coroutine ended without co_return");
    return std::move(*value);
  }
};
template <>
struct coroutine_ending<void> : coroutine_promise {
  void return_void() {}
  void take() {
    if (failed)
      std::rethrow_exception(failed);
  }
};

/// A coroutine that ends with a T. Owned by whoever holds it; destroying it ends it where it is.
/// `T t = co_await other(…);` runs another one inside.
template <class T>
class [[nodiscard]] coroutine {
public:
  struct promise_type : coroutine_ending<T> {
    coroutine get_return_object() { return coroutine{handle::from_promise(*this)}; }
  };
  using handle = std::coroutine_handle<promise_type>;

  coroutine(coroutine&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  coroutine& operator=(coroutine&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~coroutine() {
    if (handle_)
      handle_.destroy();
  }

  // --- for whoever drives it -------------------------------------------------------------------

  /// Runs to the first question or the end.
  void start() { handle_.resume(); }
  /// Goes on with the reply to one of `slot().take_asked()`. False: nothing waits for it.
  bool resume(uint64_t ask_id, effect_reply reply) {
    return slot().resume(ask_id, std::move(reply));
  }
  bool done() const { return handle_.done(); }
  coroutine_slot& slot() { return handle_.promise().own; }
  /// The result, once done. Rethrows what left the coroutine.
  T take() { return handle_.promise().take(); }

  // --- for a coroutine that awaits it ------------------------------------------------------------

  struct awaiter {
    handle child;

    bool await_ready() const noexcept { return false; }
    template <class P>
    handle await_suspend(std::coroutine_handle<P> parent) const noexcept {
      child.promise().slot = parent.promise().slot;
      child.promise().place = parent.promise().place;
      child.promise().parent = parent;
      return child;
    }
    T await_resume() const { return child.promise().take(); }
  };
  awaiter operator co_await() const {
    mark_awaited();
    return awaiter{handle_};
  }
  /// Runs it beside the others of the group.
  void join(coroutine_group& group, coroutine_slot& asks, std::string place) {
    mark_awaited();
    handle_.promise().slot = &asks;
    handle_.promise().own_place = coroutine_place{std::move(place)};
    handle_.promise().group = &group;
    group.add(handle_);
  }

private:
  explicit coroutine(handle h) : handle_(h) {}

  void mark_awaited() const {
    if (!handle_)
      throw std::logic_error("a coroutine was awaited that had been moved elsewhere");
    if (std::exchange(handle_.promise().awaited, true))
      throw std::logic_error("a coroutine was awaited twice; call it again instead");
  }

  handle handle_;
};

/// An effect as a coroutine awaits it; gives result<T>.
template <class T>
class [[nodiscard]] awaiting {
public:
  explicit awaiting(effect what) : what_(std::move(what)) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> who) {
    if (std::exchange(asked_, true))
      throw std::logic_error("a call was awaited twice; make it again instead");
    who.promise().slot->ask(who, std::move(what_), reply_);
  }
  result<T> await_resume();

  /// What would be asked, for tests of code that makes it.
  const effect& what() const { return what_; }

protected:
  effect what_;

private:
  bool asked_ = false;
  std::optional<effect_reply> reply_;
};

/// An interrupt as a coroutine awaits it; gives the answer.
class [[nodiscard]] answer_of {
public:
  answer_of(json::value question, std::shared_ptr<task_facts> facts)
    : question_(std::move(question)), facts_(std::move(facts)) {}

  bool await_ready() const noexcept { return false; }
  /// Takes its answer when awaited, not when made: in which order a call's arguments are made,
  /// compilers do not agree.
  template <class P>
  bool await_suspend(std::coroutine_handle<P> who) {
    auto place = who.promise().place->next_question();
    answer_ = find(place);
    if (answer_)
      return false;
    flow::interrupt question(std::move(question_));
    question.place = std::move(place);
    who.promise().slot->stop_at(std::move(question));
    return true;
  }
  json::value await_resume() const { return answer_ ? *answer_ : json::value(nullptr); }

private:
  const json::value* find(const std::string& place) const;

  json::value question_;
  std::shared_ptr<task_facts> facts_;
  const json::value* answer_ = nullptr; // of the facts
};

/// Takes a T out of the reply: by alternative, or through the adapters in coroutine.cpp.
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
  return reply_as<T>(std::move(*reply_));
}

// --- several at once ------------------------------------------------------------------------

template <class T>
coroutine<T> as_coroutine(coroutine<T> one) {
  return one;
}
inline coroutine<std::monostate> as_coroutine(coroutine<void> one) {
  co_await std::move(one);
  co_return std::monostate{};
}
template <class Awaitable>
auto as_coroutine(Awaitable one) -> coroutine<decltype(one.await_resume())> {
  co_return co_await std::move(one);
}

/// A call, a coroutine, or whatever else this API gives to be awaited.
template <class A>
concept awaitable = requires(A one) {
  as_coroutine(std::move(one));
};

/// What `when_all` gives for some of different types: awaiting it gives a tuple of what each gives.
template <class... T>
class [[nodiscard]] all_of {
public:
  explicit all_of(coroutine<T>... each) : each_(std::move(each)...) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> who) {
    const auto place = who.promise().place->next_group();
    auto n = 0;
    auto join = [&](auto& one) {
      one.join(group_, *who.promise().slot, place + std::to_string(n++));
    };
    std::apply([&](auto&... one) { (join(one), ...); }, each_);
    return group_.start(who, sizeof...(T));
  }
  std::tuple<T...> await_resume() {
    return std::apply([](auto&... one) { return std::tuple<T...>{one.take()...}; }, each_);
  }

private:
  std::tuple<coroutine<T>...> each_;
  coroutine_group group_;
};

/// The same for a list: awaiting it gives a vector, in the list's order.
template <class T>
class [[nodiscard]] all_in {
public:
  all_in(std::vector<coroutine<T>> each, std::size_t at_once)
    : each_(std::move(each)), at_once_(at_once) {}

  bool await_ready() const noexcept { return each_.empty(); }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> who) {
    const auto place = who.promise().place->next_group();
    auto n = 0;
    for (auto& one : each_)
      one.join(group_, *who.promise().slot, place + std::to_string(n++));
    return group_.start(who, at_once_);
  }
  std::vector<T> await_resume() {
    std::vector<T> all;
    all.reserve(each_.size());
    for (auto& one : each_)
      all.push_back(one.take());
    return all;
  }

private:
  std::vector<coroutine<T>> each_;
  coroutine_group group_;
  std::size_t at_once_;
};

/// Runs calls and coroutines side by side and waits for all of them:
///
///   auto [mail, dates] = co_await when_all(mailbox.get("/unread"), dates_of(ctx));
///
/// Each gives what it would give alone: a failed call is an error in its place, and the others go
/// on. An exception is thrown on when all have ended: the first one's.
template <awaitable... Awaitable>
requires(sizeof...(Awaitable) > 1) auto when_all(Awaitable... each) {
  return all_of{as_coroutine(std::move(each))...};
}

/// The same for a vector of calls or of coroutines, of which at most `at_once` run at a time.
///
///   std::vector<coroutine<result<std::string>>> all;
///   for (const auto& id : ids)
///     all.push_back(subject_of(ctx, id));
///   auto subjects = co_await when_all(std::move(all), 4);
template <awaitable Awaitable>
auto when_all(std::vector<Awaitable> each, std::size_t at_once = 8) {
  using one = decltype(as_coroutine(std::declval<Awaitable>()));
  std::vector<one> all;
  all.reserve(each.size());
  for (auto& e : each)
    all.push_back(as_coroutine(std::move(e)));
  return all_in{std::move(all), at_once};
}

/// Drives a coroutine as a node.
std::unique_ptr<node> coroutine_node(coroutine<node_result> body);

} // namespace behalf
