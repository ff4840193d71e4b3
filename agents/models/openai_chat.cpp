#include "agents/models/openai_chat.hpp"

#include "agents/models/openai_chat_reader.hpp"
#include "agents/models/openai_chat_request.hpp"
#include "agents/models/openai_error.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

struct known_server {
  std::string_view name;
  chat_differences differs;
};

// In alphabetical order. Where a server takes both of OpenAI's words for the longest answer, it is
// the older one, which all of its versions know.
const auto& servers() {
  static const std::array all{
    known_server{"azure", {.provider = "azure"}},
    known_server{
      "compatible",
      {.provider = "compatible", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{
      "deepinfra",
      {.provider = "deepinfra", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{"deepseek",
                 {.provider = "deepseek",
                  .max_tokens_key = "max_tokens",
                  .reasoning_key = "reasoning_content",
                  .reasoning_with_calls_only = true,
                  .parallel_tool_calls = false,
                  .images = false,
                  .json_schema = false}},
    known_server{
      "litellm",
      {.provider = "litellm", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{
      "llamacpp",
      {.provider = "llamacpp", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{"mistral",
                 {.provider = "mistralai",
                  .max_tokens_key = "max_tokens",
                  .stream_usage = false,
                  .json_schema_with_tools = false}},
    known_server{"ollama",
                 {.provider = "ollama",
                  .max_tokens_key = "max_tokens",
                  .parallel_tool_calls = false,
                  .json_schema_with_tools = false}},
    known_server{"openai", {}},
    known_server{
      "openrouter",
      {.provider = "openrouter", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{
      "sglang",
      {.provider = "sglang", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
    known_server{
      "vllm",
      {.provider = "vllm", .max_tokens_key = "max_tokens", .json_schema_with_tools = false}},
  };
  return all;
}

class chat_wire final : public model_wire {
public:
  result<http_operation> request(const model_options& model,
                                 const chat_request& what) const override {
    return openai_chat_request(model, what);
  }
  std::unique_ptr<answer_reader> reader(const model_options& model) const override {
    return openai_chat_reader(model.max_answer_bytes);
  }
  model_failure failure(int status, const header_list& headers,
                        std::string_view body) const override {
    return openai_failure(status, headers, body);
  }
  bool takes_schema(const model_options& model, const json::object&,
                    bool with_tools) const override {
    return model.differs.json_schema && (!with_tools || model.differs.json_schema_with_tools);
  }
  std::string_view provider(const model_options& model) const override {
    return model.differs.provider;
  }
};

} // namespace

const model_wire& openai_chat_wire() {
  static const chat_wire one;
  return one;
}

std::optional<chat_differences> differences_of(std::string_view server) {
  for (const auto& one : servers())
    if (one.name == server)
      return one.differs;
  return {};
}

std::vector<std::string_view> known_chat_servers() {
  std::vector<std::string_view> names;
  for (const auto& one : servers())
    names.push_back(one.name);
  return names;
}

} // namespace behalf
