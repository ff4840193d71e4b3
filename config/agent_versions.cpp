#include "config/agent_versions.hpp"

#include "runtime/base/id.hpp"

#include <filesystem>
#include <fstream>
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

// Every value below the key, with its path.
void add_values(std::string& to, const config_places& places, const std::string& key) {
  for (auto at = places.values.lower_bound(key + "."); at != places.values.end(); ++at) {
    if (!at->first.starts_with(key + "."))
      break;
    add(to, at->first);
    add(to, at->second);
    if (at->second.starts_with(file_mark))
      add(to, content(file_at(places, at->second)));
  }
}

} // namespace

void set_agent_versions(loaded_config& all) {
  for (auto& agent : all.value.agents) {
    std::string said;
    add_values(said, all.places, "agents." + agent.name);
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
