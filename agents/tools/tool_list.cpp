#include "agents/tools/tool_list.hpp"

#include "agents/tools/kept_results.hpp"
#include "agents/tools/schema_fit.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/hidden_text.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t longest_told_name = 64;
constexpr std::size_t longest_name = 256; // MCP says 128
constexpr std::size_t most_notes = 32;

// Without what people who approve a call would not see of its tool's words, but models would read.
std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto size = utf8_length(text);
    if (size != 0 && !is_hidden(code_point(text.substr(0, size))))
      out += text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

// What a schema says to its readers, as `visible` as the description.
void clean_texts(json::value& schema) {
  if (auto* list = schema.if_array()) {
    for (auto& each : *list)
      clean_texts(each);
  } else if (auto* object = schema.if_object()) {
    for (auto& [key, value] : *object)
      if (value.is_string() && (key == "description" || key == "title"))
        value = json::string(visible(value.get_string()));
      else
        clean_texts(value);
  }
}

// With the members of every object by name, so that a service may order them as it likes.
json::value in_order(const json::value& v) {
  if (const auto* list = v.if_array()) {
    json::array all;
    all.reserve(list->size());
    for (const auto& each : *list)
      all.push_back(in_order(each));
    return all;
  }
  const auto* object = v.if_object();
  if (!object)
    return v;
  std::map<std::string_view, const json::value*> members;
  for (const auto& [key, value] : *object)
    members.emplace(std::string_view{key.data(), key.size()}, &value);
  json::object all;
  all.reserve(members.size());
  for (const auto& [key, value] : members)
    all.emplace(json::string_view{key.data(), key.size()}, in_order(*value));
  return all;
}

tool_hints hints_of(const json::object& entry) {
  const auto& said = object_or_empty(entry, "annotations");
  return {bool_or(said, "readOnlyHint", false), bool_or(said, "destructiveHint", true),
          bool_or(said, "idempotentHint", false), bool_or(said, "openWorldHint", true)};
}

json::object hints_json(const tool_hints& hints) {
  return {{"read_only", hints.read_only},
          {"destructive", hints.destructive},
          {"idempotent", hints.idempotent},
          {"open_world", hints.open_world}};
}

bool models_take(std::string_view name) {
  return name.size() <= longest_told_name && made_of(name, "_-") && !is_digit(name[0])
         && name[0] != '-';
}

// Names a model can take, of tools whose own it cannot, or that are not alone with theirs.
class told_names {
public:
  told_names(const std::vector<tool_source>& sources, const std::vector<agent_tool>& tools) {
    for (const auto& each : sources)
      prefixes_.push_back({each.service, each.service + "_"});
    for (const auto& each : tools)
      ++named_[each.name];
    for (const auto& each : tools)
      if (keeps_name(each))
        taken_.insert(each.name);
  }

  /// Empty when somebody went to great lengths to have every name taken.
  std::string of(const agent_tool& tool) {
    if (keeps_name(tool))
      return tool.name;
    auto whole = tool.service + "_" + tool.name;
    if (models_take(whole) && taken_.insert(whole).second)
      return whole;
    const auto digits = sha256_hex(tool.service + std::string(1, '\0') + tool.name);
    for (std::size_t size : {8, 32}) {
      auto name = shortened(tool, longest_told_name - 1 - size) + "_" + digits.substr(0, size);
      if (taken_.insert(name).second)
        return name;
    }
    return {};
  }

private:
  // A service cannot take the names that tools of another get when they clash.
  bool keeps_name(const agent_tool& tool) const {
    if (tool.name == kept_tool_name && tool.service != kept_service)
      return false;
    return models_take(tool.name) && named_.at(tool.name) == 1
           && std::none_of(prefixes_.begin(), prefixes_.end(), [&](const auto& each) {
                return each.first != tool.service && tool.name.starts_with(each.second);
              });
  }

  static std::string shortened(const agent_tool& tool, std::size_t most) {
    auto name = tool.service.substr(0, 20) + "_" + tool.name;
    name.resize(std::min(name.size(), most));
    for (auto& c : name)
      if (!is_letter_or_digit(c) && c != '-')
        c = '_';
    if (!models_take(name))
      name[0] = '_';
    return name;
  }

  std::vector<std::pair<std::string, std::string>> prefixes_; // of service and its clashing names
  std::map<std::string, std::size_t> named_;
  std::set<std::string> taken_;
};

class list_maker {
public:
  list_maker(const std::vector<tool_source>& sources, const tool_bounds& bounds)
    : sources_(sources), bounds_(bounds) {}

  void add(const tool_source& source, const json::value& listed) {
    const auto* given = member(listed, "tools");
    if (!given || !given->is_array())
      return note(source.service + " did not answer with a list of tools");
    auto entries = by_name(source.service, given->get_array());
    std::set<std::string_view> noted{"*"};
    for (const auto* names : {&source.allow, &source.ask, &source.deny, &source.reads})
      for (const auto& name : *names)
        if (!entries.contains(name) && noted.insert(name).second)
          note(source.service + " has no tool " + name);
    for (const auto& name : source.return_direct)
      if (!entries.contains(name))
        note("return_direct: " + source.service + " has no tool " + name);
    for (const auto& [name, timeout] : source.timeouts)
      if (!entries.contains(name))
        note("timeouts: " + source.service + " has no tool " + name);
    offered_tools offer{&source, {}, {}};
    for (auto& [name, entry] : entries)
      if (const auto approval = approval_of(source, name, hints_of(*entry));
          approval && is_usable(source.service, name, *entry))
        offer.all.push_back({name, entry, *approval});
    offers_.push_back(std::move(offer));
  }

  tool_list take() {
    take_turns();
    for (auto& offer : offers_) {
      std::move(offer.taken.begin(), offer.taken.end(), std::back_inserter(out_.tools));
      if (const auto dropped = offer.all.size() - offer.taken.size(); dropped != 0) {
        out_.cut.push_back(offer.source->service);
        note(offer.source->service + ": " + std::to_string(dropped)
             + " tools are left out, an agent has at most " + std::to_string(bounds_.tools)
             + ", of " + std::to_string(bounds_.all_bytes) + " bytes");
      }
    }
    told_names names{sources_, out_.tools};
    for (auto& each : out_.tools) {
      each.as_told.name = names.of(each);
      if (each.as_told.name.empty())
        left_out(each.service, each.name, "every name for it is taken");
    }
    std::erase_if(out_.tools, [](const auto& each) { return each.as_told.name.empty(); });
    std::sort(out_.tools.begin(), out_.tools.end(),
              [](const auto& a, const auto& b) { return a.as_told.name < b.as_told.name; });
    return std::move(out_);
  }

  void note(std::string text) {
    if (out_.notes.size() + 1 < most_notes)
      out_.notes.push_back(std::move(text));
    else if (out_.notes.size() < most_notes)
      out_.notes.emplace_back("and more of this kind");
  }

private:
  using entry_map = std::map<std::string, const json::object*, std::less<>>;

  struct offered_tool {
    std::string name;
    const json::object* entry;
    tool_approval approval;
  };
  // Of one service, by name; `taken` are the first of `all`.
  struct offered_tools {
    const tool_source* source;
    std::vector<offered_tool> all;
    std::vector<agent_tool> taken;
    std::size_t bytes = 0; // of these
  };

  // What it has taken of the bound that is nearer for it.
  double share_of(const offered_tools& offer) const {
    return std::max(static_cast<double>(offer.taken.size()) / static_cast<double>(bounds_.tools),
                    static_cast<double>(offer.bytes) / static_cast<double>(bounds_.all_bytes));
  }

  // A tool of the service that has the least so far, again and again: when not all fit, those with
  // many or long ones lack some, and those with few are whole.
  void take_turns() {
    for (std::size_t taken = 0; taken < bounds_.tools && bytes_ < bounds_.all_bytes; ++taken) {
      offered_tools* next = nullptr;
      for (auto& offer : offers_)
        if (offer.taken.size() < offer.all.size() && (!next || share_of(offer) < share_of(*next)))
          next = &offer;
      if (!next)
        return;
      const auto before = bytes_;
      next->taken.push_back(made(*next->source, next->all[next->taken.size()]));
      next->bytes += bytes_ - before;
    }
  }

  void left_out(std::string_view service, std::string_view tool, std::string_view why) {
    note(std::string(service) + ": the tool " + visible(cut_utf8(tool, longest_name))
         + " is left out: " + std::string(why));
  }

  entry_map by_name(const std::string& service, const json::array& given) {
    entry_map all;
    for (const auto& each : given) {
      const auto* entry = each.if_object();
      const auto name = entry ? string_or(*entry, "name") : std::string_view{};
      if (name.empty())
        note(service + ": an entry is left out, it is no tool with a name: " + excerpt(each));
      else if (name.size() > longest_name || visible(name) != name
               || name.find_first_of("\n\t") != name.npos)
        left_out(service, name, "its name is too long, or has characters that nobody sees");
      else if (!all.emplace(std::string(name), entry).second)
        left_out(service, name, "another one has its name");
    }
    return all;
  }

  bool is_usable(const std::string& service, const std::string& name, const json::object& entry) {
    const auto* schema = member(entry, "inputSchema");
    if (!schema || !schema->is_object()) {
      left_out(service, name, "it has no inputSchema, or one that is nested too deep");
      return false;
    }
    const auto& asked = schema->get_object();
    if (const auto* type = member(asked, "type"); type && *type != "object") {
      left_out(service, name, "its inputSchema is of no object");
      return false;
    }
    if (text_bytes(asked, bounds_.schema_bytes) > bounds_.schema_bytes) {
      left_out(service, name, "its inputSchema is too long");
      return false;
    }
    return true;
  }

  agent_tool made(const tool_source& source, const offered_tool& offer) {
    const auto& service = source.service;
    const auto& [name, entry, approval] = offer;
    const auto& asked = object_or_empty(*entry, "inputSchema");
    agent_tool tool{{}, service, name, asked, hints_of(*entry), approval, {}};
    tool.return_direct = among(source.return_direct, name);
    const auto description = string_or(*entry, "description", string_or(*entry, "title"));
    tool.hash = sha256_hex(dump(in_order(
      json::array{json::string(name), json::string(description), asked, hints_json(tool.hints)})));
    tool.as_told.description = visible(description);
    if (tool.as_told.description.size() > bounds_.description_bytes) {
      tool.as_told.description = cut_utf8(tool.as_told.description, bounds_.description_bytes);
      note(service + ": the description of " + name + " is cut");
    }
    json::value fitted = fitted_schema(asked);
    clean_texts(fitted);
    tool.as_told.schema = std::move(fitted.get_object());
    bytes_ += text_bytes(asked, bounds_.schema_bytes)
              + text_bytes(tool.as_told.schema, bounds_.all_bytes) + tool.as_told.description.size()
              + name.size();
    return tool;
  }

  const std::vector<tool_source>& sources_;
  const tool_bounds& bounds_;
  std::vector<offered_tools> offers_; // in the order of the sources
  tool_list out_;
  std::size_t bytes_ = 0;
};

result<agent_tool> tool_from(const json::value& kept) {
  const auto* o = kept.if_object();
  if (!o)
    return fail(errc::internal, "a kept tool is no object");
  auto text = [o](std::string_view key) { return std::string(string_or(*o, key)); };
  const auto& hints = object_or_empty(*o, "hints");
  agent_tool tool{{text("name"), text("description"), object_or_empty(*o, "schema")},
                  text("service"),
                  text("tool"),
                  object_or_empty(*o, "inputSchema"),
                  {bool_or(hints, "read_only", false), bool_or(hints, "destructive", true),
                   bool_or(hints, "idempotent", false), bool_or(hints, "open_world", true)},
                  text("approval") == "allow" ? tool_approval::allow : tool_approval::ask,
                  text("hash"),
                  bool_or(*o, "return_direct")};
  if (!models_take(tool.as_told.name) || tool.service.empty() || tool.name.empty())
    return fail(errc::internal, "a kept tool has no name or no service");
  return tool;
}

// `tool`: empty for any.
bool offers_on_condition(const tool_source& source, std::string_view tool) {
  return std::any_of(source.conditions.begin(), source.conditions.end(), [&](const auto& one) {
    return one.rule != tool_rule::deny && (tool.empty() || one.tool == tool);
  });
}

} // namespace

std::optional<tool_approval> approval_of(const tool_source& source, std::string_view tool,
                                         const tool_hints& hints) {
  const bool on_condition = offers_on_condition(source, tool);
  for (std::string_view name : {tool, std::string_view("*")}) {
    if (among(source.deny, name) && !(name == "*" && on_condition))
      return std::nullopt;
    if (among(source.ask, name))
      return tool_approval::ask;
    if (among(source.allow, name) || among(source.reads, name))
      return tool_approval::allow;
  }
  if (on_condition)
    return tool_approval::ask;
  if (!source.allow.empty() || !source.ask.empty() || !source.reads.empty()
      || offers_on_condition(source, {}))
    return std::nullopt;
  return source.trusted && hints.read_only ? tool_approval::allow : tool_approval::ask;
}

tool_list make_tool_list(const std::vector<tool_source>& sources,
                         const std::vector<service_tools>& listed, const tool_bounds& bounds) {
  list_maker list{sources, bounds};
  std::set<std::string_view> seen;
  for (const auto& source : sources) {
    auto answer = std::find_if(listed.begin(), listed.end(),
                               [&](const auto& each) { return each.service == source.service; });
    if (!seen.insert(source.service).second)
      list.note(source.service + " is named twice, the first counts");
    else if (answer != listed.end())
      list.add(source, answer->listed);
  }
  return list.take();
}

json::array to_json(const std::vector<agent_tool>& tools) {
  json::array all;
  all.reserve(tools.size());
  for (const auto& each : tools)
    all.push_back({{"name", each.as_told.name},
                   {"description", each.as_told.description},
                   {"schema", each.as_told.schema},
                   {"service", each.service},
                   {"tool", each.name},
                   {"inputSchema", each.schema},
                   {"hints", hints_json(each.hints)},
                   {"approval", each.approval == tool_approval::allow ? "allow" : "ask"},
                   {"hash", each.hash},
                   {"return_direct", each.return_direct}});
  return all;
}

result<std::vector<agent_tool>> tools_from_json(const json::value& kept) {
  const auto* all = kept.if_array();
  if (!all)
    return fail(errc::internal, "kept tools are no list");
  std::vector<agent_tool> tools;
  tools.reserve(all->size());
  for (const auto& each : *all) {
    auto tool = tool_from(each);
    if (!tool)
      return tool.error();
    tools.push_back(std::move(*tool));
  }
  return tools;
}

} // namespace behalf
