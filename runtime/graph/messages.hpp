// Chat messages: the forms they come in, the one form they are kept in, and how lists of them join.
#pragma once

#include "behalf/messages.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// Completes a message: {role|type, content}, [role, text] or a plain string (a human message)
/// become {content, additional_kwargs, response_metadata, type, name, id, …} in this key order, and
/// a missing id becomes a random UUID. user→human, assistant→ai.
/// Error: InvalidUpdateError when it is none of these forms.
result<json::value> to_message(const json::value& v);

/// Completes a chunk of a message as `to_message` completes a message; its type is an
/// AIMessageChunk unless it says another, its id `id` unless it has one. A string is the next part
/// of the text.
result<json::value> to_chunk(const json::value& v, std::string_view id);

/// Whether it is what `to_chunk` makes of it already, as the many chunks of chat models are.
bool is_chunk(const json::value& v);

/// The id of a task's parts that name none.
std::string streamed_message_id(std::string_view task_id);

/// A list of messages from one or many: every element of a list is a message.
result<json::array> to_messages(const json::value& v);

/// What joining did to the list.
enum class message_change : uint8_t { appended, rewritten };

/// Joins complete messages into `list`: an equal id replaces in place, {"type": "remove", "id"}
/// deletes, the id "__remove_all__" deletes everything before it, anything else is appended.
/// What `check_removals` refuses must not come here.
message_change join_messages(json::array& list, const json::array& update);

/// True when joining `update` to `list` (null: none yet) does anything but append all of it.
bool rewrites(const json::value* list, const json::value& update);

/// Error: InvalidUpdateError when `update` removes a message that is neither in `list` nor
/// earlier in `update`.
result<void> check_removals(const json::array& list, const json::array& update,
                            std::string_view channel);

} // namespace behalf
