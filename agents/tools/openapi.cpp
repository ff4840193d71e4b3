// The document is the operator's, but mostly written by others, or by a program.
#include "agents/tools/openapi.hpp"

#include "agents/tools/openapi_schema.hpp"
#include "behalf/agent.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/hidden_text.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/header_class.hpp"
#include "runtime/net/media_type.hpp"
#include "runtime/net/url.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t most_operations = 2'000;
constexpr std::size_t most_parameters = 200;
constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_path = 2'048;
constexpr std::size_t longest_description = 4'096;
constexpr std::size_t longest_schema = 48 << 10; // of one tool; an agent takes 64 KiB
constexpr std::size_t all_schemas = 16 << 20;

struct method {
  std::string_view key, name;
  bool reads, idempotent;
};
constexpr std::array<method, 6> methods{{{"get", "GET", true, true},
                                         {"head", "HEAD", true, true},
                                         {"post", "POST", false, false},
                                         {"put", "PUT", false, true},
                                         {"patch", "PATCH", false, false},
                                         {"delete", "DELETE", false, true}}};

// They make another request of it, or say whom it is from.
constexpr std::array<std::string_view, 10> not_a_parameter{
  "accept",         "content-type", "x-http-method-override", "x-http-method", "x-method-override",
  "x-original-url", "forwarded",    "x-rewrite-url",          "x-real-ip",     "content-encoding"};

bool sets_the_request(std::string_view header) {
  const auto name = ascii_lower(header);
  return among(not_a_parameter, name) || name.starts_with("x-forwarded-")
         || is_header(name, inbound_credentials | header_class::caller | header_class::framing
                              | header_class::part | header_class::connection);
}

// Models' providers take such names of arguments.
bool is_argument_name(std::string_view name) {
  return name.size() <= longest_name && made_of(name, "_.-");
}

std::string name_made_of(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, 4 * longest_name))
    if (is_letter_or_digit(c) || c == '-')
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  name.resize(std::min(name.size(), longest_name - 8)); // a number may follow
  while (name.ends_with('_'))
    name.pop_back();
  return name.empty() ? "value" : name;
}

template <class Taken>
std::string free_name(const std::string& wanted, const Taken& taken) {
  auto name = wanted;
  for (int n = 2; taken.contains(name); ++n)
    name = wanted + "_" + std::to_string(n);
  return name;
}

bool is_visible(std::string_view text) {
  while (!text.empty()) {
    const auto size = utf8_length(text);
    if (size == 0 || is_hidden(code_point(text.substr(0, size))) || text[0] == '\n'
        || text[0] == '\t')
      return false;
    text.remove_prefix(size);
  }
  return true;
}

// Names of parameters in a path's braces. Error: the path is no template that requests can be made
// of.
result<std::set<std::string>> names_in(std::string_view path) {
  auto wrong = [](std::string why) { return fail(errc::invalid_argument, std::move(why)); };
  if (!path.starts_with('/') || path.size() > longest_path)
    return wrong("its path does not begin with '/', or is too long");
  std::set<std::string> names;
  std::string sample;
  while (!path.empty()) {
    const auto open = std::min(path.find('{'), path.size());
    const auto plain = path.substr(0, open);
    if ((!plain.empty() && !made_of(plain, "-._~!$&'()*+,;=:@/%")) || !whole_escapes(plain))
      return wrong("its path holds characters that no path may hold");
    sample += plain;
    path.remove_prefix(open);
    if (path.empty())
      break;
    const auto end = path.find('}');
    if (end == path.npos || end == 1)
      return wrong("its path has a '{' without a name and '}'");
    names.emplace(path.substr(1, end - 1));
    sample += "x";
    path.remove_prefix(end + 1);
  }
  if (auto ok = join_url("https://service", sample); !ok)
    return wrong(ok.error().message);
  return names;
}

class operation_reader {
public:
  operation_reader(const json::object& document, bool version_3_0,
                   const std::set<std::string>& not_arguments, std::size_t bytes)
    : document_(document), not_arguments_(not_arguments), schemas_(document, version_3_0, bytes),
      bytes_(bytes) {}

  /// Error: why no request can be made of it.
  result<api_operation> read(const std::string& path, const method& how, const json::object& item,
                             const json::object& operation) {
    made_.method = how.name;
    made_.path = path;
    auto in_path = names_in(path);
    if (!in_path)
      return in_path.error();
    for (const auto* list : {member(operation, "parameters"), member(item, "parameters")})
      if (auto ok = read_parameters(list); !ok)
        return ok.error();
    for (const auto& one : made_.parameters)
      if (one.place == api_place::path && in_path->erase(one.wire) == 0)
        return fail(errc::invalid_argument,
                    "its path has no {" + excerpt(json::string(one.wire)) + "}");
    if (!in_path->empty())
      return fail(errc::invalid_argument, "nothing says what {" + *in_path->begin() + "} is");
    if (auto ok = read_body(operation); !ok)
      return ok.error();
    describe(how, operation);
    return std::move(made_);
  }

  std::size_t bytes_used() const { return bytes_ - schemas_.left(); }

private:
  result<void> read_parameters(const json::value* list) {
    if (!list)
      return {};
    const auto* all = list->if_array();
    if (!all || all->size() > most_parameters)
      return fail(errc::invalid_argument, "its parameters are no list, or more than 200");
    for (const auto& each : *all) {
      const auto* parameter = followed(document_, each);
      if (!parameter)
        return fail(errc::invalid_argument, "a parameter is a reference that leads nowhere");
      if (auto ok = read_parameter(*parameter); !ok)
        return ok;
    }
    return {};
  }

  result<void> read_parameter(const json::object& from) {
    const std::string wire(string_or(from, "name")), in(string_or(from, "in"));
    if (wire.empty() || wire.size() > 256)
      return fail(errc::invalid_argument, "a parameter has no name, or a too long one");
    auto wrong = [&](const std::string& why) {
      return fail(errc::invalid_argument,
                  "the parameter " + excerpt(json::string(wire)) + " " + why);
    };
    // Those of the operation come first, and count.
    if (!seen_.insert(in + " " + wire).second || in == "cookie" || is_not_an_argument(in, wire))
      return {};
    api_parameter made{{}, wire};
    const bool required = in == "path" || bool_or(from, "required");
    if (in == "path")
      made.place = api_place::path;
    else if (in == "header")
      made.place = api_place::header;
    else if (in != "query")
      return required ? result<void>{wrong("is in no place that requests have")} : result<void>{};
    if (in == "header" && !is_field_name(wire))
      return required ? result<void>{wrong("has a name that no header can have")} : result<void>{};
    if (auto why = read_style(from, made); !why.empty())
      return required ? result<void>{wrong(why)} : result<void>{};
    made.name = is_argument_name(wire) ? wire : name_made_of(wire);
    if (properties_.contains(made.name))
      made.name = free_name(name_made_of(made.name + "_" + in), properties_);
    auto schema = schemas_.take(schema_of(from));
    say(schema, string_or(from, "description"));
    properties_[made.name] = std::move(schema);
    if (required)
      required_.push_back(json::string(made.name));
    made_.parameters.push_back(std::move(made));
    return {};
  }

  bool is_not_an_argument(std::string_view in, const std::string& wire) const {
    if (in == "header")
      return sets_the_request(wire) || not_arguments_.contains(ascii_lower(wire));
    return in == "query" && not_arguments_.contains(ascii_lower(wire));
  }

  // Why the parameter cannot be written; empty when it can.
  static std::string read_style(const json::object& from, api_parameter& made) {
    if (const auto* content = member(from, "content")) {
      const auto* o = content->if_object();
      if (!o || o->size() != 1 || !is_json_type(o->begin()->key()))
        return "has content of a type that is not JSON";
      made.style = api_style::json;
      return {};
    }
    const bool in_query = made.place == api_place::query;
    const auto style = string_or(from, "style", in_query ? "form" : "simple");
    made.explode = bool_or(from, "explode", style == "form" && in_query);
    if (!in_query)
      return style == "simple" ? std::string{} : "has a style other than simple";
    if (style == "spaceDelimited")
      made.style = api_style::spaces;
    else if (style == "pipeDelimited")
      made.style = api_style::pipes;
    else if (style == "deepObject")
      made.style = api_style::deep_object;
    else if (style != "form")
      return "has a style that is not known";
    return {};
  }

  static const json::object& schema_of(const json::object& parameter) {
    const auto& content = object_or_empty(parameter, "content");
    if (parameter.contains("schema") || content.empty() || !content.begin()->value().is_object())
      return object_or_empty(parameter, "schema");
    return object_or_empty(content.begin()->value().get_object(), "schema");
  }

  static void say(json::object& schema, std::string_view description) {
    if (!description.empty())
      schema["description"] = json::string(cut_utf8(description, longest_description));
  }

  result<void> read_body(const json::object& operation) {
    const auto* given = member(operation, "requestBody");
    if (!given)
      return {};
    const auto* body = followed(document_, *given);
    if (!body)
      return fail(errc::invalid_argument, "its body is a reference that leads nowhere");
    const auto required = bool_or(*body, "required");
    const auto* media = choose_media(object_or_empty(*body, "content"));
    if (!media) {
      made_.body = api_body::none;
      return required ? result<void>{fail(errc::invalid_argument,
                                          "its body is neither JSON nor a plain form")}
                      : result<void>{};
    }
    made_.body_required = required;
    read_fields(*media);
    const auto& schema = object_or_empty(*media, "schema");
    if (const auto* whole = followed(document_, schema); whole && can_merge(*whole)) {
      auto members = schemas_.take(*whole);
      if (const auto* properties = member(members, "properties")) {
        merge_body(properties->get_object(), member(members, "required"));
        return {};
      }
    }
    made_.body_name = free_name("body", properties_);
    auto taken = schemas_.take(schema);
    say(taken, string_or(*body, "description"));
    properties_[made_.body_name] = std::move(taken);
    if (required)
      required_.push_back(json::string(made_.body_name));
    return {};
  }

  // JSON before a form. The type becomes a header: only names that are tokens.
  const json::object* choose_media(const json::object& content) {
    const json::object* chosen = nullptr;
    int best = 0;
    for (const auto& [key, value] : content) {
      const auto type = media_type({key.data(), key.size()});
      if (!made_of(type, "!#$&^_.+-/") || type.size() > 100 || !value.is_object())
        continue;
      const int worth = type == "application/json"                    ? 3
                        : is_json_type(type)                          ? 2
                        : type == "application/x-www-form-urlencoded" ? 1
                                                                      : 0;
      if (worth <= best)
        continue;
      best = worth;
      chosen = &value.get_object();
      made_.body = worth == 1 ? api_body::form : api_body::json;
      made_.body_type = type;
    }
    return chosen;
  }

  // How a form's members are written, where it says so.
  void read_fields(const json::object& media) {
    if (made_.body != api_body::form)
      return;
    for (const auto& [key, value] : object_or_empty(media, "encoding")) {
      const auto* how = value.if_object();
      if (!how || (!how->contains("style") && !how->contains("explode")))
        continue;
      const std::string name(key);
      api_parameter field{name, name};
      if (read_style(*how, field).empty())
        made_.fields.emplace(name, std::move(field));
    }
  }

  // Its members can be arguments of their own, and whatever else the schema says is not lost.
  bool can_merge(const json::object& schema) const {
    for (const auto& [key, value] : schema) {
      const std::string_view word{key.data(), key.size()};
      const bool harmless = word == "type" || word == "properties" || word == "required"
                            || word == "title" || word == "description" || word == "example"
                            || word == "examples" || word == "xml" || word == "externalDocs"
                            || word == "$schema" || word == "deprecated" || word.starts_with("x-")
                            || (word == "additionalProperties" && value == false);
      if (!harmless)
        return false;
    }
    const auto& properties = object_or_empty(schema, "properties");
    const auto* required = member(schema, "required");
    if (string_or(schema, "type") != "object" || properties.empty()
        || (required && !required->is_array())
        || (!made_.body_required && required && !required->get_array().empty()))
      return false;
    for (const auto& [key, value] : properties)
      if (!is_argument_name(key) || properties_.contains(key))
        return false;
    return true;
  }

  void merge_body(const json::object& members, const json::value* required) {
    made_.body_merged = true;
    for (const auto& [key, value] : members)
      properties_[key] = value;
    if (required)
      for (const auto& name : required->get_array())
        if (members.contains(name.get_string()))
          required_.push_back(name);
  }

  void describe(const method& how, const json::object& operation) {
    json::object schema{
      {"type", "object"}, {"properties", std::move(properties_)}, {"additionalProperties", false}};
    if (!required_.empty())
      schema["required"] = std::move(required_);
    if (auto definitions = schemas_.definitions(); !definitions.empty())
      schema["$defs"] = std::move(definitions);
    std::string words(string_or(operation, "summary"));
    if (const auto more = string_or(operation, "description"); !more.empty() && more != words)
      words.append(words.empty() ? "" : "\n\n").append(more);
    if (words.empty())
      words = made_.method + " " + made_.path;
    words = cut_utf8(words, longest_description);
    if (bool_or(operation, "deprecated"))
      words = "Deprecated. " + words;
    json::object hints{{"readOnlyHint", how.reads}, {"idempotentHint", how.idempotent}};
    if (how.name == "DELETE")
      hints["destructiveHint"] = true;
    made_.tool = {{"description", words},
                  {"inputSchema", std::move(schema)},
                  {"annotations", std::move(hints)}};
  }

  const json::object& document_;
  const std::set<std::string>& not_arguments_;
  schema_taker schemas_;
  const std::size_t bytes_;
  api_operation made_;
  std::set<std::string> seen_;
  json::object properties_;
  json::array required_;
};

class document_reader {
public:
  document_reader(const json::object& document, bool version_3_0, std::string_view credential_place)
    : document_(document), version_3_0_(version_3_0) {
    if (!credential_place.empty())
      not_arguments_.insert(ascii_lower(credential_place));
    const auto& schemes =
      object_or_empty(object_or_empty(document, "components"), "securitySchemes");
    for (const auto& [key, value] : schemes)
      if (const auto* scheme = followed(document, value);
          scheme && string_or(*scheme, "type") == "apiKey")
        not_arguments_.insert(ascii_lower(string_or(*scheme, "name")));
  }

  result<api_document> read() {
    const auto* paths = member(document_, "paths");
    if (!paths || !paths->is_object())
      return fail(errc::invalid_argument, "has no `paths`");
    for (const auto& [key, value] : paths->get_object()) {
      const auto* item = followed(document_, value);
      if (!item)
        continue;
      for (const auto& how : methods)
        if (const auto* operation = member(*item, how.key); operation && operation->is_object()) {
          if (++operations_ > most_operations)
            return fail(errc::invalid_argument, "has more than 2,000 operations");
          add(std::string(key), how, *item, operation->get_object());
        }
    }
    out_.server_path = server_path();
    return std::move(out_);
  }

private:
  // Empty where it says none, or one that is to be filled in.
  std::string server_path() const {
    const auto* servers = member(document_, "servers");
    const auto* list = servers ? servers->if_array() : nullptr;
    const auto* first = list && !list->empty() ? list->front().if_object() : nullptr;
    std::string path(first ? string_or(*first, "url") : std::string_view{});
    if (const auto whole = check_url(path))
      path = whole->target;
    if (!path.starts_with('/') || path.find_first_of("{?") != path.npos || !is_visible(path))
      return {};
    while (path.ends_with('/'))
      path.pop_back();
    return path;
  }

  void add(const std::string& path, const method& how, const json::object& item,
           const json::object& operation) {
    const auto name = name_of(path, how, operation);
    operation_reader reader{document_, version_3_0_, not_arguments_,
                            std::min(longest_schema, left_)};
    auto made =
      left_ == 0
        ? result<api_operation>{fail(errc::invalid_argument, "the document's schemas are too long")}
        : reader.read(path, how, item, operation);
    left_ -= reader.bytes_used();
    if (!made) {
      out_.left_out.emplace(name, std::string(how.name) + " " + excerpt(json::string(path)) + ": "
                                    + made.error().message);
      return;
    }
    made->name = name;
    made->tool["name"] = name;
    out_.operations.emplace(name, std::move(*made));
  }

  // operationId where it is one and nobody's before; else of method and path.
  std::string name_of(const std::string& path, const method& how, const json::object& operation) {
    std::string name(string_or(operation, "operationId"));
    if (name.empty() || name.size() > 2 * longest_name || !is_visible(name)
        || taken_.contains(name))
      name = free_name(name_made_of(std::string(how.key) + path), taken_);
    taken_.insert(name);
    return name;
  }

  const json::object& document_;
  const bool version_3_0_;
  std::set<std::string> not_arguments_; // in small letters
  std::set<std::string> taken_;
  std::size_t operations_ = 0, left_ = all_schemas;
  api_document out_;
};

} // namespace

result<api_document> read_openapi(const json::value& document, std::string_view credential_place) {
  const auto* whole = document.if_object();
  if (!whole)
    return fail(errc::invalid_argument, "is no OpenAPI document");
  if (whole->contains("swagger"))
    return fail(errc::invalid_argument,
                "is a document of Swagger 2; one of OpenAPI 3 is needed, converters are many");
  const auto* version = member(*whole, "openapi"); // 3.1 without quotes is a number in YAML
  const auto text = !version               ? std::string{}
                    : version->is_number() ? std::to_string(version->to_number<double>())
                                           : std::string(string_or(*whole, "openapi"));
  if (!text.starts_with("3.0") && !text.starts_with("3.1") && !text.starts_with("3.2"))
    return fail(errc::invalid_argument, "is no document of OpenAPI 3.0, 3.1 or 3.2");
  return document_reader{*whole, text.starts_with("3.0"), credential_place}.read();
}

result<std::shared_ptr<const api_document>> make_api_document(const json::value& document,
                                                              std::string_view credential_place) {
  auto made = read_openapi(document, credential_place);
  if (!made)
    return made.error();
  return std::make_shared<const api_document>(std::move(*made));
}

} // namespace behalf
