// What of a conversation is sent to a model: every provider refuses a call without its result, and
// conversations have such calls whenever a run was cut off.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// The messages with every call of an ai message answered by exactly one tool message, right after
/// it, in the order of the calls (`content_blocks` says which these are).
/// An answer is looked for up to the next ai message that has calls; the first one counts, those
/// that Agent Chat UI makes up only when there is no other. A call without one gets a tool message
/// of status "error" that says that it was malformed, or that nobody knows what became of it. Left
/// out are tool messages that answer none of these calls, ai messages without anything, and what is
/// no message. n log n in the number of messages, linear in their size.
json::array ready_messages(const json::array& messages);

/// As if another provider had made the message: its text and calls stay, what was thought and what
/// only its provider can read (signatures, encrypted content, ids of its items) is sent no more.
/// False: it is so already.
bool forget_thinking(json::value& message);
/// That of all messages before the person last spoke; of all, when these have none. What to note in
/// the answer, "": none had any.
std::string_view forget_refused_thinking(json::array& messages);
/// In `response_metadata.thinking_forgotten`: what the answer was made without.
void note_forgotten(json::object& answer, std::string_view what);
/// What the messages note: their provider would refuse it each time, and it is bound to what they
/// were made with. Linear.
void forget_noted_thinking(json::array& messages);
/// The same with all that is no text left out of what people said before the last time, and a word
/// in its place: what a model could not take then must not end the conversation for ever.
json::array without_earlier_media(const json::array& messages);

} // namespace behalf
