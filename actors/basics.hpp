// What every actor needs of CAF: errors, asking, telling, timers, and handlers for faults.
#pragma once

#include "actors/caf.hpp"
#include "behalf/error.hpp"
#include "behalf/time.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_clock.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/message_view.hpp>
#include <caf/result.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>
#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <string_view>

CAF_ERROR_CODE_ENUM(behalf::errc, "behalf")
BEHALF_MESSAGE(behalf::error)

namespace behalf {

/// A timer's message to its own actor. Actors ignore a generation that is not current.
struct wake_up {
  int64_t generation = 0;
};
/// An actor's message to itself, queued behind all that has arrived: write the next group.
struct flush_group {};

/// Our error, as CAF carries it between actors.
inline caf::error to_caf(error e) {
  auto code = e.code;
  return caf::make_error(code, std::move(e));
}

/// CAF's error as ours. CAF's own codes become `internal`, and never reach a client.
inline error from_caf(const caf::error& e) {
  if (e.category() == caf::atom("behalf")) {
    const auto& context = e.context();
    if (context.match_elements<error>())
      return context.get_as<error>(0);
    return {static_cast<errc>(e.code()), {}};
  }
  if (e == caf::sec::request_timeout)
    return {errc::timeout, "the request ran out of time"};
  return {errc::internal, "an internal component failed"};
}

/// Converts a result into what a message handler returns.
template <class T>
caf::result<T> reply(result<T> r) {
  if (r.has_value())
    return std::move(*r);
  return to_caf(std::move(r).error());
}

/// The promise of an answer, made while the question is handled. Copies share one promise. When the
/// last copy is destroyed without an answer the asker gets an error; CAF would leave it waiting for
/// ever. Only the actor that made it may fulfil it; any thread may destroy it.
template <class T>
class promise_of {
public:
  promise_of() = default;
  template <class Self>
  explicit promise_of(Self* self) {
    auto asker = self->current_sender(); // a copy: CAF's promise takes it
    const auto id = self->current_message_id();
    owed_ = std::make_shared<owed>(self->template make_response_promise<T>(), std::move(asker), id,
                                   self->name());
  }

  /// Fulfils the promise; only the first call counts.
  void deliver(result<T> r) const {
    if (!owed_)
      return;
    if (r.has_value())
      owed_->to.deliver(std::move(*r));
    else
      owed_->to.deliver(to_caf(std::move(r).error()));
  }

  /// What a handler returns when it answers later.
  operator caf::result<T>() const { return caf::delegated<T>{}; }

private:
  struct owed {
    owed(caf::typed_response_promise<T> p, caf::strong_actor_ptr from, caf::message_id asked,
         const char* name)
      : to(std::move(p)), asker(std::move(from)), id(asked), actor(name) {}
    owed(const owed&) = delete;
    ~owed() {
      if (!to.pending() || !asker || !id.is_request())
        return;
      log::error("question_unanswered", {{"actor", actor}});
      // Not through `to`, which uses the execution unit its actor last ran on: that may be gone.
      auto why = to_caf(fail(errc::internal, "a question was not answered"));
      asker->enqueue(nullptr, id.response_id(), caf::make_message(std::move(why)), nullptr);
    }
    caf::typed_response_promise<T> to;
    caf::strong_actor_ptr asker;
    caf::message_id id;
    const char* actor;
  };

  std::shared_ptr<owed> owed_;
};

// Checked here, as CAF's own error for it is a thousand lines long.
template <class Message>
constexpr bool must_be_message() {
  static_assert(is_message<Message>,
                "this type is no message yet: say BEHALF_MESSAGE(its full name) "
                "at the end of the header that defines it");
  return is_message<Message>;
}

/// Sends a message without an answer. From any thread.
template <class Handle, class Message>
void tell(const Handle& to, Message m) {
  if constexpr (must_be_message<Message>())
    caf::anon_send(to, std::move(m));
}

/// Sends a message to the actor itself, later. It cannot be cancelled: number it to know an old
/// one.
template <class Self, class Message>
void remind(Self* self, std::chrono::steady_clock::duration after, Message m) {
  if constexpr (must_be_message<Message>())
    self->delayed_send(self, after, std::move(m));
}

/// Asks another actor, without a timer: the deadline of the whole exchange (one Asio timer, armed
/// by its session) bounds the wait, and a timer per question would cost a fifth of the throughput.
/// A dropped promise and a dead actor are errors. Both handlers are required: without the second
/// one an error would end the asker.
template <class Self, class Handle, class Message, class OnValue, class OnError>
void ask(Self* self, const Handle& to, Message m, OnValue on_value, OnError on_error) {
  if constexpr (must_be_message<Message>())
    self->request(to, caf::infinite, std::move(m))
      .then(std::move(on_value),
            [on_error = std::move(on_error)](caf::error& e) mutable { on_error(from_caf(e)); });
}

/// Calls `lost` when the actor ends otherwise than by a shutdown or for lack of references.
template <class Handle, class F>
void when_lost(const Handle& actor, F lost) {
  actor->attach_functor([lost = std::move(lost)](const caf::error& why) {
    if (why != caf::exit_reason::user_shutdown && why != caf::exit_reason::unreachable)
      lost();
  });
}

/// Logs the class of an exception that ended an actor; not its text, which may hold secrets.
void log_thrown(std::string_view actor, const std::exception_ptr& what);

/// First line of every behavior. Without it CAF prints exception texts and stray messages,
/// secrets included, to stderr. A handler that throws still ends its actor.
template <class Self>
void install_fault_handlers(Self* self) {
  self->set_exception_handler([name = self->name()](std::exception_ptr& what) -> caf::error {
    log_thrown(name, what);
    return to_caf(fail(errc::internal, "a handler threw"));
  });
  self->set_default_handler(
    [](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
      return to_caf(fail(errc::internal, "an actor received a message it does not know"));
    });
}

} // namespace behalf

BEHALF_MESSAGE(behalf::wake_up)
BEHALF_MESSAGE(behalf::flush_group)
