#include "config/agent_versions.hpp"

#include "runtime/base/id.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

namespace behalf {
namespace {

constexpr std::string_view file_mark = "file:";
constexpr std::size_t longest_file = 2 << 20; // more than a key of an agent takes
constexpr std::size_t digits = 12;

// Where `text_or_file` reads it.
std::string file_at(const config_places& places, std::string_view text) {
  return (std::filesystem::path(places.file).parent_path() / text.substr(file_mark.size()))
    .string();
}

std::string content(const std::string& file) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(file, ec))
    return {};
  std::ifstream in{file, std::ios::binary};
  std::string text(longest_file, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

void add(std::string& to, std::string_view part) {
  to += std::to_string(part.size()) + ":";
  to += part;
}

void add_value(std::string& to, const config_places& places, const std::string& key,
               const std::string& value) {
  add(to, key);
  add(to, value);
  if (value.starts_with(file_mark))
    add(to, content(file_at(places, value)));
}

// Every value below the key, with its path.
void add_values(std::string& to, const config_places& places, const std::string& key) {
  for (auto at = places.values.lower_bound(key + "."); at != places.values.end(); ++at) {
    if (!at->first.starts_with(key + "."))
      break;
    add_value(to, places, at->first, at->second);
  }
}

// "models.main" of "models.main.parameters.effort", "services.shop" of "services.shop.openapi".
// Nothing for what is no part of an agent: keys of models, with which it is the same.
std::string part_of(const std::string& key) {
  constexpr std::string_view models = "models.", services = "services.", document = ".openapi";
  if (key.starts_with(services) && key.ends_with(document))
    return key.substr(0, key.size() - document.size());
  const auto dot = key.starts_with(models) ? key.find('.', models.size()) : key.npos;
  if (dot == key.npos || key.substr(dot + 1) == "key" || key.substr(dot + 1).starts_with("key."))
    return {};
  return key.substr(0, dot);
}

// The agents that may do its work, and what all of them are made of.
class used_by_agent {
public:
  used_by_agent(const config& all, const agent_options& first) : all_(all) { add_agent(first); }

  std::set<std::string> agents, parts;

private:
  void add_named(const std::string& name) {
    for (const auto& one : all_.agents)
      if (one.name == name)
        add_agent(one);
  }

  void add_agent(const agent_options& one) {
    if (!agents.insert(one.name).second)
      return;
    add_model(one.model);
    for (const auto& other : one.choices.models)
      add_model(other);
    for (const auto& source : one.tools)
      parts.insert("services." + source.service);
    for (const auto& other : one.agents)
      add_named(other.name);
    for (const auto& other : one.hand_offs)
      add_named(other);
  }

  void add_model(const std::string& name) {
    parts.insert("models." + name);
    if (const auto* model = all_.models.find(name))
      for (const auto& other : model->fallback)
        parts.insert("models." + other);
  }

  const config& all_;
};

} // namespace

part_versions versions_of_parts(const config_places& places) {
  part_versions all;
  for (const auto& [key, value] : places.values)
    if (const auto part = part_of(key); !part.empty())
      add_value(all[part], places, key, value);
  for (auto& [name, said] : all)
    said = sha256_hex(said);
  return all;
}

void set_agent_versions(config& all, const config_places& places, const part_versions& parts) {
  for (auto& agent : all.agents) {
    const used_by_agent used{all, agent};
    std::string said;
    add_values(said, places, "agents." + agent.name);
    for (const auto& other : used.agents)
      if (other != agent.name)
        add_values(said, places, "agents." + other);
    for (const auto& part : used.parts)
      if (const auto at = parts.find(part); at != parts.end())
        add(said, part + " " + at->second);
    agent.version = sha256_hex(said).substr(0, digits);
  }
}

std::vector<std::string> files_of_agents(const config_places& places) {
  std::vector<std::string> files;
  for (const auto& [key, text] : places.values)
    if (key.starts_with("agents.") && text.starts_with(file_mark))
      files.push_back(file_at(places, text));
  return files;
}

} // namespace behalf
