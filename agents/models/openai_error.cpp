#include "agents/models/openai_error.hpp"

#include "runtime/base/json.hpp"

namespace behalf {
namespace {

// What a provider says of itself, as `failure_of` wants it.
struct said_error {
  std::string_view message, code;
  int64_t status = 0; // 0: it says none
};

said_error from_object(const json::object& o) {
  said_error e;
  e.message = string_or(o, "message", string_or(o, "detail"));
  e.code = string_or(o, "code");
  e.status = int_or(o, "code");
  if (e.code.empty())
    e.code = string_or(o, "type", string_or(o, "status"));
  return e;
}

said_error from_value(const json::value& v) {
  if (const auto* text = v.if_string())
    return {{text->data(), text->size()}, {}};
  if (const auto* list = v.if_array())
    return list->empty() || list->front().is_array() ? said_error{} : from_value(list->front());
  const auto* o = v.if_object();
  if (!o)
    return {};
  const auto* inner = member(*o, "error");
  return inner && inner->is_object()   ? from_object(inner->get_object())
         : inner && inner->is_string() ? said_error{string_or(*o, "error"), string_or(*o, "code")}
                                       : from_object(*o);
}

} // namespace

model_failure openai_failure(int status, const header_list& headers, std::string_view body) {
  const auto parsed = parse_json(body);
  const auto said = parsed ? from_value(*parsed) : said_error{};
  return failure_of(status, headers, said.message, said.code);
}

error openai_stream_error(const json::value& said) {
  const auto e = from_value(said);
  const auto status = e.status >= 400 && e.status < 600 ? static_cast<int>(e.status) : 200;
  return failure_of(status, {}, e.message, e.code).why;
}

} // namespace behalf
