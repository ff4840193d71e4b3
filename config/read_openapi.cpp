// The OpenAPI document of an HTTP service: a file of JSON or YAML.
#include "config/sections.hpp"
#include "runtime/base/text.hpp"

#include <string>

namespace behalf {
namespace {

constexpr std::size_t most_values = 500'000;
constexpr std::size_t deepest = 100;

// Counts as it will be copied: an alias stands for all that it names, and may be part of that.
bool fits(const YAML::Node& node, std::size_t& values, std::size_t depth = 0) {
  if (depth > deepest || ++values > most_values)
    return false;
  if (node.IsSequence())
    for (const auto& one : node)
      if (!fits(one, values, depth + 1))
        return false;
  if (node.IsMap())
    for (const auto& entry : node)
      if (!entry.first.IsScalar() || !fits(entry.second, values, depth + 1))
        return false;
  return true;
}

result<json::value> parse(const std::string& text) {
  if (text[text.find_first_not_of(" \t\r\n")] == '{')
    if (auto parsed = parse_json(text))
      return parsed;
  try {
    const auto node = YAML::Load(text);
    std::size_t values = 0;
    if (!fits(node, values))
      return fail(errc::invalid_argument,
                  "nests too deeply, has more than 500,000 values, or a key that is no text");
    return yaml_to_json(node);
  } catch (const YAML::Exception& e) {
    return fail(errc::invalid_argument,
                "is neither JSON nor YAML: line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
}

} // namespace

std::shared_ptr<const api_document> read_document(yaml_section& in,
                                                  const service_options& service) {
  constexpr std::string_view key = "openapi";
  std::string text;
  in.text(key, text);
  if (text.empty())
    return nullptr;
  auto fault = [&](const std::string& why) {
    in.fault(key, why);
    return nullptr;
  };
  if (service.type != service_type::http)
    return fault("only a service of type http has a document; an MCP server lists its tools");
  if (!text.starts_with("file:"))
    return fault("must be file:<path> of an OpenAPI document");
  const auto file = text.substr(5);
  in.text_or_file(key, text, longest_openapi);
  if (text.size() > longest_openapi || !is_utf8(text)
      || text.find_first_not_of(" \t\r\n") == text.npos) // said already
    return nullptr;
  const auto parsed = parse(text);
  if (!parsed)
    return fault(file + " " + parsed.error().message);
  auto document = make_api_document(*parsed, service.credential.inject.name);
  if (!document)
    return fault(file + " " + document.error().message);
  const auto& left_out = (*document)->left_out;
  if ((*document)->operations.empty() && !left_out.empty())
    return fault(file + " has no operation that can be a tool: " + left_out.begin()->second);
  return std::move(*document);
}

} // namespace behalf
