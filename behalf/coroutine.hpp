// Coroutines that ask the outside: `coroutine<T>` runs until it awaits something, says what, and
// goes on when it is resumed with the answer. No thread, no scheduler, no I/O.
//
// Inside a co_await expression g++ 12 destroys a braced struct and a lambda that captures by value
// twice. What this API takes can be written in braces there; for a function of your own that takes
// a struct or such a lambda, give the argument a name first.
#pragma once

#include "behalf/node.hpp"

#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace behalf {

struct task_facts;
template <class T>
class coroutine;

class coroutine_slot;

/// One `co_await` that is under way: for the reply to an ask, or for a person's answer. When its
/// coroutine is ended meanwhile, the ask is taken back.
class coroutine_wait {
public:
  coroutine_wait() = default;
  coroutine_wait(const coroutine_wait&) noexcept {} // nothing is copied while it is awaited
  coroutine_wait& operator=(const coroutine_wait&) noexcept { return *this; }
  ~coroutine_wait();

  effect_reply take_reply() { return std::move(*reply_); }

private:
  friend class coroutine_slot;

  coroutine_slot* slot_ = nullptr; // while it waits
  std::coroutine_handle<> who_;
  uint64_t ask_id_ = 0;
  std::optional<effect_reply> reply_;
  std::optional<flow::interrupt> question_; // instead of an ask
};

/// What a coroutine and those it awaits ask, and which of them wait.
class coroutine_slot {
public:
  coroutine_slot() = default;
  coroutine_slot(const coroutine_slot&) = delete;
  coroutine_slot& operator=(const coroutine_slot&) = delete;
  ~coroutine_slot();

  void ask(std::coroutine_handle<> who, effect what, coroutine_wait& wait);
  void stop_at(flow::interrupt question, coroutine_wait& wait);

  /// What was asked, and taken back, since the last call.
  std::vector<asked_effect> take_asked();
  /// What those ask that wait for an answer: the first, and beside it the others. Nothing: none.
  std::optional<flow::interrupt> take_question();
  bool waits() const { return !waiting_.empty(); }
  /// A reply to what was taken back is dropped. False: that was never asked.
  bool resume(uint64_t ask_id, effect_reply reply);

private:
  friend class coroutine_wait;
  void leave(const coroutine_wait& wait);

  std::unordered_map<uint64_t, coroutine_wait*> waiting_; // for replies, by the number of the ask
  std::vector<coroutine_wait*> questions_;                // for answers
  std::vector<asked_effect> asked_;
  uint64_t last_id_ = 0, told_ = 0; // the last ask, and the last one taken by take_asked
};

/// Where in its node a coroutine is. Those that run side by side are in places of their own, the
/// same ones each time the node runs, in whatever order their replies come.
class coroutine_place {
public:
  coroutine_place() = default; // the node's body, and what it awaits one after the other
  explicit coroutine_place(std::string name) : name_(std::move(name)) {}

  /// Of the next question asked here; "" in the node's body, whose questions have an order.
  std::string next_question() {
    return name_.empty() ? name_ : name_ + ':' + std::to_string(questions_++);
  }
  /// Of the next call of a graph here: "0", "1", …; among others side by side ".0.1.0".
  std::string next_call();
  /// Of the next ones side by side here; they add their numbers.
  std::string next_group() { return name_ + '/' + std::to_string(groups_++) + '.'; }

private:
  std::string name_;
  unsigned questions_ = 0, calls_ = 0, groups_ = 0;
};

/// Coroutines that run side by side for one that waits for all of them, or for the first.
class coroutine_group {
public:
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  /// Of the next child.
  std::string next_place(coroutine_place& parent) {
    if (place_.empty())
      place_ = parent.next_group();
    return place_ + std::to_string(children_.size());
  }
  void add(std::coroutine_handle<> child) { children_.push_back(child); }
  /// Starts the first ones. False: as many as the parent waits for have ended already.
  bool start(std::coroutine_handle<> parent, std::size_t at_once, std::size_t wait_for = all);
  /// One has ended: who goes on.
  std::coroutine_handle<> child_ended();

private:
  bool start_more();

  std::coroutine_handle<> parent_;
  std::vector<std::coroutine_handle<>> children_;
  std::string place_;
  std::size_t next_ = 0, ended_ = 0, at_once_ = 1, wait_for_ = all;
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
  /// Goes on with the reply to one of `slot().take_asked()`. False: that was never asked.
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
  void join(coroutine_group& group, const coroutine_promise& parent) {
    mark_awaited();
    handle_.promise().slot = parent.slot;
    handle_.promise().own_place = coroutine_place{group.next_place(*parent.place)};
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
    who.promise().slot->ask(who, std::move(what_), wait_);
  }
  result<T> await_resume();

  /// What would be asked, for tests of code that makes it.
  const effect& what() const { return what_; }

protected:
  effect what_;

private:
  bool asked_ = false;
  coroutine_wait wait_;
};

/// A graph run inside a node, awaited for its output channels.
class [[nodiscard]] subgraph_call : public awaiting<json::object> {
public:
  using awaiting<json::object>::awaiting;

  template <class P>
  void await_suspend(std::coroutine_handle<P> who) {
    std::get<run_subgraph>(what_).place = who.promise().place->next_call();
    awaiting<json::object>::await_suspend(who);
  }
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
    who.promise().slot->stop_at(std::move(question), wait_);
    return true;
  }
  json::value await_resume() const { return answer_ ? *answer_ : json::value(nullptr); }

private:
  const json::value* find(const std::string& place) const;

  json::value question_;
  std::shared_ptr<task_facts> facts_;
  const json::value* answer_ = nullptr; // of the facts
  coroutine_wait wait_;
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
result<std::vector<std::vector<std::string>>>
reply_as<std::vector<std::vector<std::string>>>(effect_reply reply);
template <>
result<std::monostate> reply_as<std::monostate>(effect_reply reply);
template <>
result<json::object> reply_as<json::object>(effect_reply reply);

template <class T>
result<T> awaiting<T>::await_resume() {
  return reply_as<T>(wait_.take_reply());
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

template <class Awaitable>
auto as_coroutines(std::vector<Awaitable> each) {
  std::vector<decltype(as_coroutine(std::declval<Awaitable>()))> all;
  all.reserve(each.size());
  for (auto& one : each)
    all.push_back(as_coroutine(std::move(one)));
  return all;
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
    std::apply([&](auto&... one) { (one.join(group_, who.promise()), ...); }, each_);
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
    for (auto& one : each_)
      one.join(group_, who.promise());
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
  return all_in{as_coroutines(std::move(each)), at_once};
}

/// What `when_any` gives for some of different types: awaiting it gives a variant.
template <class... T>
class [[nodiscard]] first_of {
public:
  explicit first_of(coroutine<T>... each)
    : each_(std::tuple<coroutine<T>...>{std::move(each)...}) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> who) {
    std::apply([&](auto&... one) { (one.join(group_, who.promise()), ...); }, *each_);
    return group_.start(who, sizeof...(T), 1);
  }
  std::variant<T...> await_resume() {
    auto first = take(std::index_sequence_for<T...>{});
    each_.reset(); // ends the others where they are
    return first;
  }

private:
  template <std::size_t... I>
  std::variant<T...> take(std::index_sequence<I...>) {
    std::optional<std::variant<T...>> first;
    ((std::get<I>(*each_).done() && !first
        ? static_cast<void>(first.emplace(std::in_place_index<I>, std::get<I>(*each_).take()))
        : static_cast<void>(0)),
     ...);
    return std::move(*first);
  }

  std::optional<std::tuple<coroutine<T>...>> each_;
  coroutine_group group_;
};

/// Which of a list was done first, and what it gave.
template <class T>
struct first_done {
  std::size_t index;
  T value;
};

/// What `when_any` gives for a list: awaiting it gives a first_done.
template <class T>
class [[nodiscard]] first_in {
public:
  explicit first_in(std::vector<coroutine<T>> each) : each_(std::move(each)) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> who) {
    for (auto& one : each_)
      one.join(group_, who.promise());
    return group_.start(who, each_.size(), 1);
  }
  first_done<T> await_resume() {
    std::size_t i = 0;
    while (!each_[i].done())
      ++i;
    first_done<T> first{i, each_[i].take()};
    each_.clear(); // ends the others where they are
    return first;
  }

private:
  std::vector<coroutine<T>> each_;
  coroutine_group group_;
};

/// Runs calls and coroutines side by side until the first is done:
///
///   auto first = co_await when_any(primary.get("/quote"), backup.get("/quote"));
///   auto& quote = first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
///
/// The others are ended where they are and what they asked is taken back; a call that was sent may
/// still have its effect. A failed call is done too. What the first one throws is thrown on.
template <awaitable... Awaitable>
requires(sizeof...(Awaitable) > 1) auto when_any(Awaitable... each) {
  return first_of{as_coroutine(std::move(each))...};
}

/// The same for a vector of calls or of coroutines. An empty one throws: it would never be done.
template <awaitable Awaitable>
auto when_any(std::vector<Awaitable> each) {
  if (each.empty())
    throw std::invalid_argument("when_any of nothing is never done");
  return first_in{as_coroutines(std::move(each))};
}

class outbound_request;

template <class T>
struct timed {
  using type = result<T>;
};
template <class T>
struct timed<result<T>> {
  using type = result<T>;
};

template <class T>
coroutine<typename timed<T>::type> in_time(coroutine<T> what, std::chrono::milliseconds time) {
  awaiting<std::monostate> timer{sleep_for{time}};
  auto first = co_await when_any(std::move(what), std::move(timer));
  if (first.index() == 0)
    co_return std::get<0>(std::move(first));
  if (const auto& slept = std::get<1>(first); !slept)
    co_return slept.error();
  co_return fail(errc::timeout, "not done within " + std::to_string(time.count()) + " ms");
}

/// What a call or a coroutine gives, or errc::timeout when it takes longer: then it is ended as by
/// when_any. A coroutine that ends with a T which is no result gives a result<T>.
///
///   auto reply = co_await with_timeout(ctx.service("mail").get("/unread"), 2s);
template <awaitable Awaitable, class Rep, class Period>
auto with_timeout(Awaitable what, std::chrono::duration<Rep, Period> time) {
  static_assert(!std::is_same_v<Awaitable, answer_of>,
                "a question has no time limit: the run stops until a person answers");
  static_assert(!std::is_same_v<Awaitable, outbound_request>,
                "write ctx.fetch(service, url).timeout(time) in an authenticate handler");
  return in_time(as_coroutine(std::move(what)), std::chrono::ceil<std::chrono::milliseconds>(time));
}

/// Drives a coroutine as a node.
std::unique_ptr<node> coroutine_node(coroutine<node_result> body);

} // namespace behalf
