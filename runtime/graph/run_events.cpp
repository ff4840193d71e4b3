#include "runtime/graph/run_events.hpp"

#include "runtime/base/json.hpp"
#include "runtime/graph/messages.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

void push(std::vector<loop_event>& out, std::string name, std::string data) {
  out.push_back({std::move(name), std::make_shared<const std::string>(std::move(data))});
}

// `"key":` with the comma before it.
std::string& field(std::string& text, const char* key, char opened = ',') {
  text += opened;
  text += '"';
  text += key;
  text += "\":";
  return text;
}

void append_interrupts(std::string& text, const pending_interrupt* stop, bool with_schema) {
  text += '[';
  if (stop) {
    append_json(field(text, "value", '{'), stop->value);
    append_json_text(field(text, "id"), stop->id);
    if (with_schema)
      field(text, "response_schema") += "null";
    text += '}';
  }
  text += ']';
}

template <class Each>
void append_list(std::string& text, const std::vector<Each>& all, auto one) {
  text += '[';
  for (std::size_t i = 0; i < all.size(); ++i) {
    text += i ? "," : "";
    one(all[i]);
  }
  text += ']';
}

std::string namespace_of(const planned_task& t) {
  return t.name + ':' + t.id;
}

} // namespace

void event_maker::values(std::vector<loop_event>& out, const graph_state& state,
                         const pending_interrupt* stop) const {
  if (!spec_.modes.values)
    return;
  std::string members, text;
  state_view{state, flow_.shown()}.append_members(members);
  text.reserve(members.size() + 2);
  text += '{';
  text += members;
  if (stop)
    append_interrupts(text += members.empty() ? "\"__interrupt__\":" : ",\"__interrupt__\":", stop,
                      true);
  text += '}';
  push(out, "values", std::move(text));
}

void event_maker::static_stop(std::vector<loop_event>& out) const {
  if (spec_.modes.updates)
    push(out, "updates", "{\"__interrupt__\":[]}");
}

void event_maker::task_started(std::vector<loop_event>& out, const event_task& t,
                               const state_view& in) const {
  if (!spec_.modes.tasks && !spec_.modes.debug)
    return;
  std::string text;
  append_json_text(field(text, "id", '{'), t.plan->id);
  append_json_text(field(text, "name"), t.plan->name);
  in.append_text(field(text, "input"));
  append_list(field(text, "triggers"), t.plan->triggers,
              [&](const std::string& one) { append_json_text(text, one); });
  append_json(field(text, "metadata"), spec_.facts->metadata);
  text += '}';
  debug(out, t.step, "task", text);
  if (spec_.modes.tasks)
    push(out, "tasks", std::move(text));
}

void event_maker::append_writes(std::string& out, const channel_writes& writes) const {
  bool any = false;
  for (const auto& w : writes) {
    if (!flow_.shows(w.channel))
      continue;
    out += any ? ',' : '{';
    any = true;
    append_json_text(out, (*flow_.channels())[w.channel].name);
    out += ':';
    append_json(out, w.value);
  }
  out += any ? "}" : "null";
}

void event_maker::task_done(std::vector<loop_event>& out, const event_task& t,
                            const channel_writes& writes, const graph_state& before, bool cached) {
  const auto& modes = spec_.modes;
  if ((modes.messages || modes.messages_tuple) && !cached)
    for (const auto& w : writes)
      if ((*flow_.channels())[w.channel].kind == reducer::messages)
        returned_messages(out, t, w.value, before.find(w.channel));
  if (!modes.updates && !modes.tasks && !modes.debug)
    return;
  std::string written;
  append_writes(written, writes);
  if (modes.updates) {
    std::string text = "{";
    append_json_text(text, t.plan->name);
    text += ':' + written + (cached ? ",\"__metadata__\":{\"cached\":true}}" : "}");
    push(out, "updates", std::move(text));
  }
  if (!cached)
    task_result(out, t, written == "null" ? "{}" : written, nullptr);
}

void event_maker::task_result(std::vector<loop_event>& out, const event_task& t,
                              const std::string& writes, const pending_interrupt* stop) const {
  if (!spec_.modes.tasks && !spec_.modes.debug)
    return;
  std::string text;
  append_json_text(field(text, "id", '{'), t.plan->id);
  append_json_text(field(text, "name"), t.plan->name);
  field(text, "error") += "null";
  field(text, "result") += writes;
  append_interrupts(field(text, "interrupts"), stop, true);
  text += '}';
  debug(out, t.step, "task_result", text);
  if (spec_.modes.tasks)
    push(out, "tasks", std::move(text));
}

void event_maker::task_stopped(std::vector<loop_event>& out, const event_task& t,
                               const graph_state& state, const pending_interrupt& stop) const {
  if (spec_.modes.updates) {
    std::string text;
    append_interrupts(field(text, "__interrupt__", '{'), &stop, true);
    push(out, "updates", std::move(text += '}'));
  }
  values(out, state, &stop);
  task_result(out, t, "{}", &stop);
}

void event_maker::debug(std::vector<loop_event>& out, int64_t step, const char* type,
                        const std::string& payload) const {
  if (!spec_.modes.debug)
    return;
  std::string text;
  field(text, "step", '{') += std::to_string(step);
  append_json_text(field(text, "timestamp"), iso8601(now()));
  append_json_text(field(text, "type"), type);
  field(text, "payload") += payload;
  push(out, "debug", std::move(text += '}'));
}

// --- checkpoints -------------------------------------------------------------------------------

std::string event_maker::config_at(const std::string& checkpoint_id) const {
  auto configurable = spec_.facts->configurable();
  configurable["checkpoint_ns"] = "";
  configurable["checkpoint_id"] = checkpoint_id;
  std::string text;
  append_json(field(text, "configurable", '{'), json::value(std::move(configurable)));
  return text + "}";
}

std::string event_maker::checkpoint_payload(const checkpoint_doc& at,
                                            const graph_state& state) const {
  std::string text;
  field(text, "config", '{') += config_at(at.id);
  field(text, "parent_config") += at.parent_id.empty() ? "null" : config_at(at.parent_id);
  state_view{state, flow_.shown()}.append_text(field(text, "values"));
  append_json(field(text, "metadata"),
              json::value(json::object{
                {"source", at.source}, {"step", at.step}, {"parents", json::object{}}}));
  append_list(field(text, "next"), at.next,
              [&](const planned_task& t) { append_json_text(text, t.name); });
  append_list(field(text, "tasks"), at.next, [&](const planned_task& t) {
    append_json_text(field(text, "id", '{'), t.id);
    append_json_text(field(text, "name"), t.name);
    auto stop = std::find_if(at.pending.begin(), at.pending.end(), [&](const pending_task& p) {
      return p.id == t.id && !p.interrupts.empty();
    });
    append_interrupts(field(text, "interrupts"),
                      stop == at.pending.end() ? nullptr : &stop->interrupts.front(), false);
    field(text, "state") += "null}";
  });
  return text + "}";
}

void event_maker::checkpoint(std::vector<loop_event>& out, const checkpoint_doc& at,
                             const graph_state& state) const {
  if (!spec_.checkpointing || (!spec_.modes.checkpoints && !spec_.modes.debug))
    return;
  auto payload = checkpoint_payload(at, state);
  if (spec_.modes.debug) {
    auto place = [&](const std::string& id) {
      return dump(json::object{
        {"thread_id", spec_.facts->thread_id}, {"checkpoint_ns", ""}, {"checkpoint_id", id}});
    };
    auto whole = payload.substr(0, payload.size() - 1);
    field(whole, "checkpoint") += place(at.id);
    field(whole, "parent_checkpoint") += at.parent_id.empty() ? "null" : place(at.parent_id);
    debug(out, at.step, "checkpoint", whole + "}");
  }
  if (spec_.modes.checkpoints)
    push(out, "checkpoints", std::move(payload));
}

// --- messages and what nodes write themselves --------------------------------------------------

std::string event_maker::message_metadata(const event_task& t) const {
  auto all = spec_.facts->metadata;
  json::array triggers(t.plan->triggers.begin(), t.plan->triggers.end());
  all["langgraph_step"] = t.step;
  all["langgraph_node"] = t.plan->name;
  all["langgraph_triggers"] = std::move(triggers);
  all["langgraph_path"] = t.plan->path();
  all["langgraph_checkpoint_ns"] = namespace_of(*t.plan);
  all["checkpoint_ns"] = namespace_of(*t.plan);
  return dump(all);
}

void event_maker::returned_messages(std::vector<loop_event>& out, const event_task& t,
                                    const json::value& returned, const json::value* known) {
  if (!returned.is_array())
    return;
  auto id_of = [](const json::value& m) {
    return m.is_object() ? string_or(m.get_object(), "id") : std::string_view{};
  };
  std::set<std::string_view> fresh; // ids that are not known, found in one walk through each list
  for (const auto& m : returned.get_array())
    fresh.insert(id_of(m));
  if (known && known->is_array())
    for (const auto& m : known->get_array())
      fresh.erase(id_of(m));
  for (const auto& m : returned.get_array())
    if (fresh.contains(id_of(m)))
      message(out, t, m);
}

void event_maker::message(std::vector<loop_event>& out, const event_task& t, const json::value& m) {
  auto id = m.is_object() ? string_or(m.get_object(), "id") : std::string_view{};
  if (id.empty() || string_or(m.get_object(), "type") == "remove" || streamed_.contains(id))
    return;
  streamed_.emplace(id, std::string{});
  if (spec_.modes.messages_tuple)
    return push(out, "messages", '[' + dump(m) + ',' + message_metadata(t) + ']');
  push(out, "messages/metadata",
       dump(json::object{
         {json::string_view{id.data(), id.size()},
          json::object{{"metadata", parse_stored_json(message_metadata(t)).value()}}}}));
  push(out, "messages/complete", '[' + dump(m) + ']');
}

void event_maker::chunk(std::vector<loop_event>& out, const event_task& t,
                        const json::value& data) {
  auto id = data.is_object() ? string_or(data.get_object(), "id") : std::string_view{};
  if (id.empty() || (!spec_.modes.messages && !spec_.modes.messages_tuple))
    return;
  auto [at, fresh] = streamed_.try_emplace(std::string(id));
  if (spec_.modes.messages_tuple)
    return push(out, "messages", '[' + dump(data) + ',' + message_metadata(t) + ']');
  if (fresh)
    push(
      out, "messages/metadata",
      dump(json::object{
        {at->first, json::object{{"metadata", parse_stored_json(message_metadata(t)).value()}}}}));
  at->second += flow::message_text(data);
  auto whole = to_message(data);
  if (!whole)
    return;
  whole->get_object()["content"] = at->second;
  push(out, "messages/partial", '[' + dump(*whole) + ']');
}

void event_maker::custom(std::vector<loop_event>& out, const json::value& data) const {
  if (spec_.modes.custom)
    push(out, "custom", dump(data));
}

void event_maker::failed(std::vector<loop_event>& out, const std::string& kind,
                         const std::string& text) const {
  push(out, "error", dump(json::object{{"error", kind}, {"message", text}}));
}

} // namespace behalf
