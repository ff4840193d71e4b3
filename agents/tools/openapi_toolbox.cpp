// Calls of operations, and what their answers tell a model.
#include "agents/tools/openapi.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/tool_list.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/media_type.hpp"

#include <utility>

namespace behalf {
namespace {

constexpr std::size_t most_read = 4 << 20; // of an answer
constexpr std::size_t longest_refusal = 4 << 10;
constexpr std::string_view endless = "text/event-stream";

json::object part(std::string_view text) {
  return {{"type", "text"}, {"text", json::string(text)}};
}

json::object one_part(json::object content, bool failed = false) {
  json::array parts;
  parts.push_back(std::move(content));
  return {{"content", std::move(parts)}, {"isError", failed}};
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

std::string_view type_in(const header_list& headers) {
  const auto* type = find_header(headers, "content-type");
  return type ? std::string_view(*type) : std::string_view{};
}

bool is_text_type(std::string_view mime) {
  return mime.empty() || mime.starts_with("text/") || is_json_type(mime)
         || mime == "application/xml" || mime.ends_with("+xml") || mime == "application/yaml"
         || mime == "application/x-ndjson" || mime == "application/x-www-form-urlencoded";
}

json::object refusal(unsigned status, std::string_view mime, std::string body) {
  auto text = "HTTP " + std::to_string(status);
  if (status < 400)
    text += status >= 300 ? ": a redirect, which is not followed" : ": no answer to the request";
  else if (!body.empty() && is_text_type(mime))
    text.append(": ").append(cut_utf8(valid_utf8(std::move(body)), longest_refusal));
  return one_part(part(text), true);
}

// Others are not offered: an agent of three tools of a thousand does not carry the rest around.
bool is_named(const tool_source& source, const std::string& tool) {
  return approval_of(source, tool, {}) || among(source.deny, tool);
}

json::object tools_for(const tool_source& source) {
  json::array tools;
  for (const auto& [name, one] : source.document->operations)
    if (is_named(source, name))
      tools.push_back(one.tool);
  return {{"tools", std::move(tools)}};
}

class http_tools final : public known_toolbox {
public:
  explicit http_tools(const tool_source& source)
    : known_toolbox(source.service, tools_for(source)), document_(source.document) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto operation = document_->operations.find(what.tool);
    if (operation == document_->operations.end())
      co_return tool_error(what.id, what.name,
                           "Error: the service has no such operation any more.");
    auto made = request_of(operation->second, what.args);
    if (!made)
      co_return tool_error(what.id, what.name,
                           "Error invoking tool '" + what.name + "': " + made.error().message
                             + "\nPlease fix the error and try again.");
    auto request = ctx.service(name()).request(made->method, made->path);
    request.header("Accept", "application/json, */*;q=0.5");
    for (const auto& [key, value] : made->headers)
      request.header(key, value);
    if (made->body)
      request.body(std::move(*made->body));
    auto opening = request.stream();
    auto reply = co_await std::move(opening);
    if (!reply)
      co_return failed_call(ctx, what, reply.error(), name());
    const auto status = static_cast<unsigned>(reply->status());
    if (status == 401)
      co_return failed_call(ctx, what, error{errc::denied, {}, {}, "needs_auth"}, name());
    std::string body;
    bool whole = media_type(type_in(reply->headers())) == endless;
    while (!whole && body.size() <= most_read) {
      auto next = reply->next();
      auto chunk = co_await std::move(next);
      if (!chunk)
        co_return failed_call(ctx, what, chunk.error(), name());
      body += chunk->bytes;
      whole = chunk->last;
    }
    auto closing = reply->close();
    co_await std::move(closing);
    service_reply answer;
    answer.body = result_of(status, reply->headers(), std::move(body), whole);
    co_return outcome_of(answer, what);
  }

private:
  const std::shared_ptr<const api_document> document_;
};

} // namespace

json::object result_of(unsigned status, const header_list& headers, std::string body, bool whole) {
  const auto mime = media_type(type_in(headers));
  if (!is_success(status))
    return refusal(status, mime, std::move(body));
  if (mime == endless)
    return one_part(part("The answer is a stream of events, which a tool cannot wait for."), true);
  if (body.empty()) {
    auto text = "HTTP " + std::to_string(status) + ", no content";
    if (const auto* at = find_header(headers, "location"))
      text.append("; Location: ").append(cut_utf8(*at, 500));
    return one_part(part(valid_utf8(std::move(text))));
  }
  if (is_json_type(mime) && whole)
    if (auto parsed = parse_json(body); parsed && !parsed->is_null())
      return {{"content", json::array{}}, {"structuredContent", std::move(*parsed)}};
  if (is_text_type(mime) && (!mime.empty() || is_utf8(body)))
    return one_part(part(valid_utf8(std::move(body))));
  if (!whole)
    return one_part(part("[left out: a file of " + std::string(cut_utf8(mime, 100)) + ", more than "
                         + std::to_string(most_read) + " bytes]"));
  if (mime.starts_with("image/") || mime.starts_with("audio/"))
    return one_part({{"type", mime.substr(0, 5)}, {"data", base64(body)}, {"mimeType", mime}});
  json::object file{{"blob", base64(body)}, {"mimeType", mime}};
  return one_part({{"type", "resource"}, {"resource", std::move(file)}});
}

std::shared_ptr<const toolbox> openapi_toolbox(const tool_source& source) {
  return std::make_shared<http_tools>(source);
}

} // namespace behalf
