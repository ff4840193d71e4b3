#include "config/config.hpp"
#include "config/sections.hpp"
#include "runtime/base/text.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

extern char** environ;

namespace behalf {
namespace {

constexpr std::string_view prefix = "BEHALF_";

// Sections whose keys the environment may set: BEHALF_SERVER_LISTEN is server.listen.
const std::vector<std::string> overridable{"server", "log", "runs", "egress", "secrets"};

void apply_environment(YAML::Node& root) {
  for (char** at = environ; *at; ++at) {
    std::string_view entry{*at};
    auto equals = entry.find('=');
    if (!entry.starts_with(prefix) || equals == entry.npos)
      continue;
    auto name = ascii_lower(entry.substr(prefix.size(), equals - prefix.size()));
    std::string value{entry.substr(equals + 1)};
    if (name == "storage")
      root["storage"] = value;
    for (const auto& section : overridable)
      if (name.starts_with(section + "_"))
        root[section][name.substr(section.size() + 1)] = value;
  }
}

void read_all(yaml_section& root, config& out) {
  auto section = [&](std::string_view key, void (*read)(yaml_section, config&)) {
    if (auto found = root.section(key))
      read(std::move(*found), out);
  };
  section("server", read_server);
  read_storage(root, out);
  section("log", read_log);
  section("runs", read_runs);
  section("egress", read_egress);
  section("services", read_services);
  read_identity(root, out);
  section("authorization", read_authorization);
  section("secrets", read_secrets);
  section("limits", read_limits);
  section("dev", read_dev);
  section("graphs", read_graphs);
  root.texts("plugins", out.plugins);
  root.text("audit", out.audit_path);
  root.flag("allow_core_dumps", out.allow_core_dumps);
  root.finish();
}

loaded_config read(YAML::Node node, const std::string& name) {
  loaded_config out;
  apply_environment(node);
  yaml_section root{node, "", name, out.problems};
  read_all(root, out.value);
  return out;
}

} // namespace

loaded_config parse_config(const std::string& text, const std::string& name) {
  try {
    auto node = YAML::Load(text);
    return read(node.IsNull() ? YAML::Node{YAML::NodeType::Map} : node, name);
  } catch (const YAML::Exception& e) {
    loaded_config out;
    auto line = e.mark.is_null() ? "" : ":" + std::to_string(e.mark.line + 1);
    out.problems.push_back({name + line, "", "is not YAML: " + e.msg});
    return out;
  }
}

loaded_config load_config(const std::string& file) {
  std::ifstream in{file};
  if (!in) {
    loaded_config out;
    out.problems.push_back({file, "", "cannot be read: no such file, or no permission"});
    return out;
  }
  std::ostringstream text;
  text << in.rdbuf();
  return parse_config(text.str(), file);
}

std::vector<config_problem> contradictions(const config& c, const std::string& file) {
  std::vector<config_problem> found;
  const auto& address = c.system.http.address;
  auto loopback = address == "127.0.0.1" || address == "::1" || address == "localhost";
  auto nobody = c.identity.providers.empty() && c.dev.users.empty() && c.plugins.empty();
  if (nobody && !loopback)
    found.push_back({file, "server",
                     "without an identity section the server serves this machine "
                     "only: listen on 127.0.0.1, or configure who may come in"});
  if (nobody && !c.rules.empty())
    found.push_back({file, "authorization",
                     "has rules, but there is no identity section: nobody they could be about"});
  for (const auto& s : c.services)
    if (s.credential.from == credential_source::secrets
        && c.secrets.type == secrets_config::kind::none && c.dev.users.empty())
      found.push_back({file, "services." + s.name,
                       "takes its credential from secrets, but there is no secrets section"});
  return found;
}

} // namespace behalf
