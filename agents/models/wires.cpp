#include "agents/models/anthropic.hpp"
#include "agents/models/gemini.hpp"
#include "agents/models/openai_chat.hpp"
#include "agents/models/openai_responses.hpp"

namespace behalf {

const model_wire& wire_of(model_type type) {
  switch (type) {
  case model_type::openai:
    return openai_wire();
  case model_type::anthropic:
    return anthropic_wire();
  case model_type::gemini:
    return gemini_wire();
  case model_type::openai_chat:
    break;
  }
  return openai_chat_wire();
}

} // namespace behalf
