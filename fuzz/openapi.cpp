// Whatever an OpenAPI document says and a model gives for arguments: a request stays at its
// service, on the path, with the parameters and headers that the document has.
#include "agents/tools/openapi.hpp"

#include "agents/tools/arguments.hpp"
#include "agents/tools/schema_fit.hpp"
#include "fuzz/fuzz.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"
#include "runtime/net/url.hpp"

#include <algorithm>

using namespace behalf;

namespace {

std::size_t segments(std::string_view path) {
  path = path.substr(0, path.find('?'));
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

void check_request(const api_operation& operation, const json::object& arguments) {
  const auto made = request_of(operation, arguments);
  if (!made)
    return;
  fuzz::require(made->method == operation.method, "the method is the document's");
  fuzz::require(segments(made->path) == segments(operation.path), "no value adds a segment");
  if (auto url = join_url("https://service.example/base", made->path)) {
    const auto checked = check_url(*url);
    fuzz::require(checked && checked->where.host == "service.example"
                    && checked->target.starts_with("/base/"),
                  "a request stays below its service");
  }
  for (const auto& [name, value] : made->headers) {
    fuzz::require(is_field_name(name) && !is_header(name, inbound_credentials),
                  "no header is a credential");
    fuzz::require(
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }),
      "no header ends its line");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  const auto first = parse_json(in.ConsumeRandomLengthString(4096));
  if (!first)
    return 0;
  const auto document = read_openapi(*first, "X-Key");
  if (!document)
    return 0;
  const auto given = parse_json(in.ConsumeRemainingBytesAsString());
  for (const auto& [name, operation] : document->operations) {
    const auto& schema = operation.tool.at("inputSchema").as_object();
    (void)fitted_schema(schema);
    fuzz::require(is_utf8(dump(operation.tool)), "a tool is UTF-8");
    if (!given || !given->is_object())
      continue;
    (void)check_arguments(schema, given->get_object());
    check_request(operation, given->get_object());
  }
  return 0;
}
