// What the configuration says of one chat model.
#pragma once

#include "behalf/json.hpp"
#include "behalf/spending_limits.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

enum class model_type : uint8_t {
  openai,      // Responses: POST {url}/responses
  openai_chat, // Chat Completions, and every server compatible with it
  anthropic,   // Messages
  gemini,      // generateContent
};

/// How a server compatible with Chat Completions differs from OpenAI's. `server` of a model names a
/// set of these (openai_chat.hpp); the configuration may change each.
struct chat_differences {
  std::string provider = "openai";        // as ls_provider and model_provider name it
  std::string path = "/chat/completions"; // behind the service's URL; may have a query
  std::string max_tokens_key = "max_completion_tokens"; // or "max_tokens"
  std::string system_role = "system";                   // or "developer"
  std::string reasoning_key =
    {}; // in which reasoning of an assistant's turn is sent back; empty: in none
  bool reasoning_with_calls_only = false; // it is sent back with turns that have tool calls, "" too
  bool stream_usage = true;               // takes stream_options.include_usage
  bool parallel_tool_calls = true;        // takes the parameter of that name
  bool images = true;                     // takes blocks of images, audio and files, not text alone
  bool json_schema = true;            // takes a schema in response_format, not json_object alone
  bool json_schema_with_tools = true; // and still calls tools then; many are held to the schema
};

/// What a million tokens cost, in the currency of the operator's choice.
struct token_prices {
  double input = 0, cached_input = 0, cache_write = 0, output = 0;
  bool given = false; // else what answers cost is not known, and limits of cost hold nothing back
};

struct model_options {
  std::string name; // in `models`
  model_type type = model_type::openai_chat;
  std::string model;                 // the provider's id
  json::object parameters;           // of every request, over what we would send: temperature, …
  chat_differences differs;          // openai_chat only
  std::vector<std::string> fallback; // models that are asked when this one fails, in order
  int max_retries = 2;               // of one model, after the first attempt
  std::chrono::milliseconds longest_wait{120'000};  // a Retry-After beyond it is a failure
  std::chrono::milliseconds total_timeout{600'000}; // of one request, to its answer's end
  std::size_t max_answer_bytes = 8u << 20;          // of one answer, arguments and all
  token_prices prices;
  spending_limits limits;
};

/// The chat models of a configuration.
struct model_directory {
  std::map<std::string, model_options, std::less<>> by_name;

  /// Null when there is none of that name.
  const model_options* find(std::string_view name) const {
    auto at = by_name.find(name);
    return at == by_name.end() ? nullptr : &at->second;
  }
};

} // namespace behalf
