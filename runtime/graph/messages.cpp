#include "runtime/graph/messages.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace behalf {
namespace {

constexpr std::string_view remove_all = "__remove_all__";

// The fields of a message, in the order they are kept; all others go to additional_kwargs.
constexpr std::array core_fields{
  "content", "additional_kwargs", "response_metadata", "type", "name", "id"};
constexpr std::array ai_fields{"tool_calls", "invalid_tool_calls", "usage_metadata"};
constexpr std::array chunk_fields{"tool_call_chunks", "chunk_position"};
constexpr std::array tool_fields{"tool_call_id", "artifact", "status"};

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message), {}, "InvalidUpdateError"};
}

std::string_view view(const json::string& s) {
  return {s.data(), s.size()};
}

// The type a role or type names; empty when there is none of that name.
std::string_view message_type(std::string_view name) {
  if (name == "user" || name == "HumanMessageChunk")
    return "human";
  if (name == "assistant" || name == "AIMessageChunk")
    return "ai";
  if (name == "developer")
    return "system";
  for (std::string_view known : {"human", "ai", "system", "tool", "function", "remove"})
    if (name == known)
      return known;
  return {};
}

json::value taken(const json::object& from, std::string_view key, json::value otherwise) {
  const auto* v = member(from, key);
  return v ? *v : std::move(otherwise);
}

bool known_field(std::string_view key, std::string_view type) {
  auto among = [&](const auto& fields) {
    return std::find(fields.begin(), fields.end(), key) != fields.end();
  };
  return key == "role" || key == "example" || among(core_fields)
         || (type == "ai" && (among(ai_fields) || among(chunk_fields)))
         || (type == "tool" && among(tool_fields));
}

json::object additional(const json::object& from, std::string_view type) {
  auto extra = object_or_empty(from, "additional_kwargs");
  for (const auto& [key, v] : from)
    if (!known_field({key.data(), key.size()}, type))
      extra[key] = v;
  return extra;
}

json::array tool_calls(const json::object& from) {
  const auto* given = member(from, "tool_calls");
  auto calls = given && given->is_array() ? given->get_array() : json::array{};
  for (auto& one : calls)
    if (one.is_object() && !one.get_object().contains("type"))
      one.get_object()["type"] = "tool_call";
  return calls;
}

json::object complete(const json::object& from, std::string_view type) {
  const auto* id = member(from, "id");
  auto has_id = id && id->is_string() && !id->get_string().empty();
  json::object m;
  m.reserve(9);
  m.emplace("content", taken(from, "content", ""));
  if (m["content"].is_null())
    m["content"] = "";
  m.emplace("additional_kwargs", additional(from, type));
  m.emplace("response_metadata", taken(from, "response_metadata", json::object{}));
  m.emplace("type", json::string_view{type.data(), type.size()});
  m.emplace("name", taken(from, "name", nullptr));
  m.emplace("id", has_id ? *id : json::value(uuid4()));
  if (type == "ai") {
    m.emplace("tool_calls", tool_calls(from));
    m.emplace("invalid_tool_calls", taken(from, "invalid_tool_calls", json::array{}));
    m.emplace("usage_metadata", taken(from, "usage_metadata", nullptr));
  } else if (type == "tool") {
    m.emplace("tool_call_id", taken(from, "tool_call_id", nullptr));
    m.emplace("artifact", taken(from, "artifact", nullptr));
    m.emplace("status", taken(from, "status", "success"));
  }
  return m;
}

result<json::value> from_object(const json::object& o) {
  auto named = string_or(o, "type");
  auto type = message_type(named.empty() ? string_or(o, "role") : named);
  if (type == "remove" && member(o, "id"))
    return json::value(json::object{{"type", "remove"}, {"id", o.at("id")}});
  if (type.empty() || type == "remove" || (!member(o, "content") && type != "ai"))
    return invalid("a message needs a role (user, assistant, system, tool) or type and a content, "
                   "got "
                   + excerpt(o));
  return json::value(complete(o, type));
}

std::string_view id_of(const json::value& m) {
  return m.is_object() ? string_or(m.get_object(), "id") : std::string_view{};
}

bool removes(const json::value& m) {
  return m.is_object() && string_or(m.get_object(), "type") == "remove";
}

// The ids a list of messages has, each with a place to note something. Ids are text a client chose:
// sorted, not hashed. Views of the messages, which must stay.
template <class Note>
class id_notes {
public:
  template <class Wanted>
  id_notes(const json::array& of, Wanted wanted, Note first) {
    for (const auto& m : of)
      if (auto id = id_of(m); !id.empty() && wanted(m))
        notes_.emplace_back(id, first);
    std::sort(notes_.begin(), notes_.end(), by_id);
    notes_.erase(std::unique(notes_.begin(), notes_.end(), same_id), notes_.end());
  }

  /// Null for an id that is not among them.
  Note* find(std::string_view id) {
    auto at = std::lower_bound(notes_.begin(), notes_.end(), std::pair{id, Note{}}, by_id);
    return at != notes_.end() && at->first == id ? &at->second : nullptr;
  }
  void reset(Note to) {
    for (auto& [id, note] : notes_)
      note = to;
  }
  bool empty() const { return notes_.empty(); }

private:
  using pair = std::pair<std::string_view, Note>;
  static bool by_id(const pair& a, const pair& b) { return a.first < b.first; }
  static bool same_id(const pair& a, const pair& b) { return a.first == b.first; }

  std::vector<pair> notes_;
};

bool any_message(const json::value&) {
  return true;
}

json::value plain(std::string_view type, std::string_view text) {
  json::object m{{"type", json::string_view{type.data(), type.size()}},
                 {"content", json::string_view{text.data(), text.size()}}};
  return m;
}

} // namespace

result<json::value> to_message(const json::value& v) {
  if (v.is_string())
    return json::value(complete({{"content", v}}, "human"));
  if (v.is_array() && v.get_array().size() == 2 && v.get_array()[0].is_string()) {
    auto type = message_type(view(v.get_array()[0].get_string()));
    if (!type.empty() && type != "remove")
      return json::value(complete({{"content", v.get_array()[1]}}, type));
  }
  if (v.is_object())
    return from_object(v.get_object());
  return invalid("a message is an object, a [role, text] pair or a string, got " + excerpt(v));
}

result<json::value> to_chunk(const json::value& v, std::string_view id) {
  auto given = v.is_string()   ? json::object{{"content", v}}
               : v.is_object() ? v.get_object()
                               : json::object{};
  if (string_or(given, "type").empty() && string_or(given, "role").empty())
    given["type"] = "AIMessageChunk";
  if (string_or(given, "id").empty())
    given["id"] = json::string_view{id.data(), id.size()};
  auto whole = v.is_string() || v.is_object() ? from_object(given) : to_message(v);
  if (!whole)
    return whole;
  auto& chunk = whole->get_object();
  if (chunk.at("type") == "ai") {
    chunk["type"] = "AIMessageChunk";
    chunk["tool_call_chunks"] = taken(given, "tool_call_chunks", json::array{});
    chunk["chunk_position"] = taken(given, "chunk_position", nullptr); // "last" says no more comes
  }
  return whole;
}

bool is_chunk(const json::value& v) {
  const auto* o = v.if_object();
  if (!o || o->size() != core_fields.size() + ai_fields.size() + chunk_fields.size())
    return false;
  auto at = o->begin();
  const auto next_are = [&](const auto& keys) {
    return std::all_of(keys.begin(), keys.end(),
                       [&](const char* key) { return (at++)->key() == key; });
  };
  if (!next_are(core_fields) || !next_are(ai_fields) || !next_are(chunk_fields))
    return false;
  const auto* calls = o->at("tool_calls").if_array();
  return o->at("type") == "AIMessageChunk" && !string_or(*o, "id").empty() && calls
         && calls->empty() && o->at("additional_kwargs").is_object() && !o->at("content").is_null();
}

std::string streamed_message_id(std::string_view task_id) {
  return hash_uuid(std::string(task_id) + " message");
}

result<json::array> to_messages(const json::value& v) {
  json::array all;
  if (v.is_null())
    return all;
  if (!v.is_array()) {
    auto one = to_message(v);
    if (!one)
      return one.error();
    all.push_back(std::move(*one));
    return all;
  }
  all.reserve(v.get_array().size());
  for (const auto& each : v.get_array()) {
    auto one = to_message(each);
    if (!one)
      return one.error();
    all.push_back(std::move(*one));
  }
  return all;
}

result<void> check_removals(const json::array& list, const json::array& update,
                            std::string_view channel) {
  id_notes<bool> seen{update, removes, false};
  if (seen.empty())
    return {};
  auto see = [&](const json::value& m) {
    if (auto* there = seen.find(id_of(m)))
      *there = true;
  };
  std::for_each(list.begin(), list.end(), see);
  for (const auto& m : update) {
    auto id = id_of(m);
    const auto* there = seen.find(id);
    if (removes(m) && id != remove_all && !(there && *there))
      return invalid("At key '" + std::string(channel) + "': there is no message with the id '"
                     + std::string(id) + "' to remove");
    see(m);
  }
  return {};
}

bool rewrites(const json::value* list, const json::value& update) {
  if (!update.is_array())
    return false;
  const auto& all = update.get_array();
  if (std::any_of(all.begin(), all.end(), removes))
    return true;
  id_notes<bool> ids{all, any_message, false};
  auto repeats = [&](const json::value& m) {
    auto* seen = ids.find(id_of(m));
    return seen && std::exchange(*seen, true);
  };
  if (std::any_of(all.begin(), all.end(), repeats))
    return true;
  const auto* old = list ? list->if_array() : nullptr;
  return old && std::any_of(old->begin(), old->end(), repeats);
}

message_change join_messages(json::array& list, const json::array& update) {
  constexpr auto nowhere = static_cast<std::size_t>(-1);
  id_notes<std::size_t> places{update, any_message, nowhere};
  for (std::size_t i = 0; i < list.size(); ++i)
    if (auto* place = places.find(id_of(list[i])); place && *place == nowhere)
      *place = i;
  auto did = message_change::appended;
  std::vector<bool> gone(list.size());
  for (const auto& m : update) {
    auto id = id_of(m);
    auto* place = places.find(id);
    if (removes(m) && id == remove_all) {
      list.clear();
      gone.clear();
      places.reset(nowhere);
      did = message_change::rewritten;
    } else if (removes(m)) {
      if (place && *place != nowhere)
        gone[std::exchange(*place, nowhere)] = true;
      did = message_change::rewritten;
    } else if (place && *place != nowhere) {
      list[*place] = m;
      did = message_change::rewritten;
    } else {
      if (place)
        *place = list.size();
      list.push_back(m);
      gone.push_back(false);
    }
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!gone[i] && kept++ != i)
      list[kept - 1] = std::move(list[i]);
  list.resize(kept);
  return did;
}

json::value human(std::string_view text) {
  return plain("human", text);
}

json::value ai(std::string_view text) {
  return plain("ai", text);
}

json::value ai(std::string_view text, json::array tool_calls) {
  auto m = plain("ai", text);
  m.get_object()["tool_calls"] = std::move(tool_calls);
  return m;
}

json::value human(json::array blocks) {
  return json::object{{"type", "human"}, {"content", std::move(blocks)}};
}

json::value ai(json::array blocks, json::array tool_calls) {
  json::object m{{"type", "ai"}, {"content", std::move(blocks)}};
  if (!tool_calls.empty())
    m["tool_calls"] = std::move(tool_calls);
  return m;
}

json::value text_block(std::string_view text) {
  return json_arg{{"type", "text"}, {"text", text}}.take();
}

json::value image_url(std::string_view url) {
  return json_arg{{"type", "image"}, {"url", url}}.take();
}

json::value image_data(std::string_view base64, std::string_view mime_type) {
  return json_arg{{"type", "image"}, {"base64", base64}, {"mime_type", mime_type}}.take();
}

json::value file_url(std::string_view url, std::string_view mime_type) {
  return json_arg{{"type", "file"}, {"url", url}, {"mime_type", mime_type}}.take();
}

json::value file_data(std::string_view base64, std::string_view mime_type) {
  return json_arg{{"type", "file"}, {"base64", base64}, {"mime_type", mime_type}}.take();
}

json::value tool_use_block(std::string_view id, std::string_view name, object_arg input) {
  return json_arg{
    {"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input.values)}}
    .take();
}

json::value tool_result_block(std::string_view tool_use_id, json_arg content) {
  return json_arg{
    {"type", "tool_result"}, {"tool_use_id", tool_use_id}, {"content", std::move(content).take()}}
    .take();
}

json::value system_message(std::string_view text) {
  return plain("system", text);
}

json::value tool_message(json_arg content, std::string_view tool_call_id) {
  auto given = std::move(content).take();
  auto m = plain("tool", given.is_string() ? view(given.get_string()) : dump(given));
  m.get_object()["tool_call_id"] = json::string_view{tool_call_id.data(), tool_call_id.size()};
  return m;
}

json::value with_id(json::value message, std::string_view id) {
  message.as_object()["id"] = json::string_view{id.data(), id.size()};
  return message;
}

json::value remove_message(std::string_view id) {
  return json::object{{"type", "remove"}, {"id", json::string_view{id.data(), id.size()}}};
}

json::value tool_call(std::string_view id, std::string_view name, object_arg args) {
  return json_arg{
    {"name", name}, {"args", std::move(args.values)}, {"id", id}, {"type", "tool_call"}}
    .take();
}

std::string text_of(const json::value& message) {
  const auto* content = member(message, "content");
  if (!content)
    return message.is_string() ? std::string(view(message.get_string())) : std::string{};
  if (content->is_string())
    return std::string(view(content->get_string()));
  std::string text;
  if (!content->is_array())
    return text;
  for (const auto& block : content->get_array())
    text += block.is_object()   ? string_or(block.get_object(), "text")
            : block.is_string() ? view(block.get_string())
                                : std::string_view{};
  return text;
}

std::string text_of(const json::value* message) {
  return message ? text_of(*message) : std::string{};
}

const json::array& tool_calls_of(const json::value& message) {
  static const json::array none;
  const auto* calls = member(message, "tool_calls");
  return calls && calls->is_array() ? calls->get_array() : none;
}

json::value tool_result(const service_reply& reply) {
  const auto* structured = member(reply.body, "structuredContent");
  if (structured && !structured->is_null())
    return *structured;
  const auto* content = member(reply.body, "content");
  const auto* parts = content ? content->if_array() : nullptr;
  for (std::size_t i = 0; parts && i < parts->size(); ++i) {
    const auto* text = member((*parts)[i], "text");
    if (!text || !text->is_string())
      continue;
    auto parsed = parse_json(view(text->get_string()));
    return parsed ? std::move(*parsed) : *text;
  }
  return nullptr;
}

} // namespace behalf
