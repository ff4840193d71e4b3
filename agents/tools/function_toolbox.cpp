#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>

namespace behalf {
namespace {

const function_tool* find(const std::vector<function_tool>& tools, std::string_view name) {
  const auto at = std::find_if(tools.begin(), tools.end(),
                               [&](const auto& one) { return one.what.name == name; });
  return at == tools.end() ? nullptr : &*at;
}

service_reply reply_of(json::value gave) {
  json::object part{{"type", "text"}};
  part["text"] = gave.is_string() ? gave : json::value(dump(gave));
  json::object body{{"content", list(std::move(part))}};
  if (!gave.is_string() && !gave.is_null())
    body["structuredContent"] = std::move(gave);
  service_reply reply;
  reply.body = std::move(body);
  return reply;
}

// What throws is a failed call, as of any other tool.
coroutine<tool_outcome> answer_of_function(const function_tool& tool, context ctx,
                                           requested_call what) {
  result<json::value> gave = fail(errc::internal, "it did not end");
  try {
    auto under_way = tool.call(std::move(ctx), std::move(what.args));
    gave = co_await std::move(under_way);
  } catch (...) {
    gave = current_exception_error();
  }
  if (!gave)
    co_return tool_error(what.id, what.name, "Error: " + gave.error().message);
  co_return outcome_of(reply_of(std::move(*gave)), what);
}

json::object listed(const std::vector<function_tool>& tools) {
  json::array all;
  for (const auto& one : tools)
    all.push_back(listed_tool(one.what, one.hints));
  return {{"tools", std::move(all)}};
}

class functions final : public known_toolbox {
public:
  explicit functions(std::vector<function_tool> tools)
    : known_toolbox("@functions", listed(tools)), tools_(std::move(tools)) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto* one = find(tools_, what.tool);
    if (!one)
      co_return tool_error(what.id, what.name, "Error: there is no such tool.");
    auto under_way = answer_of_function(*one, std::move(ctx), std::move(what));
    co_return co_await std::move(under_way);
  }

private:
  std::vector<function_tool> tools_;
};

} // namespace

function_tool& function_tool::argument(std::string_view name, std::string_view description) {
  auto* all = what.schema.if_contains("properties");
  auto* one = all && all->is_object() ? all->get_object().if_contains(name) : nullptr;
  if (!one || !one->is_object())
    throw std::invalid_argument("the tool '" + what.name + "' has no argument '" + std::string(name)
                                + "'");
  one->get_object()["description"] = json::string_view{description.data(), description.size()};
  return *this;
}

std::vector<tool_definition> definitions_of(const std::vector<function_tool>& tools) {
  std::vector<tool_definition> all;
  for (const auto& one : tools)
    all.push_back(one.what);
  return all;
}

std::shared_ptr<const toolbox> function_toolbox(std::vector<function_tool> tools) {
  return std::make_shared<functions>(std::move(tools));
}

} // namespace behalf
