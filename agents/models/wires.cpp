#include "agents/models/anthropic.hpp"
#include "agents/models/gemini.hpp"
#include "agents/models/openai_chat.hpp"
#include "agents/models/openai_responses.hpp"
#include "agents/models/wire.hpp"

#include <algorithm>

namespace behalf {
namespace {

// Where a provider says no number, it is what one conversation can carry.
std::size_t tools_taken_by(model_type type) {
  return type == model_type::openai || type == model_type::openai_chat ? 128 : 512;
}

} // namespace

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

std::size_t most_tools(const model_directory& all, std::string_view model) {
  const auto* first = all.find(model);
  if (!first)
    return tools_taken_by(model_type::openai);
  auto most = tools_taken_by(first->type);
  for (const auto& name : first->fallback)
    if (const auto* other = all.find(name))
      most = std::min(most, tools_taken_by(other->type));
  return most;
}

void add_parameter(json::object& body, std::string_view key, const json::value& v) {
  auto& place = body[key];
  if (v.is_null())
    body.erase(key);
  else if (place.is_object() && v.is_object())
    merge(place.get_object(), v.get_object());
  else if ((key == "tools" || key == "include") && place.is_array() && v.is_array())
    place.get_array().insert(place.get_array().end(), v.get_array().begin(), v.get_array().end());
  else
    place = v;
}

} // namespace behalf
