#include "config/config.hpp"
#include "config/sections.hpp"
#include "runtime/base/text.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

extern char** environ;

namespace behalf {
namespace {

constexpr std::string_view prefix = "BEHALF_";

// Sections whose keys the environment may set: BEHALF_SERVER_LISTEN is server.listen.
const std::vector<std::string> overridable{"server", "log", "runs", "egress", "secrets"};

// Sets what the environment overrides; answers which variable each key came from.
std::map<std::string, std::string> apply_environment(YAML::Node& root) {
  std::map<std::string, std::string> from;
  for (char** at = environ; *at; ++at) {
    std::string_view entry{*at};
    auto equals = entry.find('=');
    if (!entry.starts_with(prefix) || equals == entry.npos)
      continue;
    auto name = ascii_lower(entry.substr(prefix.size(), equals - prefix.size()));
    std::string variable{entry.substr(0, equals)}, value{entry.substr(equals + 1)};
    if (name == "storage") {
      root["storage"] = value;
      from["storage"] = variable;
    }
    for (const auto& section : overridable) {
      if (!name.starts_with(section + "_"))
        continue;
      auto there = root[section];
      if (there.IsDefined() && !there.IsNull() && !there.IsMap())
        continue; // the file's own fault, reported as such
      auto key = name.substr(section.size() + 1);
      there[key] = value;
      from[section + "." + key] = variable;
    }
  }
  return from;
}

// Notes where each key stands; a key that stands twice is a fault, for one of the two would be
// lost without a word. False at a node that is no tree: an alias may name what it is part of.
bool survey(const YAML::Node& node, const std::string& path, loaded_config& out, int depth) {
  auto line = [&](const YAML::Node& n) {
    return out.places.file + ":" + std::to_string(n.Mark().line + 1);
  };
  if (depth > 32) {
    out.problems.push_back({line(node), path, "is nested too deeply"});
    return false;
  }
  for (std::size_t i = 0; node.IsSequence() && i < node.size(); ++i)
    if (!survey(node[i], path + "[" + std::to_string(i) + "]", out, depth + 1))
      return false;
  if (!node.IsMap())
    return true;
  std::map<std::string, std::string> seen;
  for (const auto& entry : node) {
    const auto& name = entry.first.Scalar();
    auto full = path.empty() ? name : path + "." + name;
    auto [first, fresh] = seen.emplace(name, line(entry.first));
    if (!entry.first.IsScalar())
      out.problems.push_back({line(entry.first), path, "a key must be a plain text"});
    else if (!fresh)
      out.problems.push_back(
        {line(entry.first), full, "stands here twice, first at " + first->second});
    out.places.lines.emplace(full, line(entry.first));
    if (!survey(entry.second, full, out, depth + 1))
      return false;
  }
  return true;
}

// yaml-cpp's sentence, and what it mostly means.
std::string explained(const YAML::Exception& e, const std::string& text) {
  std::istringstream lines{text};
  std::string line;
  for (int i = 0; i <= e.mark.line && std::getline(lines, line); ++i)
    ;
  auto indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != indent.npos)
    return "is not YAML: a tab indents this line; indent with spaces";
  if (e.msg == "illegal map value")
    return "is not YAML: a ':' where no key can be; a text with ': ' in it, or ':' at its end, "
           "needs quotes";
  return "is not YAML: " + e.msg;
}

} // namespace

void read_all(yaml_section& root, config& out) {
  auto section = [&](std::string_view key, void (*read)(yaml_section, config&)) {
    if (auto found = root.section(key))
      read(std::move(*found), out);
  };
  section("server", read_server);
  read_storage(root, out);
  section("log", read_log);
  section("runs", read_runs);
  section("retention", read_retention);
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

loaded_config parse_config(const std::string& text, const std::string& name) {
  loaded_config out;
  out.places.file = name;
  try {
    auto documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      out.problems.push_back({name, "", "holds several YAML documents ('---'); one is read"});
    YAML::Node node{YAML::NodeType::Map};
    if (!documents.empty() && !documents.front().IsNull())
      node = documents.front();
    if (!survey(node, "", out, 0))
      return out;
    std::map<std::string, std::string> variables;
    if (node.IsMap())
      variables = apply_environment(node);
    yaml_section root{node, "", name, out.problems};
    read_all(root, out.value);
    for (auto& p : out.problems)
      if (auto found = variables.find(p.key); found != variables.end())
        p.where = found->second;
  } catch (const YAML::Exception& e) {
    auto line = e.mark.is_null() ? "" : ":" + std::to_string(e.mark.line + 1);
    out.problems.push_back({name + line, "", explained(e, text)});
  }
  in_order_of_lines(out.problems);
  return out;
}

loaded_config load_config(const std::string& file) {
  loaded_config out;
  out.places.file = file;
  auto unreadable = [&](const std::string& why) {
    out.problems.push_back({file, "", "cannot be read: " + why});
    return out;
  };
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec))
    return unreadable("it is a folder, not a file");
  errno = 0;
  std::ifstream in{file};
  if (!in)
    return unreadable(std::generic_category().message(errno ? errno : EIO));
  std::ostringstream text;
  text << in.rdbuf();
  return parse_config(text.str(), file);
}

} // namespace behalf
