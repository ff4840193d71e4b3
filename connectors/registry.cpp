#include "connectors/registry.hpp"

#include "connectors/http_service.hpp"
#include "connectors/mcp_service.hpp"
#include "connectors/scrubbed.hpp"

namespace behalf {
namespace {

error wrong_type(const service_options& service) {
  const bool mcp = service.type == service_type::mcp;
  return fail(errc::invalid_argument,
              "service '" + service.name + "' is of type "
                + (mcp ? "mcp: list or call its tools" : "http: it has no tools, only requests"));
}

result<void> check_tool(const service_options& service, const call_tool_operation& tool) {
  if (tool.name.empty())
    return fail(errc::invalid_argument, "a tool call needs the tool's name");
  if (!service.allows_tool(tool.name))
    return fail(errc::denied, "tool '" + tool.name + "' of service '" + service.name
                                + "' is not among those the configuration lists");
  return {};
}

} // namespace

result<service_registry> service_registry::create(std::vector<service_options> services) {
  service_registry made;
  for (auto& service : services) {
    auto checked = service.validate();
    if (!checked)
      return fail(errc::invalid_argument,
                  "service '" + service.name + "': " + checked.error().message);
    auto policy = service.policy();
    if (!policy)
      return policy.error();
    auto name = service.name;
    const auto kept = std::make_shared<const service_options>(std::move(service));
    if (!made.services_.emplace(name, entry{kept, std::move(*policy)}).second)
      return fail(errc::invalid_argument, "service '" + name + "': the name is taken");
  }
  return made;
}

std::shared_ptr<const service_options> service_registry::find(std::string_view name) const {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.options;
}

endpoint_policy service_registry::policy(std::string_view name) const {
  const auto found = services_.find(name);
  return found == services_.end() ? endpoint_policy{} : found->second.policy;
}

std::vector<std::shared_ptr<const service_options>> service_registry::all() const {
  std::vector<std::shared_ptr<const service_options>> list;
  for (const auto& [name, one] : services_)
    list.push_back(one.options);
  return list;
}

result<std::unique_ptr<connector>> service_registry::open(service_call call, caller by) const {
  auto service = find(call.service);
  if (!service || service->own)
    return fail(errc::not_found, "there is no service '" + call.service + "'");
  auto* http = std::get_if<http_operation>(&call.operation);
  if ((http != nullptr) != (service->type == service_type::http))
    return wrong_type(*service);
  if (http)
    return scrub_replies_of(open_http_service(std::move(service), std::move(*http), std::move(by)));
  auto* tool = std::get_if<call_tool_operation>(&call.operation);
  if (!tool)
    return scrub_replies_of(
      open_mcp_service(std::move(service), list_tools_operation{}, std::move(by), sessions_));
  if (auto checked = check_tool(*service, *tool); !checked)
    return checked.error();
  return scrub_replies_of(
    open_mcp_service(std::move(service), std::move(*tool), std::move(by), sessions_));
}

result<std::unique_ptr<connector>> service_registry::open(model_call call, caller by) const {
  auto service = find(model_service(call.model));
  if (!service)
    return fail(errc::not_found, "there is no model '" + call.model + "'");
  return scrub_replies_of(
    open_http_service(std::move(service), std::move(call.what), std::move(by)));
}

} // namespace behalf
