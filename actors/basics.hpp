// What every actor needs of CAF: errors across it, asking with an end, containing what goes wrong.
#pragma once

#include "behalf/error.hpp"
#include "behalf/time.hpp"

#include <caf/actor_clock.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/message_view.hpp>
#include <caf/result.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/sec.hpp>

#include <chrono>
#include <exception>
#include <string_view>

CAF_ERROR_CODE_ENUM(behalf::errc, "behalf")
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::error)

namespace behalf {

/// A note to oneself: the time of that generation has come; an older one is forgotten.
struct wake_up {
  int64_t generation = 0;
};
/// A note to oneself, behind everything that arrived meanwhile: write the next group.
struct flush_group {};

/// Our error, as CAF carries it between actors.
inline caf::error to_caf(error e) {
  auto code = e.code;
  return caf::make_error(code, std::move(e));
}

/// CAF's error, as the rest of the program knows it. CAF's own codes never reach a client.
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

/// Lets a message handler answer with a plain result.
template <class T>
caf::result<T> reply(result<T> r) {
  if (r.has_value())
    return std::move(*r);
  return to_caf(std::move(r).error());
}

/// Completes a promise with a plain result.
template <class Promise, class T>
void deliver(Promise& promise, result<T> r) {
  if (r.has_value())
    promise.deliver(std::move(*r));
  else
    promise.deliver(to_caf(std::move(r).error()));
}

/// Asks another actor, giving up at a deadline. Both outcomes are always handled: without the
/// second handler an error would kill the asker.
template <class Self, class Handle, class Message, class OnValue, class OnError>
void ask(Self* self, const Handle& to, deadline by, Message m, OnValue on_value, OnError on_error) {
  self->request(to, by - self->clock().now(), std::move(m))
    .then(std::move(on_value),
          [on_error = std::move(on_error)](caf::error& e) mutable { on_error(from_caf(e)); });
}

/// Asks one of the core actors, whose death ends the process, or one the asker monitors. There
/// is no timer here: the deadline of the whole exchange (one Asio timer, armed by its session)
/// bounds the wait, and a timer per hop would wake CAF's clock thread on every message.
template <class Self, class Handle, class Message, class OnValue, class OnError>
void ask_core(Self* self, const Handle& to, Message m, OnValue on_value, OnError on_error) {
  self->request(to, caf::infinite, std::move(m))
    .then(std::move(on_value),
          [on_error = std::move(on_error)](caf::error& e) mutable { on_error(from_caf(e)); });
}

/// Calls `lost` when the actor ends by anything but a shutdown, or for want of anyone who needs it.
template <class Handle, class F>
void when_lost(const Handle& actor, F lost) {
  actor->attach_functor([lost = std::move(lost)](const caf::error& why) {
    if (why != caf::exit_reason::user_shutdown && why != caf::exit_reason::unreachable)
      lost();
  });
}

/// Logs the class of what left a handler, which ends its actor. Not its text, which may hold
/// anything.
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

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wake_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::flush_group)
