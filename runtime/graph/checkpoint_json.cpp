#include "runtime/graph/checkpoint_json.hpp"

namespace behalf {
namespace {

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
      t.interrupts.push_back(
        {std::string(string_or(one.get_object(), "id")), one.get_object().at("value")});
  for (const auto& one : list(o, "answers"))
    t.answers.push_back(one);
  t.failure = string_or(o, "failure");
  return t;
}

bool all_objects(const json::array& all) {
  for (const auto& one : all)
    if (!one.is_object())
      return false;
  return true;
}

} // namespace

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
    o["interrupts"].get_array().push_back(json::object{{"id", one.id}, {"value", one.value}});
  }
  if (!t.answers.empty())
    o["answers"] = json::array(t.answers.begin(), t.answers.end());
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
  const auto& joins = object_or_empty(body, "joins");
  for (const auto& [key, v] : joins)
    doc.joins.emplace(std::string(key), texts(joins, {key.data(), key.size()}));
  return true;
}

} // namespace behalf
