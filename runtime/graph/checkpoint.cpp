#include "runtime/graph/checkpoint.hpp"

#include <algorithm>
#include <utility>

namespace behalf {
namespace {

// So many links cost about as much to read as a whole state of `full_weight` bytes: reading is at
// most some times as slow for it, and what whole copies add to each step stays small.
int most_links(std::size_t full_weight) {
  constexpr std::size_t of_one = 256, fewest = 32, most = 512;
  return static_cast<int>(std::clamp(full_weight / of_one, fewest, most));
}

error broken(const std::string& id, const std::string& why) {
  return fail(errc::internal, "the checkpoint " + id + " cannot be used: " + why);
}

// --- the parts of a document as JSON -----------------------------------------------------------

json::array to_array(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

std::vector<std::string> texts(const json::object& o, std::string_view key) {
  std::vector<std::string> all;
  const auto* v = member(o, key);
  if (v && v->is_array())
    for (const auto& one : v->get_array())
      if (one.is_string())
        all.emplace_back(one.get_string().data(), one.get_string().size());
  return all;
}

constexpr std::string_view state_names[] = {"open", "done", "interrupted", "failed"};

pending_task::state state_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(state_names); ++i)
    if (name == state_names[i])
      return static_cast<pending_task::state>(i);
  return pending_task::state::open;
}

planned_task read_task(const json::object& o) {
  planned_task t;
  t.id = string_or(o, "id");
  t.name = string_or(o, "name");
  t.triggers = texts(o, "triggers");
  t.push = int_or(o, "push", -1);
  if (const auto* sent = member(o, "sent"))
    t.sent = std::make_shared<const json::value>(*sent);
  return t;
}

const json::array& list(const json::object& o, std::string_view key) {
  static const json::array none;
  const auto* v = member(o, key);
  return v && v->is_array() ? v->get_array() : none;
}

pending_task read_pending(const json::object& o) {
  pending_task t;
  t.id = string_or(o, "id");
  t.is = state_of(string_or(o, "is"));
  t.writes = object_or_empty(o, "writes");
  t.branches = texts(o, "branches");
  for (const auto& one : list(o, "sends"))
    if (const auto* pair = one.if_array(); pair && pair->size() == 2 && (*pair)[0].is_string())
      t.sends.emplace_back((*pair)[0].get_string(), (*pair)[1]);
  for (const auto& one : list(o, "interrupts"))
    if (one.is_object() && one.get_object().contains("value"))
      t.interrupts.push_back({std::string(string_or(one.get_object(), "id")),
                              one.get_object().at("value"),
                              std::string(string_or(one.get_object(), "place")),
                              std::string(string_or(one.get_object(), "task_id")),
                              from_micros(int_or(one.get_object(), "asked_at"))});
  for (const auto& one : list(o, "answers"))
    t.answers.push_back({one});
  const auto places = texts(o, "places"), ids = texts(o, "answered"); // older ones have none
  for (std::size_t i = 0; i < std::min(places.size(), t.answers.size()); ++i)
    t.answers[i].place = places[i];
  for (std::size_t i = 0; i < std::min(ids.size(), t.answers.size()); ++i)
    t.answers[i].id = ids[i];
  t.failure = string_or(o, "failure");
  return t;
}

bool all_objects(const json::array& all) {
  for (const auto& one : all)
    if (!one.is_object())
      return false;
  return true;
}

void write_values(json::object& doc, std::string_view key, const named_values& values) {
  if (values.empty())
    return;
  auto& all = doc[key].emplace_object();
  for (const auto& [name, v] : values)
    all.emplace(name, *v);
}

named_values read_values(const json::object& from) {
  named_values values;
  for (const auto& [name, v] : from)
    values.emplace(std::string(name), std::make_shared<const json::value>(v));
  return values;
}

json::object write_task(const planned_task& t) {
  json::object o{{"id", t.id}, {"name", t.name}, {"triggers", to_array(t.triggers)}};
  if (t.push >= 0)
    o["push"] = t.push;
  if (t.sent)
    o["sent"] = *t.sent;
  return o;
}

json::object write_pending(const pending_task& t) {
  auto is = state_names[static_cast<std::size_t>(t.is)];
  json::object o{{"id", t.id}, {"is", json::string_view{is.data(), is.size()}}};
  if (!t.writes.empty())
    o["writes"] = t.writes;
  if (!t.branches.empty())
    o["branches"] = to_array(t.branches);
  for (const auto& [node, input] : t.sends) {
    if (!o.contains("sends"))
      o["sends"].emplace_array();
    o["sends"].get_array().push_back(json::array{node, input});
  }
  for (const auto& one : t.interrupts) {
    if (!o.contains("interrupts"))
      o["interrupts"].emplace_array();
    json::object stop{{"id", one.id}, {"value", one.value}};
    if (!one.place.empty())
      stop["place"] = one.place;
    if (!one.task_id.empty())
      stop["task_id"] = one.task_id;
    if (one.asked_at != time_point{})
      stop["asked_at"] = to_micros(one.asked_at);
    o["interrupts"].get_array().push_back(std::move(stop));
  }
  if (!t.answers.empty()) {
    json::array answers, places, ids;
    bool any_place = false, any_id = false;
    for (const auto& one : t.answers) {
      answers.push_back(one.value);
      places.emplace_back(one.place);
      ids.emplace_back(one.id);
      any_place = any_place || !one.place.empty();
      any_id = any_id || !one.id.empty();
    }
    o["answers"] = std::move(answers);
    if (any_place)
      o["places"] = std::move(places);
    if (any_id)
      o["answered"] = std::move(ids);
  }
  if (!t.failure.empty())
    o["failure"] = t.failure;
  return o;
}

bool read_control(checkpoint_doc& doc, const json::object& body) {
  const auto& chain = list(body, "chain");
  if (chain.size() == 3) {
    doc.links = chain[0].is_int64() ? static_cast<int>(chain[0].get_int64()) : 0;
    auto number = [](const json::value& v) {
      return v.is_int64()    ? static_cast<std::size_t>(v.get_int64())
             : v.is_uint64() ? static_cast<std::size_t>(v.get_uint64())
                             : std::size_t{0};
    };
    doc.weight = number(chain[1]);
    doc.full_weight = number(chain[2]);
  }
  if (!all_objects(list(body, "next")) || !all_objects(list(body, "pending")))
    return false;
  for (const auto& one : list(body, "next"))
    doc.next.push_back(read_task(one.get_object()));
  for (const auto& one : list(body, "pending"))
    doc.pending.push_back(read_pending(one.get_object()));
  for (const auto& one : list(body, "past"))
    if (const auto* o = one.if_object())
      doc.past.push_back({std::string(string_or(*o, "id")), std::string(string_or(*o, "run_id")),
                          from_micros(int_or(*o, "asked_at")), from_micros(int_or(*o, "until"))});
  const auto& joins = object_or_empty(body, "joins");
  for (const auto& [key, v] : joins)
    doc.joins.emplace(std::string(key), texts(joins, {key.data(), key.size()}));
  return true;
}

} // namespace

json::array planned_task::path() const {
  if (push >= 0)
    return {"__pregel_push", push, false};
  return {"__pregel_pull", name};
}

json::object pending_task::body() const {
  return write_pending(*this);
}

void checkpoint_doc::set_values(const graph_state& state, std::vector<channel_change> changes,
                                const std::string& sole_task_of_parent, bool whole) {
  for (auto& c : changes) {
    const auto& name = state.channels()[c.channel].name;
    if (c.append) {
      weight += json_weight(c.value);
      append[name] = std::make_shared<const json::value>(std::move(c.value));
    } else {
      weight += json_weight(*state.shared(c.channel));
      set[name] = state.shared(c.channel);
    }
  }
  ++links;
  if (!full && !whole && links <= most_links(full_weight) && weight <= full_weight) {
    sole_task = sole_task_of_parent;
    return;
  }
  if (!sole_task_of_parent.empty())
    results[sole_task_of_parent] = changed_values();
  set_whole(state);
}

void checkpoint_doc::set_whole(const graph_state& state) {
  full = true;
  set.clear();
  append.clear();
  full_weight = 2;
  for (std::size_t i = 0; i < state.channels().size(); ++i)
    if (state.written(i)) {
      set[state.channels()[i].name] = state.shared(i);
      full_weight += json_weight(*state.shared(i));
    }
  links = 0;
  weight = 0;
}

json::object checkpoint_doc::changed_values() const {
  json::object all;
  for (const auto* part : {&set, &append})
    for (const auto& [name, v] : *part)
      all[name] = *v;
  return all;
}

result<void> checkpoint_doc::add_ends(const json::array& ends) {
  if (!all_objects(ends))
    return broken(id, "what its tasks came to is malformed");
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < pending.size(); ++i)
    if (pending[i].id != null_task_id)
      places.emplace(pending[i].id, i);
  for (const auto& one : ends) {
    auto task = read_pending(one.get_object());
    auto [place, fresh] = places.emplace(task.id, pending.size());
    if (fresh)
      pending.push_back(std::move(task));
    else
      pending[place->second] = std::move(task);
  }
  return {};
}

json::object checkpoint_doc::metadata() const {
  auto all = base_metadata ? *base_metadata : json::object{};
  all["source"] = source;
  all["step"] = step;
  all["parents"] = parents;
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
  if (!ran.empty())
    doc["ran"] = to_array(ran);
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
  for (const auto& one : past) {
    if (!doc.contains("past"))
      doc["past"].emplace_array();
    json::object question{{"id", one.id},
                          {"run_id", one.run_id},
                          {"asked_at", to_micros(one.asked_at)},
                          {"until", to_micros(one.until)}};
    doc["past"].get_array().push_back(std::move(question));
  }
  if (!hidden.empty())
    doc["hidden"] = to_array(hidden);
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
  doc.parents = object_or_empty(metadata, "parents");
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
  doc.hidden = texts(body, "hidden");
  doc.ran = texts(body, "ran");
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

json::value without(json::value v, const std::vector<std::string>& members) {
  if (auto* all = v.if_object())
    for (const auto& name : members)
      all->erase(name);
  return v;
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
