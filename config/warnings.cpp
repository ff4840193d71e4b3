#include "config/warnings.hpp"

#include "runtime/base/text.hpp"
#include "secrets/references.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string_view>
#include <sys/stat.h>

namespace behalf {
namespace {

constexpr std::array<std::string_view, 2> known{"display_name", "identity"};
constexpr std::size_t longest_name = 24; // what is longer is nobody's slip of the pen
constexpr std::size_t nearly = 3;        // letters

bool is_nearly_known(std::string_view name) {
  return std::none_of(known.begin(), known.end(), [&](auto one) { return one == name; })
         && std::any_of(known.begin(), known.end(),
                        [&](auto one) { return edit_distance(one, name) <= nearly; });
}

// {dispaly_name}, but not {"a": 1}, which a prompt may well show.
std::set<std::string> mistyped(std::string_view prompt) {
  std::set<std::string> found;
  for (auto at = prompt.find('{'); at != prompt.npos; at = prompt.find('{', at + 1)) {
    const auto name = prompt.substr(at + 1, longest_name + 1);
    const auto end = name.find('}');
    if (end != name.npos && made_of(name.substr(0, end), "_ ")
        && is_nearly_known(name.substr(0, end)))
      found.emplace(name.substr(0, end));
  }
  return found;
}

bool others_may_read(const std::string& file) {
  struct stat s {};
  return ::stat(file.c_str(), &s) == 0 && (s.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

// What a key looks like, without the key.
struct key_looks {
  explicit key_looks(std::string_view key)
    : is_short(!key.empty() && key.size() < short_credential),
      has_blank(key.find(' ') != key.npos) {}
  bool is_short, has_blank;
};

// A missing one, which the start tells of, is fine. A variable is only looked at: it is taken at
// the start.
key_looks looks_of(const std::string& text, const secret_reference& parsed,
                   const std::string& base) {
  if (parsed.kind == reference_kind::env) {
    const char* value = std::getenv(parsed.name.c_str());
    return key_looks{value ? value : ""};
  }
  const auto found = reference_resolver{base}.resolve(text);
  return key_looks{found ? (*found)->expose() : std::string_view{}};
}

} // namespace

std::vector<config_problem> warnings(const config& c, const config_places& places,
                                     const std::string& base) {
  std::vector<config_problem> found;
  for (const auto& agent : c.agents)
    for (const auto& name : mistyped(agent.prompt)) {
      const auto key = "agents." + agent.name + ".prompt";
      found.push_back({places.of(key), key,
                       "{" + name + "} stays as it is; there are {display_name} and {identity}"});
    }
  for (const auto& one : c.server_keys) {
    const auto reference = parse_reference(one.reference);
    if (!reference)
      continue;
    const auto looks = looks_of(one.reference, *reference, base);
    if (looks.is_short)
      found.push_back({places.of(one.key), one.key, short_credential_note});
    if (looks.has_blank)
      found.push_back({places.of(one.key), one.key, blank_note});
    const auto file = (std::filesystem::path(base) / reference->name).string();
    if (reference->kind == reference_kind::file && others_may_read(file))
      found.push_back(
        {places.of(one.key), one.key, file + " may be read by others on this machine (chmod 600)"});
  }
  return found;
}

} // namespace behalf
