#include "runtime/base/json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <set>
#include <vector>

namespace behalf {
namespace {

constexpr std::size_t max_depth = 128;

// Walks a document only to find out whether any object repeats a key.
struct duplicate_key_handler {
  static constexpr std::size_t max_object_size = -1;
  static constexpr std::size_t max_array_size = -1;
  static constexpr std::size_t max_key_size = -1;
  static constexpr std::size_t max_string_size = -1;
  using view = json::string_view;
  using ec = boost::system::error_code;

  std::vector<std::set<std::string>> open;
  std::string key;
  bool repeated = false;

  bool on_document_begin(ec&) { return true; }
  bool on_document_end(ec&) { return true; }
  bool on_object_begin(ec&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, ec&) {
    open.pop_back();
    return true;
  }
  bool on_array_begin(ec&) { return true; }
  bool on_array_end(std::size_t, ec&) { return true; }
  bool on_key_part(view part, std::size_t, ec&) {
    key.append(part.data(), part.size());
    return true;
  }
  bool on_key(view part, std::size_t, ec&) {
    key.append(part.data(), part.size());
    repeated = repeated || !open.back().insert(std::move(key)).second;
    key.clear();
    return true;
  }
  bool on_string_part(view, std::size_t, ec&) { return true; }
  bool on_string(view, std::size_t, ec&) { return true; }
  bool on_number_part(view, ec&) { return true; }
  bool on_int64(int64_t, view, ec&) { return true; }
  bool on_uint64(uint64_t, view, ec&) { return true; }
  bool on_double(double, view, ec&) { return true; }
  bool on_bool(bool, ec&) { return true; }
  bool on_null(ec&) { return true; }
  bool on_comment_part(view, ec&) { return true; }
  bool on_comment(view, ec&) { return true; }
};

json::parse_options options() {
  json::parse_options o;
  o.max_depth = max_depth;
  return o;
}

const json::object& empty_object() {
  static const json::object none;
  return none;
}

} // namespace

result<json::value> parse_json(std::string_view text) {
  boost::system::error_code ec;
  auto v = json::parse({text.data(), text.size()}, ec, {}, options());
  if (ec)
    return fail(errc::invalid_argument, "Invalid JSON in request body");
  return v;
}

result<json::value> parse_json_strict(std::string_view text) {
  json::basic_parser<duplicate_key_handler> walker{options()};
  boost::system::error_code ec;
  walker.write_some(false, text.data(), text.size(), ec);
  if (ec || walker.handler().repeated)
    return fail(errc::invalid_argument, "Invalid JSON: malformed, or an object repeats a key");
  return parse_json(text);
}

std::string dump(const json::value& v) {
  return json::serialize(v);
}

std::string dump(const json::object& o) {
  return json::serialize(o);
}

const json::value* member(const json::value& v, std::string_view key) {
  return v.is_object() ? member(v.get_object(), key) : nullptr;
}

const json::value* member(const json::object& o, std::string_view key) {
  return o.if_contains({key.data(), key.size()});
}

std::string_view string_or(const json::object& o, std::string_view key,
                           std::string_view otherwise) {
  const auto* v = member(o, key);
  if (!v || !v->is_string())
    return otherwise;
  return {v->get_string().data(), v->get_string().size()};
}

int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise) {
  const auto* v = member(o, key);
  return v && v->is_int64() ? v->get_int64() : otherwise;
}

bool bool_or(const json::object& o, std::string_view key, bool otherwise) {
  const auto* v = member(o, key);
  return v && v->is_bool() ? v->get_bool() : otherwise;
}

const json::object& object_or_empty(const json::object& o, std::string_view key) {
  const auto* v = member(o, key);
  return v && v->is_object() ? v->get_object() : empty_object();
}

bool contains(const json::value& whole, const json::value& part) {
  if (!part.is_object())
    return whole == part;
  if (!whole.is_object())
    return false;
  for (const auto& [key, wanted] : part.get_object()) {
    const auto* have = whole.get_object().if_contains(key);
    if (!have || !contains(*have, wanted))
      return false;
  }
  return true;
}

void merge(json::object& base, const json::object& over) {
  for (const auto& [key, v] : over)
    base[key] = v;
}

std::string_view kind_name(const json::value& v) {
  switch (v.kind()) {
  case json::kind::null:
    return "null";
  case json::kind::bool_:
    return "boolean";
  case json::kind::int64:
  case json::kind::uint64:
  case json::kind::double_:
    return "number";
  case json::kind::string:
    return "string";
  case json::kind::array:
    return "list";
  case json::kind::object:
    return "object";
  }
  return "value";
}

} // namespace behalf
