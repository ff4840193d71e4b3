// graphs and plugins: which libraries, which graphs of them, and what their assistants start from.
#include "config/sections.hpp"

#include <filesystem>

namespace behalf {
namespace {

// As the loader of shared libraries has it, $ORIGIN is where the program is: what is built or
// installed beside it is found from every folder.
std::string library_file(std::string text) {
  constexpr std::string_view origin = "$ORIGIN/";
  if (!text.starts_with(origin))
    return text;
  std::error_code ec; // without /proc the text stays as it is, and is named as no file
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec ? text : (program.parent_path() / text.substr(origin.size())).string();
}

// "./lib.so", "./lib.so:graph", "builtin:graph".
void read_path(yaml_section& in, graph_source& to) {
  std::string path;
  in.require("path");
  in.text("path", path);
  constexpr std::string_view builtin = "builtin:";
  if (path.starts_with(builtin)) {
    to.graph = path.substr(builtin.size());
    if (to.graph != "hello")
      in.fault("path", "there is no '" + path + "'; the only one built in is builtin:hello");
    return;
  }
  auto colon = path.rfind(".so:");
  to.library = library_file(colon == path.npos ? path : path.substr(0, colon + 3));
  to.graph = colon == path.npos ? to.name : path.substr(colon + 4);
}

graph_source read_graph(yaml_section in, std::string name) {
  graph_source to;
  to.key = in.path();
  to.name = std::move(name);
  if (to.name.empty())
    in.text("name", to.name);
  read_path(in, to);
  in.text("description", to.description);
  in.object("config", to.defaults.config);
  in.object("context", to.defaults.context);
  in.object("metadata", to.defaults.metadata);
  if (to.defaults.config.contains("configurable") && !to.defaults.context.empty())
    in.fault("context", "stands beside config.configurable; an assistant has one of the two");
  in.finish();
  return to;
}

} // namespace

// A list serves libraries; a mapping, as langgraph.json has it, gives each entry's name.
void read_graphs(yaml_section& root, config& out) {
  const auto kind = root.kind("graphs");
  if (kind != 'm')
    for (auto& one : root.sections("graphs", "path"))
      out.graphs.push_back(read_graph(std::move(one), {}));
  if (kind == 'm' || kind == 0)
    if (auto all = root.section("graphs"))
      for (const auto& name : all->keys())
        if (auto one = all->section(name, "path"))
          out.graphs.push_back(read_graph(std::move(*one), name));
  root.texts("plugins", out.plugins);
  for (auto& file : out.plugins)
    file = library_file(std::move(file));
}

} // namespace behalf
