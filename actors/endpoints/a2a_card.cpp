#include "actors/endpoints/a2a_card.hpp"

#include "runtime/auth/discovery.hpp"

#include <utility>

namespace behalf::endpoints {
namespace {

json::array modes_or(const json::object& assistant, std::string_view key, bool text) {
  json::array modes;
  for (auto& one : a2a_modes(assistant, key))
    modes.emplace_back(std::move(one));
  if (!modes.empty())
    return modes;
  modes.emplace_back("application/json");
  if (text)
    modes.emplace_back("text/plain");
  return modes;
}

// Each scheme as 1.0 has it and, beside, as 0.3 does.
void add_login(json::object& card, const a2a_login& login) {
  json::object schemes, needs, needs_10;
  const auto add = [&](const std::string& name, json::object scheme) {
    schemes[name] = std::move(scheme);
    needs[name] = json::array{};
    needs_10[name] = json::object{{"list", json::array{}}};
  };
  json::array all, all_10;
  const auto next_choice = [&] {
    all.push_back(std::exchange(needs, {}));
    all_10.push_back(json::object{{"schemes", std::exchange(needs_10, {})}});
  };
  for (std::size_t i = 0; i < login.issuers.size(); ++i) {
    const auto url = discovery_url(login.issuers[i]);
    add(i == 0 ? "oidc" : "oidc" + std::to_string(i + 1),
        {{"type", "openIdConnect"},
         {"openIdConnectUrl", url},
         {"openIdConnectSecurityScheme", json::object{{"openIdConnectUrl", url}}}});
    next_choice();
  }
  add("bearer", {{"type", "http"},
                 {"scheme", "bearer"},
                 {"httpAuthSecurityScheme", json::object{{"scheme", "bearer"}}}});
  next_choice();
  card["securitySchemes"] = std::move(schemes);
  card["security"] = std::move(all);
  card["securityRequirements"] = std::move(all_10);
}

json::object interface_of(const std::string& url, std::string_view version) {
  return {{"url", url}, {"protocolBinding", "JSONRPC"}, {"protocolVersion", version}};
}

} // namespace

bool takes_messages(const json::object& schemas) {
  const auto* input = member(schemas, "input_schema");
  const auto& schema =
    object_or_empty(schemas, input && input->is_object() ? "input_schema" : "state_schema");
  return object_or_empty(schema, "properties").contains("messages");
}

std::vector<std::string> a2a_modes(const json::object& assistant, std::string_view key) {
  std::vector<std::string> modes;
  const auto& about = object_or_empty(object_or_empty(assistant, "metadata"), "a2a");
  const auto* said = member(about, key);
  if (said && said->is_array())
    for (const auto& one : said->get_array())
      if (one.is_string() && !one.get_string().empty())
        modes.emplace_back(one.get_string());
  return modes;
}

json::object a2a_card(const json::object& assistant, const json::object& schemas,
                      const std::string& url, const a2a_login& login) {
  const std::string name{string_or(assistant, "name")};
  std::string description{string_or(assistant, "description")};
  if (description.empty())
    description = name + " assistant";
  const bool text = takes_messages(schemas);
  const auto input = modes_or(assistant, "input_modes", text);
  const auto output = modes_or(assistant, "output_modes", text);
  json::object skill{{"id", std::string(string_or(assistant, "assistant_id")) + "-main"},
                     {"name", name},
                     {"description", description},
                     {"tags", json::array{"assistant", string_or(assistant, "graph_id")}},
                     {"examples", json::array{}},
                     {"inputModes", input},
                     {"outputModes", output}};
  json::object card{
    {"name", name},
    {"description", description},
    {"version", std::to_string(int_or(assistant, "version", 1))},
    {"url", url},
    {"preferredTransport", "JSONRPC"},
    {"protocolVersion", "0.3.0"},
    {"capabilities",
     {{"streaming", true}, {"pushNotifications", false}, {"stateTransitionHistory", false}}},
    {"defaultInputModes", input},
    {"defaultOutputModes", output},
    {"skills", json::array{std::move(skill)}}};
  card["supportedInterfaces"] = json::array{interface_of(url, "1.0"), interface_of(url, "0.3")};
  if (login.needed)
    add_login(card, login);
  return card;
}

} // namespace behalf::endpoints
