#include "agents/safety/taint.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t most_sources = 64, most_calls = 4; // of each kind, of one source
constexpr std::size_t longest_name = 128;

json::object sources_json(const taint_sources& sources) {
  json::object all;
  for (const auto& [source, calls] : sources) {
    json::array ids;
    for (const auto& id : calls)
      ids.emplace_back(json::string_view{id.data(), id.size()});
    all.emplace(json::string_view{source.data(), source.size()}, std::move(ids));
  }
  return all;
}

// False: not what sources_json makes.
bool read_sources(taint_sources& to, const json::object& kept, std::string_view key) {
  const auto* found = member(kept, key);
  if (!found)
    return true;
  if (!found->is_object())
    return false;
  for (const auto& [source, calls] : found->get_object()) {
    const auto* ids = calls.if_array();
    if (!ids)
      return false;
    add_source(to, {source.data(), source.size()});
    for (const auto& id : *ids) {
      if (!id.is_string())
        return false;
      add_source(to, {source.data(), source.size()},
                 {id.get_string().data(), id.get_string().size()});
    }
  }
  return true;
}

void join_sources(taint_sources& to, const taint_sources& from) {
  for (const auto& [source, calls] : from) {
    add_source(to, source);
    for (const auto& id : calls)
      add_source(to, source, id);
  }
}

} // namespace

void add_source(taint_sources& to, std::string_view source, std::string_view call) {
  const std::string name(cut_utf8(source, longest_name));
  auto at = to.find(name);
  if (at == to.end()) {
    if (to.size() >= most_sources)
      return;
    at = to.emplace(name, std::vector<std::string>{}).first;
  }
  auto& calls = at->second;
  std::string id(cut_utf8(call, longest_name));
  if (!id.empty() && calls.size() < most_calls
      && std::find(calls.begin(), calls.end(), id) == calls.end())
    calls.push_back(std::move(id));
}

void taint::join(const taint& other) {
  join_sources(untrusted, other.untrusted);
  join_sources(personal, other.personal);
}

json::object to_json(const taint& seen) {
  json::object all;
  if (!seen.untrusted.empty())
    all["untrusted"] = sources_json(seen.untrusted);
  if (!seen.personal.empty())
    all["private"] = sources_json(seen.personal);
  return all;
}

taint taint_from_json(const json::value* kept) {
  taint seen;
  if (!kept || kept->is_null())
    return seen;
  const auto* o = kept->if_object();
  if (!o || !read_sources(seen.untrusted, *o, "untrusted")
      || !read_sources(seen.personal, *o, "private"))
    add_source(seen.untrusted, "unknown");
  return seen;
}

channel keeps_taint() {
  channel kept;
  kept.kind = reducer::custom;
  kept.reduce = [](const json::value& old, const json::value& update) -> json::value {
    auto all = taint_from_json(&old);
    all.join(taint_from_json(&update));
    return to_json(all);
  };
  return kept; // absent until it is written
}

taint taint_of(const state_view& state) {
  return taint_from_json(state.find(taint_channel));
}

} // namespace behalf
