#include "config/agent_versions.hpp"
#include "config/config.hpp"
#include "config/sections.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

extern char** environ;

namespace behalf {
namespace {

constexpr std::string_view prefix = "BEHALF_";

// Sections whose keys the environment may set: BEHALF_SERVER_LISTEN is server.listen, and
// BEHALF_LIMITS_USER_BURST is limits.user.burst.
using section_path = std::vector<std::string>;
const std::vector<section_path> overridable{
  {"limits", "user"}, {"limits", "tenant"}, {"server"},  {"log"},    {"runs"},
  {"crons"},          {"egress"},           {"secrets"}, {"limits"}, {"encryption"}};

// What the file alone may say: lists and names of people's own make no names of variables.
const std::vector<std::string> of_the_file{
  "identity", "authorization", "services", "graphs",    "plugins",          "models",
  "agents",   "dev",           "audit",    "retention", "allow_core_dumps", "store"};

std::string joined(const section_path& path, char between) {
  std::string text;
  for (const auto& one : path)
    text += (text.empty() ? "" : std::string(1, between)) + one;
  return text;
}

// The section of that path, made where it is missing; nothing where the file has something else
// there, which is its own fault and reported as such.
std::optional<YAML::Node> section_at(YAML::Node root, const section_path& path) {
  for (const auto& name : path) {
    YAML::Node next = root[name];
    if (next.IsDefined() && !next.IsNull() && !next.IsMap())
      return std::nullopt;
    root.reset(next);
  }
  return root;
}

// Which section a variable is about; null when it is none of them.
const section_path* section_of(std::string_view name) {
  for (const auto& path : overridable)
    if (name.starts_with(joined(path, '_') + "_"))
      return &path;
  return nullptr;
}

// Every value by its path; a list's end counts too, so that a shorter list is another one.
void note_values(const YAML::Node& node, const std::string& path,
                 std::map<std::string, std::string>& out) {
  if (node.IsScalar())
    out[path] = node.Scalar();
  for (std::size_t i = 0; node.IsSequence() && i < node.size(); ++i)
    note_values(node[i], path + "[" + std::to_string(i) + "]", out);
  if (!node.IsMap())
    return;
  for (const auto& entry : node)
    note_values(entry.second,
                path.empty() ? entry.first.Scalar() : path + "." + entry.first.Scalar(), out);
}

// The section that somebody probably meant. Other variables may begin with BEHALF_ as well: they
// are left alone.
std::string nearly_a_section(std::string_view name) {
  auto first = name.substr(0, name.find('_'));
  if (first.size() == name.size())
    return {};
  auto all = of_the_file;
  for (const auto& path : overridable)
    all.push_back(path.front());
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const auto& one) { return edit_distance(one, first) == 1; });
  return found == all.end() ? "" : *found;
}

// Sets what the environment overrides; answers which variable each key came from.
std::map<std::string, std::string> apply_environment(YAML::Node& root, loaded_config& out) {
  std::map<std::string, std::string> from, written;
  note_values(root, "", written);
  std::set<std::string_view> referred; // secrets, which say nothing to a key of that name
  for (const auto& [path, text] : written)
    if (text.starts_with("env:"))
      referred.insert(std::string_view{text}.substr(4));
  for (char** at = environ; *at; ++at) {
    std::string_view entry{*at};
    auto equals = entry.find('=');
    if (!entry.starts_with(prefix) || equals == entry.npos
        || referred.contains(entry.substr(0, equals)))
      continue;
    auto name = ascii_lower(entry.substr(prefix.size(), equals - prefix.size()));
    std::string variable{entry.substr(0, equals)}, value{entry.substr(equals + 1)};
    if (name == "storage") {
      root["storage"] = value;
      from["storage"] = variable;
    }
    for (const auto& section : of_the_file)
      if (name == section || name.starts_with(section + "_"))
        out.problems.push_back({variable, section, "is set in the file, not by the environment"});
    if (const auto* path = section_of(name))
      if (auto there = section_at(root, *path)) {
        auto key = name.substr(joined(*path, '_').size() + 1);
        (*there)[key] = value;
        from[joined(*path, '.') + "." + key] = variable;
      }
    if (auto meant = nearly_a_section(name); !meant.empty())
      out.problems.push_back(
        {variable, "", "there is no such section; did you mean " + meant + "?"});
  }
  return from;
}

constexpr std::size_t most_values = 100'000;

// Notes where each key stands; a key that stands twice is a fault, for one of the two would be
// lost without a word. False at a node that is no tree: an alias may name what it is part of.
// What an alias stands for is counted each time: with some lines of them no memory would suffice.
bool survey(const YAML::Node& node, const std::string& path, loaded_config& out, int depth) {
  auto line = [&](const YAML::Node& n) {
    return out.places.file + ":" + std::to_string(n.Mark().line + 1);
  };
  if (depth > 32) {
    out.problems.push_back({line(node), path, "is nested too deeply"});
    return false;
  }
  if (out.places.lines.size() > most_values) {
    out.problems.push_back({line(node), path,
                            "is too long: there are more than " + std::to_string(most_values)
                              + " values, those of aliases counted each time"});
    return false;
  }
  for (std::size_t i = 0; node.IsSequence() && i < node.size(); ++i) {
    auto element = path + "[" + std::to_string(i) + "]";
    out.places.lines.emplace(element, line(node[i]));
    if (!survey(node[i], element, out, depth + 1))
      return false;
  }
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
  if (e.msg == "bad file") // what yaml-cpp says of depth; there is no file
    return "is not YAML: nests too deeply";
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
  section("encryption", read_encryption);
  section("log", read_log);
  section("runs", read_runs);
  section("crons", read_crons);
  section("retention", read_retention);
  section("webhooks", read_webhooks);
  section("egress", read_egress);
  section("services", read_services);
  read_identity(root, out);
  section("authorization", read_authorization);
  section("secrets", read_secrets);
  section("limits", read_limits);
  section("dev", read_dev);
  read_graphs(root, out);
  section("models", read_models);
  section("store", read_store);
  section("agents", read_agents);
  root.text("audit", out.audit_path);
  root.flag("allow_core_dumps", out.allow_core_dumps);
  root.finish();
}

namespace {

constexpr std::string_view blank = " \t\r";

// "---" begins a document and "..." ends one, at the begin of a line and nowhere else.
bool divides(std::string_view line) {
  const auto mark = line.substr(0, 3);
  return (mark == "---" || mark == "...")
         && (line.size() == 3 || blank.find(line[3]) != blank.npos);
}

// YAML::LoadAll would tell, but comes to no end on some broken texts.
bool holds_several_documents(const std::string& text) {
  bool content = false, divided = false;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest{line};
    if (divides(rest)) {
      divided = content;
      rest.remove_prefix(3);
    }
    rest.remove_prefix(std::min(rest.find_first_not_of(blank), rest.size()));
    const bool directive = !content && line.starts_with('%');
    if (rest.empty() || rest.front() == '#' || directive)
      continue;
    if (divided)
      return true;
    content = true;
  }
  return false;
}

} // namespace

loaded_config parse_config(const std::string& text, const std::string& name) {
  loaded_config out;
  out.places.file = name;
  if (!is_utf8(text) || text.find('\0') != text.npos) {
    out.problems.push_back({name, "", "is not YAML: not a text in UTF-8"});
    return out;
  }
  try {
    if (holds_several_documents(text))
      out.problems.push_back({name, "", "holds several YAML documents ('---'); one is read"});
    YAML::Node node{YAML::NodeType::Map};
    if (auto first = YAML::Load(text); first.IsDefined() && !first.IsNull())
      node = first;
    if (!survey(node, "", out, 0))
      return out;
    std::map<std::string, std::string> variables;
    if (node.IsMap())
      variables = apply_environment(node, out);
    note_values(node, "", out.places.values);
    yaml_section root{node, "", name, out.problems};
    read_all(root, out.value);
    set_agent_versions(out.value, out.places, versions_of_parts(out.places));
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
