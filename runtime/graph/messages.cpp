#include "runtime/graph/messages.hpp"

#include "runtime/base/id.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::string_view remove_all = "__remove_all__";

// The fields of a message, in the order they are kept; all others go to additional_kwargs.
constexpr std::array core_fields{
  "content", "additional_kwargs", "response_metadata", "type", "name", "id"};
constexpr std::array ai_fields{"tool_calls", "invalid_tool_calls", "usage_metadata"};
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
         || (type == "ai"
             && (among(ai_fields) || key == "tool_call_chunks" || key == "chunk_position"))
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
                   + dump(o));
  return json::value(complete(o, type));
}

std::string_view id_of(const json::value& m) {
  return m.is_object() ? string_or(m.get_object(), "id") : std::string_view{};
}

bool removes(const json::value& m) {
  return m.is_object() && string_or(m.get_object(), "type") == "remove";
}

json::array::iterator find_id(json::array& list, std::string_view id) {
  return std::find_if(list.begin(), list.end(),
                      [&](const json::value& m) { return !id.empty() && id_of(m) == id; });
}

bool has_id(json::array::const_iterator from, json::array::const_iterator to, std::string_view id) {
  return std::any_of(from, to, [&](const json::value& m) { return id_of(m) == id; });
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
  return invalid("a message is an object, a [role, text] pair or a string, got " + dump(v));
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
  for (auto at = update.begin(); at != update.end(); ++at) {
    auto id = id_of(*at);
    if (!removes(*at) || id == remove_all || has_id(list.begin(), list.end(), id)
        || has_id(update.begin(), at, id))
      continue;
    return invalid("At key '" + std::string(channel) + "': there is no message with the id '"
                   + std::string(id) + "' to remove");
  }
  return {};
}

bool rewrites(const json::value* list, const json::value& update) {
  if (!update.is_array())
    return false;
  const auto* old = list ? list->if_array() : nullptr;
  return std::any_of(update.get_array().begin(), update.get_array().end(),
                     [&](const json::value& m) {
                       return removes(m) || (old && has_id(old->begin(), old->end(), id_of(m)));
                     });
}

message_change join_messages(json::array& list, const json::array& update) {
  auto did = message_change::appended;
  for (const auto& m : update) {
    auto id = id_of(m);
    if (removes(m) && id == remove_all) {
      list.clear();
      did = message_change::rewritten;
      continue;
    }
    auto at = find_id(list, id);
    if (removes(m)) {
      if (at != list.end())
        list.erase(at);
      did = message_change::rewritten;
    } else if (at != list.end()) {
      *at = m;
      did = message_change::rewritten;
    } else {
      list.push_back(m);
    }
  }
  return did;
}

namespace flow {

json::value ai_message(std::string_view text) {
  return plain("ai", text);
}

json::value human_message(std::string_view text) {
  return plain("human", text);
}

json::value system_message(std::string_view text) {
  return plain("system", text);
}

json::value tool_message(std::string_view text, std::string_view tool_call_id) {
  auto m = plain("tool", text);
  m.get_object()["tool_call_id"] = json::string_view{tool_call_id.data(), tool_call_id.size()};
  return m;
}

json::value remove_message(std::string_view id) {
  return json::object{{"type", "remove"}, {"id", json::string_view{id.data(), id.size()}}};
}

std::string message_text(const json::value& message) {
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

} // namespace flow
} // namespace behalf
