// graphs: which libraries, which graphs of them, and what their assistants start from.
#include "config/sections.hpp"

namespace behalf {
namespace {

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
  to.library = colon == path.npos ? path : path.substr(0, colon + 3);
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
}

} // namespace behalf
