#include "runtime/graph/protocol_events.hpp"

#include "runtime/base/json_writer.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr char separator = '\n'; // in an address: node names and ids have none

int64_t to_millis(time_point t) {
  return to_micros(t) / 1000;
}

std::vector<std::string_view> segments_of(std::string_view ns) {
  std::vector<std::string_view> all;
  while (!ns.empty()) {
    const auto bar = std::min(ns.find('|'), ns.size());
    all.push_back(ns.substr(0, bar));
    ns.remove_prefix(std::min(bar + 1, ns.size()));
  }
  return all;
}

// A segment without `:` stands for every task of that node.
bool is_at(std::string_view segment, std::string_view wanted) {
  return segment == wanted
         || (wanted.find(':') == wanted.npos && segment.substr(0, segment.find(':')) == wanted);
}

bool is_below(const std::vector<std::string_view>& place, const std::vector<std::string>& prefix) {
  return prefix.size() <= place.size()
         && std::equal(prefix.begin(), prefix.end(), place.begin(),
                       [](const auto& wanted, auto segment) { return is_at(segment, wanted); });
}

void write_namespace(json_writer& to, std::string_view ns) {
  to.key("namespace").array();
  for (auto segment : segments_of(ns))
    to.value(segment);
  to.end();
}

bool is_message(const json::value& v) {
  if (!v.is_object())
    return false;
  const auto* type = v.get_object().if_contains("type");
  return type && type->is_string() && v.get_object().contains("content");
}

bool says_nothing(const json::value& v) {
  return v.is_null() || (v.is_array() && v.get_array().empty())
         || (v.is_object() && v.get_object().empty());
}

// What a message says, without the members that say nothing.
json::object compact(const json::object& message) {
  json::object shown;
  for (const char* key : {"type", "content", "id"})
    if (const auto* v = message.if_contains(key); v && !v->is_null())
      shown[key] = *v;
  for (const auto& [key, v] : message)
    if (!shown.contains(key) && !says_nothing(v))
      shown[key] = v;
  return shown;
}

void compact_messages(json::object& state) {
  for (auto& member : state)
    if (member.value().is_array())
      for (auto& one : member.value().get_array())
        if (is_message(one))
          one = compact(one.get_object());
}

std::string event_id(time_point at, int64_t seq) {
  return std::to_string(to_millis(at)) + '-' + std::to_string(seq);
}

std::string_view last_segment(std::string_view ns) {
  return ns.substr(ns.rfind('|') + 1); // npos + 1 is 0
}

} // namespace

const std::set<std::string, std::less<>>& protocol_channels() {
  static const std::set<std::string, std::less<>> all{"checkpoints", "custom",   "input",
                                                      "lifecycle",   "messages", "tasks",
                                                      "tools",       "updates",  "values"};
  return all;
}

std::string_view protocol_method(std::string_view address) {
  const auto channel = address.substr(0, address.find(separator));
  if (channel == "input")
    return "input.requested";
  return channel.starts_with("custom:") ? "custom" : channel;
}

bool protocol_filter::wants(std::string_view address) const {
  const auto end = std::min(address.find(separator), address.size());
  const auto channel = address.substr(0, end);
  if (!channels.contains(channel)
      && !(channel.starts_with("custom:") && channels.contains("custom")))
    return false;
  if (namespaces.empty() && !depth)
    return true;
  const auto place = segments_of(address.substr(std::min(end + 1, address.size())));
  if (namespaces.empty())
    return place.size() <= *depth;
  return std::any_of(namespaces.begin(), namespaces.end(), [&](const auto& prefix) {
    return is_below(place, prefix) && (!depth || place.size() - prefix.size() <= *depth);
  });
}

// --- frames ------------------------------------------------------------------------------------

void protocol_events::put(std::string_view channel, std::string_view ns, std::string_view data,
                          std::string_view node, std::string id) {
  ++seq_;
  protocol_event e;
  e.address.append(channel).push_back(separator);
  e.address.append(ns);
  json_writer text;
  text.reserve(data.size() + 192);
  text.object().member("type", "event");
  text.member("event_id", id.empty() ? event_id(at_, seq_) : id).member("seq", seq_);
  text.member("method", protocol_method(e.address)).key("params").object();
  write_namespace(text, ns);
  text.member("timestamp", to_millis(at_));
  if (!node.empty())
    text.member("node", node);
  text.raw_member("data", data);
  e.text = text.take();
  out_.push_back(std::move(e));
}

// --- runs and subgraphs ------------------------------------------------------------------------

void protocol_events::lifecycle(std::string_view ns, std::string_view event,
                                std::string_view failure) {
  json_writer data;
  const auto segment = last_segment(ns);
  const auto name =
    ns.empty() ? std::string_view{graph_name_} : segment.substr(0, segment.find(':'));
  data.object().member("event", event);
  if (event == "started")
    write_namespace(data, ns);
  data.member("graph_name", name);
  if (event == "started" && segment.find(':') != segment.npos)
    data.member("trigger_call_id", segment.substr(segment.find(':') + 1));
  if (!failure.empty())
    data.member("error", failure);
  put("lifecycle", ns, data.take(), {},
      "synth:" + run_id_ + ":lc|" + std::string(ns) + '|' + std::string(event));
}

// A subgraph is known by the first event from within it.
void protocol_events::discover(std::string_view ns) {
  for (std::size_t at = 0; at < ns.size();) {
    const auto end = std::min(ns.find('|', at), ns.size());
    const auto segment = ns.substr(at, end - at);
    const auto task = segment.substr(std::min(segment.find(':') + 1, segment.size()));
    if (!children_.contains(task)) {
      const auto path = ns.substr(0, end);
      children_.emplace(std::string(task), std::string(path));
      lifecycle(path, "started");
    }
    at = end + 1;
  }
}

// The subgraph at `ns` has ended, and those within it: the deepest first.
void protocol_events::settle(std::string_view ns, std::string_view event,
                             std::string_view failure) {
  std::vector<std::string> ended;
  std::erase_if(children_, [&](auto& child) {
    const std::string_view path = child.second;
    const bool within =
      path == ns || ns.empty() || (path.starts_with(ns) && path.substr(ns.size()).starts_with('|'));
    if (within)
      ended.push_back(std::move(child.second));
    return within;
  });
  std::sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) {
    return std::pair{b.size(), std::string_view{a}} < std::pair{a.size(), std::string_view{b}};
  });
  for (const auto& path : ended)
    lifecycle(path, event, failure);
}

// --- the forms of a run's events ---------------------------------------------------------------

std::vector<protocol_event> protocol_events::next(std::string_view name, const std::string& data,
                                                  time_point at) {
  at_ = at;
  const auto bar = std::min(name.find('|'), name.size());
  const auto mode = name.substr(0, bar);
  const auto ns = name.substr(std::min(bar + 1, name.size()));
  if (held_ && (mode != "checkpoints" || ns != held_->ns))
    release_values();
  discover(ns);
  if (mode == "metadata")
    lifecycle({}, "running");
  else if (mode == "values")
    values(ns, data);
  else if (mode == "updates")
    updates(ns, data);
  else if (mode == "tasks")
    tasks(ns, data);
  else if (mode == "custom")
    custom(ns, data);
  else if (mode == "checkpoints")
    checkpoint(ns, data);
  else if (mode == "messages")
    messages(ns, data);
  else if (mode == "error")
    if (auto why = parse_stored_json(data); why && why->is_object())
      failure_ = string_or(why->get_object(), "message");
  return std::exchange(out_, {});
}

std::vector<protocol_event> protocol_events::end(std::string_view status, const json::value& result,
                                                 time_point at) {
  at_ = at;
  release_values();
  finish_all({}, {});
  if (result.is_object())
    if (const auto* stops = result.get_object().if_contains("__interrupt__"))
      note_interrupts({}, *stops);
  const auto failed = status == "error" || status == "timeout";
  const auto stopped = paused_ || status == "interrupted";
  if (!failed)
    for (const auto& id : interrupt_order_) {
      const auto& [ns, value] = interrupts_.at(id);
      json_writer text;
      text.object().member("interrupt_id", id).member("payload", value);
      text.member("value", value); // the Python SDK's word for it
      put("input", ns, text.take(), {}, "synth:" + run_id_ + ":input|" + ns + '|' + id);
    }
  if (failed && failure_.empty())
    failure_ = "The run took longer than the server allows";
  const auto event = failed ? "failed" : stopped ? "interrupted" : "completed";
  settle({}, event, failed ? failure_ : std::string{});
  lifecycle({}, event, failed ? failure_ : std::string{});
  return std::exchange(out_, {});
}

std::vector<protocol_event> protocol_events::rest(time_point at) {
  at_ = at;
  release_values();
  return std::exchange(out_, {});
}

void protocol_events::note_interrupts(std::string_view ns, const json::value& list) {
  paused_ = true;
  if (!list.is_array())
    return;
  for (const auto& one : list.get_array()) {
    if (!one.is_object())
      continue;
    const auto& stop = one.get_object();
    const std::string id{string_or(stop, "id")};
    const auto* value = stop.if_contains("value");
    // The same stop is told at every level: the first is where it happened.
    if (!id.empty() && interrupts_.try_emplace(id, ns, value ? *value : json::value{}).second)
      interrupt_order_.push_back(id);
  }
}

void protocol_events::values(std::string_view ns, const std::string& data) {
  auto state = parse_stored_json(data);
  if (!state || !state->is_object())
    return put("values", ns, data);
  auto& members = state->get_object();
  if (const auto* stops = members.if_contains("__interrupt__")) {
    note_interrupts(ns, *stops);
    members.erase("__interrupt__");
    compact_messages(members);
    return put("values", ns, dump(*state)); // no checkpoint follows
  }
  compact_messages(members);
  held_ = held_values{std::string(ns), dump(*state)};
}

void protocol_events::release_values() {
  if (const auto held = std::exchange(held_, std::nullopt))
    put("values", held->ns, held->data);
}

void protocol_events::updates(std::string_view ns, const std::string& data) {
  if (!data.starts_with(R"({"__interrupt__")"))
    return put("updates", ns, data);
  if (auto stop = parse_stored_json(data); stop && stop->is_object())
    note_interrupts(ns, stop->get_object().at("__interrupt__"));
}

void protocol_events::tasks(std::string_view ns, const std::string& data) {
  put("tasks", ns, data);
  if (children_.empty() && open_.empty())
    return;
  auto parsed = parse_stored_json(data);
  if (!parsed || !parsed->is_object() || !parsed->get_object().contains("result"))
    return;
  const auto& result = parsed->get_object();
  finish_all(ns, string_or(result, "name"));
  const auto child = children_.find(string_or(result, "id"));
  if (child == children_.end())
    return;
  const auto path = child->second;
  const auto* failure = result.if_contains("error");
  const auto* stops = result.if_contains("interrupts");
  if (failure && !failure->is_null())
    settle(path, "failed",
           failure->is_object() ? std::string(string_or(failure->get_object(), "message"))
                                : dump(*failure));
  else
    settle(path, stops && !says_nothing(*stops) ? "interrupted" : "completed");
}

void protocol_events::custom(std::string_view ns, const std::string& data) {
  std::string channel = "custom";
  if (data.starts_with('{'))
    if (auto parsed = parse_stored_json(data); parsed && parsed->is_object())
      if (auto name = string_or(parsed->get_object(), "name");
          !name.empty() && name.find(separator) == name.npos)
        channel.append(":").append(name);
  put(channel, ns, data);
}

// Only what tells checkpoints apart: the state is in the values.
void protocol_events::checkpoint(std::string_view ns, const std::string& data) {
  auto parsed = parse_stored_json(data);
  if (!parsed || !parsed->is_object())
    return;
  const auto& all = parsed->get_object();
  const auto id_in = [&](std::string_view key) {
    return string_or(object_or_empty(object_or_empty(all, key), "configurable"), "checkpoint_id");
  };
  const auto& metadata = object_or_empty(all, "metadata");
  json_writer text;
  text.object().member("id", id_in("config"));
  if (const auto parent = id_in("parent_config"); !parent.empty())
    text.member("parent_id", parent);
  text.member("step", int_or(metadata, "step", 0)).member("source", string_or(metadata, "source"));
  put("checkpoints", ns, text.take());
  release_values();
}

// --- messages ----------------------------------------------------------------------------------

void protocol_events::messages(std::string_view ns, const std::string& data) {
  auto parsed = parse_stored_json(data);
  if (!parsed || !parsed->is_array() || parsed->get_array().size() != 2)
    return;
  const auto& pair = parsed->get_array();
  if (!pair[0].is_object() || !pair[1].is_object())
    return; // `messages/partial` and its kind: the clients that ask for it do not speak this
  const auto& said = pair[0].get_object();
  const auto& about = pair[1].get_object();
  if (string_or(said, "type").ends_with("MessageChunk"))
    chunk(ns, said, about);
  else
    tools(ns, said, string_or(about, "langgraph_node"));
}

// A message that asks for tools starts them, the answer of a tool ends it.
void protocol_events::tools(std::string_view ns, const json::object& whole, std::string_view node) {
  const auto* calls = whole.if_contains("tool_calls");
  if (calls && calls->is_array())
    for (const auto& call : calls->get_array())
      if (call.is_object()) {
        const auto* args = call.get_object().if_contains("args");
        tool_started(ns, string_or(call.get_object(), "id"), string_or(call.get_object(), "name"),
                     args ? *args : json::value{}, node);
      }
  const auto id = string_or(whole, "tool_call_id");
  if (string_or(whole, "type") != "tool" || id.empty())
    return;
  const auto* content = whole.if_contains("content");
  const auto failed = string_or(whole, "status") == "error";
  json_writer text;
  text.object().member("event", failed ? "tool-error" : "tool-finished").member("tool_call_id", id);
  const auto what = content ? *content : json::value{};
  if (failed)
    text.member("message", what.is_string() ? std::string(what.get_string()) : dump(what));
  else
    text.member("output", what);
  put("tools", ns, text.take(), node);
}

void protocol_events::tool_started(std::string_view ns, std::string_view id, std::string_view name,
                                   const json::value& input, std::string_view node) {
  if (id.empty() || !tool_calls_.emplace(id).second)
    return;
  json_writer text;
  text.object().member("event", "tool-started").member("tool_call_id", id);
  text.member("tool_name", name).member("input", input);
  put("tools", ns, text.take(), node);
}

void protocol_events::say(const message& m, std::string_view event, json::object data) {
  json_writer text;
  text.object().member("event", event);
  if (event != "message-start")
    text.member("message_id", m.id);
  for (const auto& member : data)
    text.member({member.key().data(), member.key().size()}, member.value());
  put("messages", m.ns, text.take(), m.node);
}

void protocol_events::open_block(message& m, std::string_view type, json::object content) {
  close_block(m);
  m.blocks.push_back({std::string(type), {}, {}, {}});
  say(m, "content-block-start", {{"index", m.blocks.size() - 1}, {"content", std::move(content)}});
}

// Text and reasoning go on in the block that is open, if it is of their kind.
void protocol_events::add_text(message& m, std::string_view type, std::string_view text) {
  if (text.empty())
    return;
  if (m.blocks.empty() || m.blocks.back().type != type)
    open_block(m, type, {{"type", type}, {type, ""}});
  m.blocks.back().text += text;
  say(m, "content-block-delta",
      {{"index", m.blocks.size() - 1},
       {"delta", {{"type", std::string(type) + "-delta"}, {type, text}}}});
}

// A part of a tool call. Readers merge its fields into the block, so the arguments are whole.
void protocol_events::add_call(message& m, const json::object& part) {
  const auto id = string_or(part, "id");
  const bool fresh = m.blocks.empty() || m.blocks.back().type != "tool_call_chunk"
                     || (!id.empty() && id != m.blocks.back().id);
  if (fresh) {
    const auto name = string_or(part, "name");
    open_block(m, "tool_call_chunk",
               {{"type", "tool_call_chunk"}, {"id", id}, {"name", name}, {"args", ""}});
    m.blocks.back().id = id;
    m.blocks.back().name = name;
  }
  auto& open = m.blocks.back();
  const auto args = string_or(part, "args");
  if (args.empty())
    return;
  open.text += args;
  say(
    m, "content-block-delta",
    {{"index", m.blocks.size() - 1},
     {"delta", {{"type", "block-delta"}, {"fields", {{"type", open.type}, {"args", open.text}}}}}});
}

void protocol_events::close_block(message& m) {
  if (m.blocks.empty() || m.blocks.back().type.empty())
    return;
  auto done = std::exchange(m.blocks.back(), block{});
  json::object content{{"type", done.type}};
  if (done.type == "tool_call_chunk") {
    auto args = parse_stored_json(done.text.empty() ? "{}" : done.text);
    const bool whole = args && args->is_object();
    content["type"] = whole ? "tool_call" : "invalid_tool_call";
    content["id"] = done.id;
    content["name"] = done.name;
    content["args"] = whole ? *args : json::value(done.text);
    if (whole)
      tool_started(m.ns, done.id, done.name, *args, m.node);
  } else {
    content[done.type] = done.text;
  }
  say(m, "content-block-finish", {{"index", m.blocks.size() - 1}, {"content", std::move(content)}});
}

void protocol_events::finish(message& m) {
  close_block(m);
  json::object data;
  if (!m.usage.is_null())
    data["usage"] = m.usage;
  say(m, "message-finish", std::move(data));
}

// Messages whose last part nobody marked end with their node.
void protocol_events::finish_all(std::string_view ns, std::string_view node) {
  for (auto at = open_.begin(); at != open_.end();) {
    auto& m = at->second;
    if (!node.empty() && (m.ns != ns || m.node != node)) {
      ++at;
      continue;
    }
    finish(m);
    at = open_.erase(at);
  }
}

void protocol_events::chunk(std::string_view ns, const json::object& part,
                            const json::object& about) {
  const auto id = string_or(part, "id");
  const auto* content = part.if_contains("content");
  auto at = open_.find(id);
  if (at == open_.end()) {
    const auto node = string_or(about, "langgraph_node");
    at = open_
           .emplace(std::string(id),
                    message{std::string(ns), std::string(node), std::string(id), {}, nullptr})
           .first;
    say(at->second, "message-start",
        {{"role", "ai"}, {"id", id}, {"metadata", {{"langgraph_node", node}}}});
  }
  auto& m = at->second;
  if (content && content->is_string())
    add_text(m, "text", {content->get_string().data(), content->get_string().size()});
  if (content && content->is_array())
    for (const auto& one : content->get_array())
      if (one.is_object())
        for (const char* type : {"text", "reasoning"})
          if (string_or(one.get_object(), "type") == type)
            add_text(m, type, string_or(one.get_object(), type));
  if (const auto* calls = part.if_contains("tool_call_chunks"); calls && calls->is_array())
    for (const auto& one : calls->get_array())
      if (one.is_object())
        add_call(m, one.get_object());
  if (const auto* usage = part.if_contains("usage_metadata"); usage && usage->is_object())
    m.usage = *usage;
  if (string_or(part, "chunk_position") != "last")
    return;
  finish(m);
  open_.erase(at);
}

} // namespace behalf
