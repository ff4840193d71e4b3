// Every type says its name and its members once, for both directions. A new effect or reply does
// not compile until it has done so.
#include "runtime/graph/node_json.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace behalf {
namespace {

template <class T, class U>
concept of = std::same_as<std::remove_const_t<T>, U>;

template <class T>
constexpr const char* type_name = nullptr;
template <>
constexpr const char* type_name<std::monostate> = "nothing";
template <>
constexpr const char* type_name<service_call> = "service_call";
template <>
constexpr const char* type_name<model_call> = "model_call";
template <>
constexpr const char* type_name<http_operation> = "http";
template <>
constexpr const char* type_name<list_tools_operation> = "list_tools";
template <>
constexpr const char* type_name<call_tool_operation> = "call_tool";
template <>
constexpr const char* type_name<store_get> = "store_get";
template <>
constexpr const char* type_name<store_put> = "store_put";
template <>
constexpr const char* type_name<store_delete> = "store_delete";
template <>
constexpr const char* type_name<store_search> = "store_search";
template <>
constexpr const char* type_name<store_list> = "store_list";
template <>
constexpr const char* type_name<read_chunk> = "read_chunk";
template <>
constexpr const char* type_name<close_stream> = "close_stream";
template <>
constexpr const char* type_name<sleep_for> = "sleep";
template <>
constexpr const char* type_name<run_subgraph> = "run_subgraph";
template <>
constexpr const char* type_name<subgraph_reply> = "subgraph_reply";
template <>
constexpr const char* type_name<withdraw> = "withdraw";
template <>
constexpr const char* type_name<outbound_call> = "outbound_call";
template <>
constexpr const char* type_name<service_reply> = "service_reply";
template <>
constexpr const char* type_name<store_reply> = "store_reply";
template <>
constexpr const char* type_name<outbound_chunk> = "chunk";
template <>
constexpr const char* type_name<outbound_reply> = "outbound_reply";
template <>
constexpr const char* type_name<flow::update> = "update";
template <>
constexpr const char* type_name<flow::command> = "command";
template <>
constexpr const char* type_name<flow::interrupt> = "interrupt";
template <>
constexpr const char* type_name<error> = "error";

// `io(name, member)` for one that must be there, `io.may(name, member)` for one with a default.
void members(auto&, of<std::monostate> auto&) {}
void members(auto& io, of<http_operation> auto& op) {
  io("method", op.method);
  io("path", op.path);
  io.may("headers", op.headers);
  io.may("body", op.body);
  io.may("stream", op.stream);
}
void members(auto&, of<list_tools_operation> auto&) {}
void members(auto& io, of<call_tool_operation> auto& op) {
  io("name", op.name);
  io.may("arguments", op.arguments);
}
void members(auto& io, of<service_call> auto& call) {
  io("service", call.service);
  io("operation", call.operation);
}
void members(auto& io, of<model_call> auto& call) {
  io("model", call.model);
  io("what", call.what);
}
void members(auto& io, of<store_get> auto& get) {
  io("namespace", get.ns);
  io("key", get.key);
}
void members(auto& io, of<store_put> auto& put) {
  io("namespace", put.ns);
  io("key", put.key);
  io("value", put.value);
  io.may("ttl_minutes", put.ttl_minutes);
  io.may("index", put.index);
}
void members(auto& io, of<store_delete> auto& del) {
  io("namespace", del.ns);
  io("key", del.key);
}
void members(auto& io, of<store_search> auto& search) {
  io("prefix", search.prefix);
  io.may("filter", search.filter);
  io.may("limit", search.limit);
  io.may("offset", search.offset);
  io.may("query", search.query);
}
void members(auto& io, of<store_list> auto& list) {
  io.may("prefix", list.prefix);
  io.may("suffix", list.suffix);
  io.may("max_depth", list.max_depth);
  io.may("limit", list.limit);
  io.may("offset", list.offset);
}
void members(auto& io, of<read_chunk> auto& read) {
  io("stream_id", read.stream_id);
}
void members(auto& io, of<close_stream> auto& close) {
  io("stream_id", close.stream_id);
}
void members(auto& io, of<sleep_for> auto& sleep) {
  io("ms", sleep.time);
}
void members(auto& io, of<run_subgraph> auto& call) { // the graph its node declares
  io("input", call.input);
  io.may("place", call.place);
}
void members(auto& io, of<subgraph_reply> auto& reply) {
  io("values", reply.values);
}
void members(auto&, of<withdraw> auto&) {}
void members(auto& io, of<asked_effect> auto& ask) {
  io("id", ask.id);
  io("what", ask.what);
}
void members(auto& io, of<outbound_call> auto& call) {
  io("service", call.service);
  io("method", call.method);
  io("url", call.url);
  io.may("headers", call.headers);
  io.may("body", call.body);
  io.may("handle", call.handle.id);
  io.may("stream", call.stream);
  io.may("timeout_ms", call.timeout);
}
void members(auto& io, of<service_reply> auto& reply) {
  io("status", reply.status);
  io.may("headers", reply.headers);
  io.may("body", reply.body);
  io.may("stream_id", reply.stream_id);
  io.may("receipt", reply.receipt);
}
void members(auto& io, of<stored_item> auto& item) {
  io("namespace", item.ns);
  io("key", item.key);
  io("value", item.value);
  io("created_at", item.created_at);
  io("updated_at", item.updated_at);
  io.may("score", item.score);
}
void members(auto& io, of<store_reply> auto& reply) {
  io("items", reply.items);
  io.may("namespaces", reply.namespaces);
}
void members(auto& io, of<outbound_chunk> auto& chunk) {
  io("bytes", chunk.bytes);
  io.may("last", chunk.last);
}
void members(auto& io, of<outbound_reply> auto& reply) { // its scrubber stays in this process
  io("status", reply.status);
  io.may("headers", reply.headers);
  io.may("body", reply.body);
  io.may("stream_id", reply.stream_id);
  io.may("receipt", reply.receipt);
}
void members(auto& io, of<flow::update> auto& update) {
  io("values", update.values);
}
void members(auto& io, of<flow::send> auto& send) {
  io("node", send.node);
  io("input", send.input);
}
void members(auto& io, of<flow::command> auto& command) {
  io.may("values", command.values);
  io.may("goto", command.go_to.targets());
  io.may("to_parent", command.to_parent);
}
void members(auto& io, of<flow::interrupt> auto& interrupt) {
  io("value", interrupt.value);
  io.may("place", interrupt.place);
  io.may("beside", interrupt.beside);
}
void members(auto& io, of<error> auto& why) {
  io("code", why.code);
  io("message", why.message);
  io.may("headers", why.headers);
  io.may("kind", why.kind);
}

constexpr std::array<std::pair<errc, std::string_view>, 15> code_names{
  {{errc::bad_request, "bad_request"},
   {errc::unauthenticated, "unauthenticated"},
   {errc::denied, "denied"},
   {errc::not_found, "not_found"},
   {errc::method, "method"},
   {errc::conflict, "conflict"},
   {errc::too_large, "too_large"},
   {errc::invalid_argument, "invalid_argument"},
   {errc::too_many, "too_many"},
   {errc::headers_too_large, "headers_too_large"},
   {errc::internal, "internal"},
   {errc::upstream, "upstream"},
   {errc::overloaded, "overloaded"},
   {errc::timeout, "timeout"},
   {errc::slow_request, "slow_request"}}};

template <class T, template <class...> class Template>
constexpr bool made_of = false;
template <class... Ts, template <class...> class Template>
constexpr bool made_of<Template<Ts...>, Template> = true;

// --- writing -----------------------------------------------------------------------------------

template <class T>
json::value form(const T& v);

struct form_writer {
  json::object out;

  void operator()(const char* key, const auto& v) { out[key] = form(v); }
  void may(const char* key, const auto& v) { out[key] = form(v); }
  template <class T>
  void may(const char* key, const std::optional<T>& v) {
    if (v)
      out[key] = form(*v);
  }
};

template <class T>
json::value form(const T& v) {
  if constexpr (of<T, std::string>) {
    return is_utf8(v) ? json::value(v) : json::object{{"base64", base64(v)}};
  } else if constexpr (of<T, json::value> || of<T, json::object> || std::is_arithmetic_v<T>) {
    return v;
  } else if constexpr (of<T, std::chrono::milliseconds>) {
    return v.count();
  } else if constexpr (of<T, time_point>) {
    return json::value(iso8601(v));
  } else if constexpr (of<T, errc>) {
    auto name = std::find_if(code_names.begin(), code_names.end(),
                             [&](const auto& one) { return one.first == v; });
    return json::string_view{name->second.data(), name->second.size()};
  } else if constexpr (made_of<T, std::pair>) {
    return json::array{form(v.first), form(v.second)};
  } else if constexpr (made_of<T, std::vector>) {
    json::array list;
    for (const auto& one : v)
      list.push_back(form(one));
    return list;
  } else if constexpr (made_of<T, std::variant>) {
    return std::visit([](const auto& one) { return form(one); }, v);
  } else {
    form_writer io;
    if constexpr (type_name<T> != nullptr)
      io.out["type"] = type_name<T>;
    members(io, v);
    return std::move(io.out);
  }
}

// --- reading -----------------------------------------------------------------------------------

// Why a message could not be read. Not an `error`, because that can be a message itself.
struct fault {
  std::string text;
};
template <class T>
using parsed = boost::system::result<T, fault>;

template <class T>
std::optional<T> read(const json::value& v);

template <class T>
T blank() {
  if constexpr (std::is_default_constructible_v<T>)
    return T{};
  else
    return T{json::value(nullptr)};
}

struct form_reader {
  const json::object& in;
  const char* wrong = nullptr; // the first member that is missing or of another type

  template <class T>
  void operator()(const char* key, T& v) {
    const auto* found = member(in, key);
    auto value = found ? read<T>(*found) : std::nullopt;
    if (value)
      v = std::move(*value);
    else if (!wrong)
      wrong = key;
  }
  void may(const char* key, auto& v) {
    if (in.contains(key))
      (*this)(key, v);
  }
  template <class T>
  void may(const char* key, std::optional<T>& v) {
    if (in.contains(key))
      (*this)(key, v.emplace(blank<T>()));
  }
};

template <class T>
parsed<T> read_object(const json::object& o) {
  auto v = blank<T>();
  form_reader io{o};
  members(io, v);
  if (io.wrong)
    return fault{"the member '" + std::string(io.wrong) + "' of '"
                 + std::string(string_or(o, "type")) + "' is missing or of another type"};
  return v;
}

template <class T>
bool is_named(std::string_view type) {
  if constexpr (made_of<T, std::variant>)
    return []<class... Ts>(std::string_view t, std::variant<Ts...>*) {
      return (is_named<Ts>(t) || ...);
    }(type, static_cast<T*>(nullptr));
  else
    return type == std::string_view{type_name<T>};
}

// The alternative that `type` names, which may be an alternative of an alternative.
template <class Variant, std::size_t at = 0>
parsed<Variant> read_variant(const json::object& o) {
  if constexpr (at == std::variant_size_v<Variant>) {
    return fault{"there is no message of the type '" + std::string(string_or(o, "type")) + "'"};
  } else {
    using alternative = std::variant_alternative_t<at, Variant>;
    if (!is_named<alternative>(string_or(o, "type")))
      return read_variant<Variant, at + 1>(o);
    if constexpr (made_of<alternative, std::variant>) {
      auto inner = read_variant<alternative>(o);
      return inner ? parsed<Variant>{std::move(*inner)} : inner.error();
    } else {
      auto made = read_object<alternative>(o);
      return made ? parsed<Variant>{std::move(*made)} : made.error();
    }
  }
}

template <class T>
std::optional<T> read_integer(const json::value& v) {
  if (v.is_int64() && std::in_range<T>(v.get_int64()))
    return static_cast<T>(v.get_int64());
  if (v.is_uint64() && std::in_range<T>(v.get_uint64()))
    return static_cast<T>(v.get_uint64());
  return std::nullopt;
}

std::optional<std::string> read_text(const json::value& v) {
  if (const auto* text = v.if_string())
    return std::string(*text);
  const auto* coded = v.is_object() ? member(v.get_object(), "base64") : nullptr;
  if (!coded || !coded->is_string())
    return std::nullopt;
  auto bytes = base64_decode(std::string_view{coded->get_string()});
  return bytes ? std::optional{std::move(*bytes)} : std::nullopt;
}

template <class T>
std::optional<T> if_read(parsed<T> made) {
  return made ? std::optional{std::move(*made)} : std::nullopt;
}

template <class T>
std::optional<T> read(const json::value& v) {
  if constexpr (of<T, std::string>) {
    return read_text(v);
  } else if constexpr (of<T, json::value>) {
    return v;
  } else if constexpr (of<T, json::object>) {
    return v.is_object() ? std::optional{v.get_object()} : std::nullopt;
  } else if constexpr (of<T, bool>) {
    return v.is_bool() ? std::optional{v.get_bool()} : std::nullopt;
  } else if constexpr (std::is_integral_v<T>) {
    return read_integer<T>(v);
  } else if constexpr (of<T, double>) {
    return v.is_number() ? std::optional{v.to_number<double>()} : std::nullopt;
  } else if constexpr (of<T, std::chrono::milliseconds>) {
    auto count = read_integer<int64_t>(v);
    return count ? std::optional{std::chrono::milliseconds{*count}} : std::nullopt;
  } else if constexpr (of<T, time_point>) {
    auto at = parse_iso8601(v.is_string() ? std::string_view{v.get_string()} : "");
    return at ? std::optional{*at} : std::nullopt;
  } else if constexpr (of<T, errc>) {
    for (auto [code, name] : code_names)
      if (v.is_string() && v.get_string() == name)
        return code;
    return std::nullopt;
  } else if constexpr (made_of<T, std::pair>) {
    const auto* list = v.if_array();
    auto first = list && list->size() == 2 ? read_text((*list)[0]) : std::nullopt;
    auto second = first ? read_text((*list)[1]) : std::nullopt;
    return second ? std::optional{T{std::move(*first), std::move(*second)}} : std::nullopt;
  } else if constexpr (made_of<T, std::vector>) {
    T all;
    for (const auto& one : v.is_array() ? v.get_array() : json::array{}) {
      auto read_one = read<typename T::value_type>(one);
      if (!read_one)
        return std::nullopt;
      all.push_back(std::move(*read_one));
    }
    return v.is_array() ? std::optional{std::move(all)} : std::nullopt;
  } else if constexpr (of<T, flow::route::target>) {
    if (v.is_object())
      return if_read(read_object<flow::send>(v.get_object()));
    return read_text(v);
  } else if constexpr (made_of<T, std::variant>) {
    return v.is_object() ? if_read(read_variant<T>(v.get_object())) : std::nullopt;
  } else {
    return v.is_object() ? if_read(read_object<T>(v.get_object())) : std::nullopt;
  }
}

const json::object& as_message(const json::value& v) {
  static const json::object none;
  return v.is_object() ? v.get_object() : none;
}

error unreadable(const fault& why) {
  return fail(errc::invalid_argument, why.text);
}

parsed<turn> read_asks(const json::object& message) {
  const auto* list = member(message, "asks");
  if (!list || !list->is_array())
    return fault{"the member 'asks' of 'asks' is missing or of another type"};
  std::vector<asked_effect> all;
  for (const auto& one : list->get_array()) {
    const auto& ask = as_message(one);
    const auto* id = member(ask, "id");
    auto number = id ? read_integer<uint64_t>(*id) : std::nullopt;
    if (!number)
      return fault{"the member 'id' of one of 'asks' is missing or of another type"};
    const auto* what = member(ask, "what");
    auto read = read_variant<effect>(what ? as_message(*what) : json::object{});
    if (!read)
      return read.error();
    all.push_back({*number, std::move(*read)});
  }
  return turn{std::move(all)};
}

} // namespace

json::object to_json(const turn& did) {
  if (const auto* asked = std::get_if<std::vector<asked_effect>>(&did))
    return {{"type", "asks"}, {"asks", form(*asked)}};
  return form(std::get<node_result>(did).value).as_object();
}

json::object to_json(const effect_reply& reply) {
  return (reply ? form(*reply) : form(reply.error())).as_object();
}

turn turn_from(const json::value& v) {
  const auto& message = as_message(v);
  if (string_or(message, "type") == "asks") {
    auto asked = read_asks(message);
    return asked ? std::move(*asked) : turn{node_result{unreadable(asked.error())}};
  }
  auto how = read_variant<node_result::variant>(message);
  node_result ended;
  ended.value = how ? std::move(*how) : node_result::variant{unreadable(how.error())};
  return ended;
}

effect_reply reply_from(const json::value& v) {
  const auto& message = as_message(v);
  if (is_named<error>(string_or(message, "type"))) {
    auto why = read_object<error>(message);
    return why ? std::move(*why) : unreadable(why.error());
  }
  auto reply = read_variant<effect_reply::value_type>(message);
  return reply ? effect_reply{std::move(*reply)} : effect_reply{unreadable(reply.error())};
}

} // namespace behalf
