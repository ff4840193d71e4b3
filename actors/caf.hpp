// What CAF's versions spell differently (docs/decisions/0021-caf-version.md): here what interfaces
// and messages need, in basics.hpp what actors need.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace behalf {

/// In an actor's interface: it answers a Question with an Answer.
template <class Question, class Answer>
using answers = typename caf::replies_to<Question>::template with<Answer>;

/// In an actor's interface: it takes a Message and answers nothing.
template <class Message>
using takes = caf::reacts_to<Message>;

/// True for types that BEHALF_MESSAGE names.
template <class T>
inline constexpr bool is_message = caf::allowed_unsafe_message_type<T>::value;

} // namespace behalf

/// Says that actors may send each other this type. Outside of all namespaces. Such a message is
/// never printed and cannot leave the process.
#define BEHALF_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)
