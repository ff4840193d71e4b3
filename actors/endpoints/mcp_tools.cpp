#include "actors/endpoints/mcp_tools.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

constexpr std::size_t longest_name = 64; // of what models' APIs take
constexpr std::size_t id_digits = 32;
constexpr std::size_t longest_title = 256;

// "…_0123456789abcdef0123456789abcdef"
std::optional<std::string> id_at_end(std::string_view name) {
  if (name.size() <= id_digits || name[name.size() - id_digits - 1] != '_')
    return std::nullopt;
  auto id = parse_uuid(name.substr(name.size() - id_digits), "assistant");
  return id ? std::optional{std::move(*id)} : std::nullopt;
}

// Models write texts, and a text is a message of the user.
json::object simplified(const json::object& schema) {
  auto simple = schema;
  auto* properties = simple.if_contains("properties");
  if (!properties || !properties->is_object())
    return simple;
  for (auto& one : properties->get_object())
    if (one.value().is_object()
        && string_or(one.value().get_object(), "langgraph_type") == "messages")
      one.value() = {{"type", "string"},
                     {"title", string_or(one.value().get_object(), "title")},
                     {"description", "What to say to the agent."}};
  return simple;
}

} // namespace

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && made_of(name, "_-") && !id_at_end(name);
}

std::string tool_name_with_id(std::string_view name, std::string_view assistant_id) {
  std::string made;
  for (char c : name.substr(0, longest_name - id_digits - 1))
    made += is_letter_or_digit(c) || c == '-' ? c : '_';
  if (made.empty())
    made = "assistant";
  made += '_';
  for (char c : assistant_id)
    if (c != '-')
      made += c;
  return made;
}

std::optional<std::string> assistant_of_tool(std::string_view tool_name) {
  if (auto id = parse_uuid(tool_name, "assistant"))
    return std::move(*id);
  return id_at_end(tool_name);
}

json::object tool_of(std::string_view tool_name, const json::object& assistant,
                     const json::value& schema) {
  const auto name = string_or(assistant, "name");
  std::string description{string_or(assistant, "description")};
  if (description.empty())
    description = "Tool based on the " + std::string(cut_utf8(name, longest_title)) + " assistant";
  auto input = schema.is_object() ? simplified(schema.get_object()) : json::object{};
  input["type"] = "object";
  return {{"name", tool_name},
          {"title", cut_utf8(name, longest_title)},
          {"description", std::move(description)},
          {"inputSchema", std::move(input)},
          {"annotations",
           {{"readOnlyHint", false},
            {"destructiveHint", false},
            {"idempotentHint", false},
            {"openWorldHint", true}}}};
}

} // namespace behalf::endpoints
