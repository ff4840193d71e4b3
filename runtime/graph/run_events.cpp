#include "runtime/graph/run_events.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/messages.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace behalf {
namespace {

void push_plain(std::vector<loop_event>& out, std::string name, std::string data) {
  out.push_back({std::move(name), std::make_shared<const std::string>(std::move(data))});
}

void write_interrupts(json_writer& to, const std::vector<pending_interrupt>& stops,
                      bool with_schema = true) {
  to.array();
  for (const auto& stop : stops) {
    to.object().member("value", stop.value).member("id", stop.id);
    if (with_schema)
      to.member("response_schema", nullptr);
    to.end();
  }
  to.end();
}

constexpr std::size_t shortest_chunk = 320; // its JSON, with a token or two

std::string failure_text(const std::string& kind, const std::string& text) {
  return dump(json::object{{"error", kind}, {"message", text}});
}

} // namespace

// "values", of a graph inside another "values|child:<task id>".
void event_maker::push(std::vector<loop_event>& out, const char* mode, std::string data) const {
  push_plain(out, spec_.is_inner() ? std::string(mode) + '|' + spec_.place.ns : mode,
             std::move(data));
}

// Of a task, as of what runs inside it.
std::string event_maker::inner_ns(const planned_task& t) const {
  return (spec_.is_inner() ? spec_.place.ns + '|' : "") + t.name + ':' + t.id;
}

void event_maker::values(std::vector<loop_event>& out, const graph_state& state,
                         const std::vector<pending_interrupt>& stops) const {
  if (!spec_.modes.values)
    return;
  json_writer text;
  text.object();
  state_view{state, flow_.shown()}.write_members(text);
  if (!stops.empty())
    write_interrupts(text.key("__interrupt__"), stops);
  push(out, "values", text.take());
}

// The run's own graph tells it for all.
void event_maker::static_stop(std::vector<loop_event>& out) const {
  if (spec_.modes.updates && !spec_.is_inner())
    push(out, "updates", R"({"__interrupt__":[]})");
}

void event_maker::task_started(std::vector<loop_event>& out, const event_task& t,
                               const node_definition& what, const state_view& all) const {
  if (!spec_.modes.tasks && !spec_.modes.debug)
    return;
  json_writer text;
  text.object().member("id", t.plan->id).member("name", t.plan->name);
  text.raw_member("input", task_input(t, what, all));
  text.member("triggers", t.plan->triggers).member("metadata", spec_.facts->metadata);
  task_event(out, t, "task", text.take());
}

std::string event_maker::task_input(const event_task& t, const node_definition& what,
                                    const state_view& all) const {
  json_writer text;
  if (t.plan->sent)
    text.value(without(*t.plan->sent, flow_.hidden()));
  else
    all.only(what.shown).write(text);
  return text.take();
}

void event_maker::node_called(std::vector<loop_event>& out, const event_task& t,
                              const node_definition& what, const state_view& all) const {
  if (chain_.wanted())
    chain_.task_started(out, t, task_input(t, what, all));
}

void event_maker::tell_chain(std::vector<loop_event>& out, const event_task& t,
                             const channel_writes& writes, const graph_state& before) {
  const auto* what = flow_.find(t.plan->name);
  if (!chain_.wanted() || !what)
    return;
  for (const auto& w : writes)
    if ((*flow_.channels())[w.channel].kind == reducer::messages && w.value.is_array())
      for (const auto& m : w.value.get_array())
        if (m.is_object())
          chain_.message_returned(out, t, m.get_object());
  chain_.task_done(out, t, task_input(t, *what, state_view{before}), shown_writes(writes));
}

// Null where nothing of it is shown.
std::string event_maker::shown_writes(const channel_writes& writes) const {
  json_writer text;
  bool any = false;
  for (const auto& w : writes) {
    if (!flow_.shows(w.channel))
      continue;
    if (!std::exchange(any, true))
      text.object();
    text.member((*flow_.channels())[w.channel].name, w.value);
  }
  return any ? text.take() : "null";
}

void event_maker::task_done(std::vector<loop_event>& out, const event_task& t,
                            const channel_writes& writes, const graph_state& before, bool cached) {
  const auto& modes = spec_.modes;
  if (!cached)
    tell_chain(out, t, writes, before);
  if ((modes.messages || modes.messages_tuple) && !cached)
    for (const auto& w : writes)
      if ((*flow_.channels())[w.channel].kind == reducer::messages && !flow_.hides(w.channel))
        returned_messages(out, t, w.value, before.find(w.channel));
  if (!modes.updates && !modes.tasks && !modes.debug)
    return;
  const auto written = shown_writes(writes);
  if (modes.updates) {
    json_writer text;
    text.object().raw_member(t.plan->name, written);
    if (cached)
      text.key("__metadata__").object().member("cached", true);
    push(out, "updates", text.take());
  }
  if (!cached)
    task_result(out, t, written == "null" ? "{}" : written, {});
}

void event_maker::task_result(std::vector<loop_event>& out, const event_task& t,
                              const std::string& writes,
                              const std::vector<pending_interrupt>& stops,
                              const std::string& failure) const {
  if (!spec_.modes.tasks && !spec_.modes.debug)
    return;
  json_writer text;
  text.object().member("id", t.plan->id).member("name", t.plan->name).raw_member("error", failure);
  write_interrupts(text.raw_member("result", writes).key("interrupts"), stops);
  task_event(out, t, "task_result", text.take());
}

void event_maker::task_stopped(std::vector<loop_event>& out, const event_task& t,
                               const graph_state& state,
                               const std::vector<pending_interrupt>& stops) const {
  if (spec_.modes.updates) {
    json_writer text;
    write_interrupts(text.object().key("__interrupt__"), stops);
    push(out, "updates", text.take());
  }
  values(out, state, stops);
  task_result(out, t, "{}", stops);
}

void event_maker::task_failed(std::vector<loop_event>& out, const event_task& t,
                              const std::string& kind, const std::string& text) const {
  task_result(out, t, "{}", {}, failure_text(kind, text));
}

void event_maker::task_event(std::vector<loop_event>& out, const event_task& t, const char* type,
                             const std::string& payload) const {
  if (spec_.modes.tasks)
    push(out, "tasks", payload);
  debug(out, t.step, type, payload);
}

void event_maker::debug(std::vector<loop_event>& out, int64_t step, const char* type,
                        const std::string& payload) const {
  if (!spec_.modes.debug)
    return;
  json_writer text;
  text.object().member("step", step).member("timestamp", iso8601(now())).member("type", type);
  push(out, "debug", text.raw_member("payload", payload).take());
}

// --- checkpoints -------------------------------------------------------------------------------

// Of a graph inside another with the checkpoints of those around it, too.
json::object event_maker::place_of(const std::string& checkpoint_id) const {
  json::object place{{"checkpoint_ns", spec_.place.ns}, {"checkpoint_id", checkpoint_id}};
  if (!spec_.is_inner())
    return place;
  auto& map = place["checkpoint_map"].emplace_object() = spec_.place.parents;
  map[spec_.place.ns] = checkpoint_id;
  return place;
}

std::string event_maker::config_at(const std::string& checkpoint_id) const {
  auto configurable = spec_.facts->configurable();
  for (auto& [key, v] : place_of(checkpoint_id))
    configurable[key] = std::move(v);
  return dump(json::object{{"configurable", std::move(configurable)}});
}

// An object, still open: debug events say more.
json_writer event_maker::checkpoint_payload(const checkpoint_doc& at, const graph_state& state,
                                            bool for_debug) const {
  json_writer text;
  text.object().raw_member("config", config_at(at.id));
  text.raw_member("parent_config", at.parent_id.empty() ? "null" : config_at(at.parent_id));
  state_view{state, flow_.shown()}.write(text.key("values"));
  text.member("metadata",
              json::object{{"source", at.source}, {"step", at.step}, {"parents", at.parents}});
  text.key("next").array();
  for (const auto& t : at.next)
    text.value(t.name);
  text.end().key("tasks").array();
  for (const auto& t : at.next) {
    auto stop = std::find_if(at.pending.begin(), at.pending.end(), [&](const pending_task& p) {
      return p.id == t.id && !p.interrupts.empty();
    });
    text.object().member("id", t.id).member("name", t.name).key("interrupts");
    write_interrupts(
      text, stop == at.pending.end() ? std::vector<pending_interrupt>{} : stop->interrupts, false);
    const auto* what = flow_.find(t.name);
    if (!what || !what->keeps_inner())
      text.member("state", nullptr).end();
    else if (json::object inner{{"thread_id", spec_.facts->thread_id},
                                {"checkpoint_ns", inner_ns(t)}};
             for_debug)
      text.member("checkpoint", inner).end();
    else
      text.member("state", json::object{{"configurable", std::move(inner)}}).end();
  }
  text.end();
  return text;
}

void event_maker::checkpoint(std::vector<loop_event>& out, const checkpoint_doc& at,
                             const graph_state& state) const {
  if (!spec_.checkpointing)
    return;
  if (spec_.modes.checkpoints)
    push(out, "checkpoints", checkpoint_payload(at, state, false).take());
  if (!spec_.modes.debug)
    return;
  auto place = [&](const std::string& id) {
    auto at = place_of(id);
    at["thread_id"] = spec_.facts->thread_id;
    return id.empty() ? json::value(nullptr) : json::value(std::move(at));
  };
  auto whole = checkpoint_payload(at, state, true);
  whole.member("checkpoint", place(at.id)).member("parent_checkpoint", place(at.parent_id));
  debug(out, at.step, "checkpoint", whole.take());
}

// --- messages and what nodes write themselves --------------------------------------------------

std::string event_maker::message_metadata(const event_task& t,
                                          const json::object* of_message) const {
  auto all = spec_.facts->metadata;
  if (of_message)
    for (const auto& [key, value] : *of_message)
      all[key] = value;
  json::array triggers(t.plan->triggers.begin(), t.plan->triggers.end());
  all["langgraph_step"] = t.step;
  all["langgraph_node"] = t.plan->name;
  all["langgraph_triggers"] = std::move(triggers);
  all["langgraph_path"] = t.plan->path();
  all["langgraph_checkpoint_ns"] = inner_ns(*t.plan);
  all["checkpoint_ns"] = spec_.is_inner() ? spec_.place.ns : inner_ns(*t.plan);
  return dump(all);
}

const std::string&
event_maker::chunk_metadata(const event_task& t,
                            const std::shared_ptr<const json::object>& of_message) {
  if (chunk_.text.empty() || chunk_.task_id != t.plan->id || chunk_.of_message != of_message)
    chunk_ = {t.plan->id, message_metadata(t, of_message.get()), of_message};
  return chunk_.text;
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
  if (id.empty() || string_or(m.get_object(), "type") == "remove" || spec_.streamed->contains(id))
    return;
  spec_.streamed->emplace(id, std::string{});
  if (spec_.modes.messages_tuple)
    return push(out, "messages", '[' + dump(m) + ',' + message_metadata(t) + ']');
  push_plain(out, "messages/metadata",
             dump(json::object{
               {json::string_view{id.data(), id.size()},
                json::object{{"metadata", parse_stored_json(message_metadata(t)).value()}}}}));
  push_plain(out, "messages/complete", '[' + dump(m) + ']');
}

void event_maker::chunk(std::vector<loop_event>& out, const event_task& t,
                        const stream_item& part) {
  const bool told = spec_.modes.messages || spec_.modes.messages_tuple;
  if (!told && !chain_.wanted())
    return;
  if (part.like)
    return plain_chunk(out, t, part);
  if (part.data.is_object() && string_or(part.data.get_object(), "type") == "remove")
    return taken_back(out, t, part);
  json::value made;
  if (!is_chunk(part.data)) {
    auto completed = to_chunk(part.data, streamed_message_id(t.plan->id));
    if (!completed)
      return;
    made = std::move(*completed);
  }
  const auto& complete = made.is_null() ? part.data : made;
  chain_.chunk(out, t, complete.get_object());
  if (!told)
    return;
  auto [at, fresh] =
    spec_.streamed->try_emplace(std::string(string_or(complete.get_object(), "id")));
  const auto& metadata = chunk_metadata(t, part.metadata);
  if (spec_.modes.messages_tuple) {
    std::string text;
    text.reserve(metadata.size() + shortest_chunk);
    text += '[';
    append_json(text, complete);
    return push(out, "messages", text.append(1, ',').append(metadata).append(1, ']'));
  }
  if (fresh)
    push_plain(out, "messages/metadata",
               dump(json::object{
                 {at->first, json::object{{"metadata", parse_stored_json(metadata).value()}}}}));
  at->second += text_of(complete);
  auto whole = to_message(complete);
  if (!whole)
    return;
  whole->get_object()["content"] = at->second;
  push_plain(out, "messages/partial", '[' + dump(*whole) + ']');
}

// Of the same form as those before it, most of which is written once.
void event_maker::plain_chunk(std::vector<loop_event>& out, const event_task& t,
                              const stream_item& part) {
  if (!spec_.modes.messages_tuple || chain_.wanted()) {
    auto whole = *part.like;
    whole["content"] = part.data;
    return chunk(out, t, {part.type, std::move(whole), part.metadata});
  }
  constexpr std::string_view empty = R"({"content":"")";
  if (chunk_.like != part.like || chunk_.task_id != t.plan->id) {
    const auto& metadata = chunk_metadata(t, part.metadata);
    chunk_.ending = dump(*part.like).substr(empty.size()) + ',' + metadata + ']';
    chunk_.like = part.like;
    std::string{}.swap(chunk_.text); // it is in the ending: an answer may be read for minutes
    spec_.streamed->try_emplace(std::string(string_or(*part.like, "id")));
  }
  const auto& given = part.data.get_string();
  const std::string_view content(given.data(), given.size());
  std::string text;
  text.reserve(empty.size() + content.size() + content.size() / 8 + chunk_.ending.size() + 8);
  text += '[';
  text += empty.substr(0, empty.size() - 2);
  append_json_text(text, content);
  push(out, "messages", text.append(chunk_.ending));
}

// Of a message that was shown in part and will not be.
void event_maker::taken_back(std::vector<loop_event>& out, const event_task& t,
                             const stream_item& part) {
  spec_.streamed->erase(std::string(string_or(part.data.get_object(), "id")));
  if (spec_.modes.messages_tuple)
    push(out, "messages", '[' + dump(part.data) + ',' + chunk_metadata(t, part.metadata) + ']');
}

void event_maker::custom(std::vector<loop_event>& out, const json::value& data) const {
  if (spec_.modes.custom)
    push(out, "custom", dump(data));
}

void event_maker::failed(std::vector<loop_event>& out, const std::string& kind,
                         const std::string& text) const {
  if (!spec_.is_inner()) // else its task's failure tells
    push(out, "error", failure_text(kind, text));
}

} // namespace behalf
