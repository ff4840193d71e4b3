// What an agent keeps of a user from one conversation to the next, in the store:
// ["memories", agent, user], each {"text", "taint"?}.
#pragma once

#include "agents/safety/taint.hpp"
#include "behalf/context.hpp"
#include "behalf/coroutine.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// An identity as a label of a namespace, which has no periods.
std::string user_label(std::string_view identity);

struct found_memories {
  std::vector<stored_item> items; // the best first
  taint seen;                     // what they were written under, and that they are the user's
  bool without_meaning = false;   // the store's index did not answer
};

/// At most `most` of the run's user's, by meaning where the store has an index, else those that
/// share words with the query, the newest first; without a query the newest. Where the index does
/// not answer, by words too, and the newest where none shares any.
coroutine<result<found_memories>> find_memories(context ctx, std::string agent, std::string query,
                                                std::size_t most, std::string call_id);

/// What a conversation begins with: the memories that suit the user's first words, as one message
/// of data, frozen by who keeps it. "" where there are none, or the store does not answer.
struct first_memories {
  std::string text;
  taint seen = {};
};
coroutine<first_memories> remembered_for(context ctx, std::string agent, std::string words);

} // namespace behalf
