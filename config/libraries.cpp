#include "config/libraries.hpp"

#include "agents/configured.hpp"
#include "runtime/graph/hello_graph.hpp"
#include "runtime/graph/load_plugin.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace behalf {
namespace {

constexpr std::size_t most_levels = 8; // of agents below each other

error at(std::string_view key, const std::string& why) {
  return fail(errc::invalid_argument, std::string(key) + ": " + why);
}

// "./a.so" and "a.so" are one.
std::string same_for_all_spellings(const std::string& file) {
  std::error_code ec; // without a working directory the path stays as it is
  return (std::filesystem::current_path(ec) / file).lexically_normal().string();
}

bool has_handlers(const plugin_registry& one) {
  return one.authenticate() || !one.handlers().empty();
}

struct made_agent {
  std::shared_ptr<const graph> served, inside; // for itself, and as a sub_agent's
};

class loader {
public:
  loader(const config& c, const library_file& file_of) : config_(c), file_of_(file_of) {
    loaded_[""].graph(hello_graph(), "Says hello to whoever asks");
  }

  result<loaded_libraries> run() {
    for (const auto& file : config_.plugins)
      if (auto ok = take_handlers(file); !ok)
        return ok.error();
    for (const auto& one : config_.graphs)
      if (auto ok = take_graphs(one); !ok)
        return ok.error();
    for (const auto& one : config_.agents) {
      auto made = agent_of(one);
      if (!made)
        return made.error();
      served_graph served{one.name, one.description, std::move(made->served)};
      served.check = [one](const json::object& given) -> result<void> {
        auto settings = settings_of(one, given);
        return settings ? result<void>{} : settings.error();
      };
      served.version = one.version;
      if (auto ok = serve("agents." + one.name, std::move(served)); !ok)
        return ok.error();
    }
    return std::move(found_);
  }

private:
  // A registry of its own for each library: two may have graphs of one name.
  result<const plugin_registry*> open(const std::string& file) {
    auto name = file.empty() ? file : same_for_all_spellings(file);
    if (auto known = loaded_.find(name); known != loaded_.end())
      return &known->second;
    auto place = file_of_ ? file_of_(file) : result<std::string>{file};
    if (!place)
      return place.error();
    plugin_registry fresh;
    if (auto ok = load_plugin(*place, fresh); !ok)
      return ok.error();
    return &loaded_.emplace(std::move(name), std::move(fresh)).first->second;
  }

  result<void> take_handlers(const std::string& file) {
    auto library = open(file);
    if (!library)
      return at("plugins", library.error().message);
    if (config_.no_auth)
      return {};
    if (const auto& judge = (*library)->authenticate())
      found_.handlers.authenticate(judge);
    for (const auto& [key, handler] : (*library)->handlers())
      found_.handlers.on(key, handler);
    if (const auto& faults = found_.handlers.faults(); !faults.empty())
      return at("plugins", faults.front());
    return {};
  }

  bool in_plugins(const std::string& file) const {
    return std::any_of(config_.plugins.begin(), config_.plugins.end(), [&](const auto& one) {
      return same_for_all_spellings(one) == same_for_all_spellings(file);
    });
  }

  result<void> take_graphs(const graph_source& wanted) {
    auto library = open(wanted.library);
    if (!library)
      return at(wanted.key, library.error().message);
    if (has_handlers(**library) && !in_plugins(wanted.library))
      return at(wanted.key, wanted.library
                              + " brings handlers that decide who may do what; list it under "
                                "plugins too to use them");
    auto before = found_.graphs.size();
    std::string names;
    for (const auto& one : (*library)->graphs()) {
      names += (names.empty() ? "" : ", ") + one.name;
      if (wanted.graph.empty() ? !named_elsewhere(wanted, one.name) : wanted.graph == one.name)
        if (auto ok = serve(wanted.key, graph_of(wanted, one)); !ok)
          return ok;
    }
    if (found_.graphs.size() == before && (!wanted.graph.empty() || names.empty()))
      return at(wanted.key, (wanted.graph.empty() ? "no graph" : "no graph '" + wanted.graph + "'")
                              + " was registered by " + wanted.library
                              + (names.empty() ? "" : "; there are: " + names));
    return {};
  }

  // An entry for one graph counts before one for all of a library.
  bool named_elsewhere(const graph_source& all, const std::string& name) const {
    return std::any_of(config_.graphs.begin(), config_.graphs.end(), [&](const graph_source& one) {
      return one.key != all.key && !one.graph.empty()
             && (one.name.empty() ? one.graph : one.name) == name;
    });
  }

  static served_graph graph_of(const graph_source& wanted, const registered_graph& one) {
    return {wanted.name.empty() ? one.name : wanted.name,
            wanted.description.empty() ? one.description : wanted.description, one.flow,
            wanted.defaults, one.make};
  }

  // Those that it gives tasks to are made before it, each once.
  result<made_agent> agent_of(const agent_options& declared) {
    if (auto known = agents_.find(declared.name); known != agents_.end())
      return known->second;
    const auto key = "agents." + declared.name;
    under_way_.push_back(declared.name);
    auto options = declared;
    if (auto ok = find_tools(options); !ok)
      return ok.error();
    if (auto ok = find_team(options); !ok)
      return ok.error();
    found_.agents.push_back(options);
    made_agent made;
    for (auto [place, flow] : {std::pair{agent_place::outermost, &made.served},
                               std::pair{agent_place::inside, &made.inside}}) {
      auto built = make_agent(options, place);
      if (!built)
        return at(key, built.error().message);
      *flow = std::move(*built);
    }
    under_way_.pop_back();
    return agents_.emplace(declared.name, std::move(made)).first->second;
  }

  // The agents and functions that it names.
  result<void> find_tools(agent_options& options) {
    for (auto& other : options.agents)
      if (auto ok = find_agent(other); !ok)
        return ok.error();
    for (auto& one : options.functions)
      if (auto ok = find_function("agents." + options.name + ".tools", one.what); !ok)
        return ok.error();
    return {};
  }

  // All who may get its conversation, from it or from who got it before.
  result<void> find_team(agent_options& first) {
    auto missing = first.hand_offs;
    std::set<std::string> known{first.name};
    while (!missing.empty()) {
      const auto name = std::move(missing.back());
      missing.pop_back();
      if (!known.insert(name).second)
        continue;
      const auto one = std::find_if(config_.agents.begin(), config_.agents.end(),
                                    [&](const auto& each) { return each.name == name; });
      if (one == config_.agents.end())
        return at("agents." + first.name + ".tools", "there is no agent '" + name + "'");
      auto member = *one;
      under_way_.push_back(name);
      if (auto ok = find_tools(member); !ok)
        return ok;
      under_way_.pop_back();
      missing.insert(missing.end(), member.hand_offs.begin(), member.hand_offs.end());
      first.team.push_back(std::move(member));
    }
    return {};
  }

  result<void> find_function(const std::string& key, function_tool& wanted) const {
    const function_tool* found = nullptr;
    for (const auto& [file, library] : loaded_)
      for (const auto& one : library.tools()) {
        if (one.what.name != wanted.what.name)
          continue;
        if (found)
          return at(key, "two libraries have a tool '" + one.what.name + "'");
        found = &one;
      }
    if (!found)
      return at(key, "no library of `plugins` and `graphs` has a tool '" + wanted.what.name + "'");
    wanted = *found;
    return {};
  }

  result<void> find_agent(sub_agent& other) {
    const auto key = "agents." + under_way_.back() + ".tools";
    if (std::find(under_way_.begin(), under_way_.end(), other.name) != under_way_.end())
      return at(key, "agents that give tasks to each other in a circle: " + path_to(other.name));
    if (under_way_.size() >= most_levels)
      return at(key, "agents that give tasks to each other more than " + std::to_string(most_levels)
                       + " levels deep: " + path_to(other.name));
    for (const auto& one : config_.agents)
      if (one.name == other.name) {
        auto made = agent_of(one);
        if (!made)
          return made.error();
        other.description = one.description;
        other.flow = std::move(made->inside);
        return {};
      }
    for (const auto& one : found_.graphs)
      if (one.graph_id == other.name) {
        if (one.make)
          return at(key,
                    "'" + other.name + "' is made anew for each run, it cannot be given tasks");
        other.description = one.description;
        other.flow = one.flow;
        return {};
      }
    return at(key, "there is no agent or graph '" + other.name + "'");
  }

  std::string path_to(const std::string& name) const {
    std::string all;
    for (const auto& one : under_way_)
      all += one + ", ";
    return all + name;
  }

  result<void> serve(const std::string& key, served_graph made) {
    for (const auto& other : found_.graphs)
      if (other.graph_id == made.graph_id)
        return at(key, "there is another graph '" + made.graph_id
                         + "'; give one of them a name of its own");
    found_.graphs.push_back(std::move(made));
    return {};
  }

  const config& config_;
  const library_file& file_of_;
  std::map<std::string, plugin_registry> loaded_;
  loaded_libraries found_;
  std::map<std::string, made_agent> agents_; // by name
  std::vector<std::string> under_way_;       // each was met while the one before it was made
};

} // namespace

std::vector<std::string> library_files(const config& c) {
  std::vector<std::string> files;
  std::set<std::string> known;
  auto add = [&](const std::string& file) {
    if (!file.empty() && known.insert(same_for_all_spellings(file)).second)
      files.push_back(file);
  };
  for (const auto& file : c.plugins)
    add(file);
  for (const auto& one : c.graphs)
    add(one.library);
  return files;
}

result<loaded_libraries> load_libraries(const config& c, const library_file& file_of) {
  return loader{c, file_of}.run();
}

} // namespace behalf
