#include "runtime/graph/checkpoint.hpp"

#include "runtime/graph/checkpoint_json.hpp"

#include <utility>

namespace behalf {
namespace {

error broken(const std::string& id, const std::string& why) {
  return fail(errc::internal, "the checkpoint " + id + " cannot be used: " + why);
}

} // namespace

json::array planned_task::path() const {
  if (push >= 0)
    return {"__pregel_push", push, false};
  return {"__pregel_pull", name};
}

json::object checkpoint_doc::metadata() const {
  auto all = base_metadata ? *base_metadata : json::object{};
  all["source"] = source;
  all["step"] = step;
  all["parents"] = json::object{};
  return all;
}

json::object checkpoint_doc::body() const {
  json::object doc;
  write_values(doc, "set", set);
  write_values(doc, "append", append);
  if (input)
    doc["input"] = *input;
  doc["chain"] = json::array{links, weight, full_weight};
  json::array tasks;
  for (const auto& one : next)
    tasks.push_back(write_task(one));
  doc["next"] = std::move(tasks);
  if (!joins.empty())
    doc["joins"] = json::value_from(joins);
  if (!pending.empty()) {
    auto& all = doc["pending"].emplace_array();
    for (const auto& one : pending)
      all.push_back(write_pending(one));
  }
  if (!results.empty())
    doc["results"] = results;
  if (!sole_task.empty())
    doc["sole_task"] = sole_task;
  if (stopped)
    doc["stopped"] = true;
  if (!resumed_by.empty())
    doc["resumed_by"] = resumed_by;
  return doc;
}

result<checkpoint_doc> checkpoint_doc::from(std::string id, std::string parent_id, std::string ns,
                                            bool full, json::object metadata,
                                            const json::object& body, time_point created_at) {
  checkpoint_doc doc;
  doc.id = std::move(id);
  doc.parent_id = std::move(parent_id);
  doc.ns = std::move(ns);
  doc.full = full;
  doc.created_at = created_at;
  doc.source = string_or(metadata, "source");
  doc.step = int_or(metadata, "step", -1);
  for (auto key : {"source", "step", "parents"})
    metadata.erase(key);
  doc.base_metadata = std::make_shared<const json::object>(std::move(metadata));
  doc.set = read_values(object_or_empty(body, "set"));
  doc.append = read_values(object_or_empty(body, "append"));
  if (const auto* input = member(body, "input"))
    doc.input = std::make_shared<const json::value>(*input);
  doc.results = object_or_empty(body, "results");
  doc.sole_task = string_or(body, "sole_task");
  doc.resumed_by = string_or(body, "resumed_by");
  doc.stopped = bool_or(body, "stopped");
  if (!read_control(doc, body))
    return broken(doc.id, "its document is malformed");
  return doc;
}

result<void> overlay(named_values& values, const checkpoint_doc& link) {
  if (link.full)
    values.clear();
  for (const auto& [name, v] : link.set)
    values[name] = v;
  for (const auto& [name, grown] : link.append) {
    auto& at = values[name];
    if (!grown->is_array() || (at && !at->is_array()))
      return broken(link.id, "'" + name + "' grows but is no list");
    // Copied once; further links grow the copy, which nobody else sees.
    auto whole = !at                   ? std::make_shared<json::value>(json::array{})
                 : at.use_count() == 1 ? std::const_pointer_cast<json::value>(at)
                                       : std::make_shared<json::value>(*at);
    auto& list = whole->get_array();
    list.insert(list.end(), grown->get_array().begin(), grown->get_array().end());
    at = std::move(whole);
  }
  return {};
}

result<void> check_chain(std::span<const checkpoint_doc> chain) {
  if (chain.empty())
    return fail(errc::internal, "no checkpoint to restore");
  if (!chain.front().full)
    return broken(chain.front().id, "what it builds on is missing");
  for (std::size_t i = 1; i < chain.size(); ++i)
    if (chain[i].parent_id != chain[i - 1].id)
      return broken(chain[i].id, "it does not follow " + chain[i - 1].id);
  return {};
}

result<loaded_checkpoint> restore_chain(std::span<const checkpoint_doc> chain) {
  if (auto sound = check_chain(chain); !sound)
    return sound.error();
  loaded_checkpoint loaded;
  for (const auto& link : chain)
    if (auto ok = overlay(loaded.values, link); !ok)
      return ok.error();
  loaded.at = chain.back();
  return loaded;
}

std::size_t json_weight(const json::value& v) {
  switch (v.kind()) {
  case json::kind::string:
    return v.get_string().size() + 3;
  case json::kind::array: {
    std::size_t sum = 2;
    for (const auto& one : v.get_array())
      sum += json_weight(one) + 1;
    return sum;
  }
  case json::kind::object:
    return json_weight(v.get_object());
  default:
    return 5;
  }
}

std::size_t json_weight(const json::object& v) {
  std::size_t sum = 2;
  for (const auto& [key, one] : v)
    sum += key.size() + 4 + json_weight(one);
  return sum;
}

} // namespace behalf
