#include "actors/endpoints/openapi.hpp"

#include "actors/endpoints/routes.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <stdexcept>

namespace behalf::endpoints {
namespace {

struct described {
  json::object operations, schemas;
};

void take(json::object& into, const json::object& from) {
  for (const auto& [name, value] : from)
    if (!into.emplace(name, value).second)
      throw std::logic_error("described twice: " + std::string(name));
}

described read_files() {
  described all;
  for (const auto text : openapi_files) {
    auto file = parse_json(text);
    if (!file)
      throw std::logic_error(file.error().message);
    take(all.operations, object_or_empty(file->as_object(), "operations"));
    take(all.schemas, object_or_empty(file->as_object(), "schemas"));
  }
  return all;
}

// A schema, or the name of one.
json::value schema_of(const json::value& said) {
  if (!said.is_string())
    return said;
  return json::object{{"$ref", "#/components/schemas/" + std::string(said.get_string())}};
}

// An event stream is of events that the schema is not of; their description says what they are.
json::object content_of(const json::array& types, const json::value& schema) {
  json::object content;
  for (const auto& type : types)
    content[type.as_string()] =
      type == "text/event-stream" ? json::object{} : json::object{{"schema", schema_of(schema)}};
  return content;
}

json::array parameters_of(std::string_view pattern, const json::object& query) {
  json::array all;
  for (auto from = pattern.find('{'); from != pattern.npos; from = pattern.find('{', from + 1))
    all.push_back({{"name", pattern.substr(from + 1, pattern.find('}', from) - from - 1)},
                   {"in", "path"},
                   {"required", true},
                   {"schema", {{"type", "string"}}}});
  for (const auto& [name, schema] : query)
    all.push_back({{"name", name}, {"in", "query"}, {"schema", schema_of(schema)}});
  return all;
}

json::object answers_of(const json::object& said) {
  json::object all;
  const auto* types = member(said, "type");
  for (const auto& [status, answer] : said)
    if (status.size() == 3 && is_digit(status.front())) {
      json::object one{{"description", answer.is_null() ? "Done" : "Success"}};
      if (!answer.is_null())
        one["content"] = content_of(types ? types->get_array() : list("application/json"), answer);
      all[status] = std::move(one);
    }
  if (const auto* events = member(said, "stream"))
    all["200"] =
      json::object{{"description", *events},
                   {"content", {{"text/event-stream", {{"schema", {{"type", "string"}}}}}}}};
  if (all.empty())
    all["default"] = json::object{{"description", "Success"}};
  for (const auto* failed : {"4XX", "5XX"}) {
    const auto* words = member(said, failed);
    all[failed] = json::object{
      {"description", *failed == '4' ? "The request is refused" : "The server is not able to"},
      {"content", content_of(list("application/json"), words ? *words : "Refused")}};
  }
  return all;
}

json::object operation_of(const route& r, const json::object& said) {
  json::object one{{"summary", r.summary},
                   {"tags", json::array{r.pattern.substr(1, r.pattern.find('/', 1) - 1)}},
                   {"parameters", parameters_of(r.pattern, object_or_empty(said, "query"))}};
  if (const auto* body = member(said, "body"))
    one["requestBody"] =
      json::object{{"required", true}, {"content", content_of(list("application/json"), *body)}};
  one["responses"] = answers_of(said);
  if (r.who.is == access::level::open)
    one["security"] = json::array{};
  return one;
}

std::string name_of(const route& r) {
  return std::string(to_string(r.method)) + ' ' + std::string(r.pattern);
}

std::string rule_of(const route& r) {
  if (r.who.is == access::level::open)
    return "open";
  return r.who.resource.empty() ? "authenticated"
                                : std::string(r.who.resource) + "." + std::string(r.who.action);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  return out;
}

// A schema as a person reads it, in one line: {graph_id: string, limit?: integer}.
void write_schema(std::string& out, const json::value& schema) {
  const auto& all = schema.as_object();
  if (const auto* reference = member(all, "$ref")) {
    const auto name = std::string_view(reference->get_string()).substr(21);
    out += "<a href=\"#" + std::string(name) + "\">" + std::string(name) + "</a>";
    return;
  }
  const auto list = [&](const json::array& any, auto write_one) {
    std::string_view between;
    for (const auto& one : any) {
      out += between;
      write_one(one);
      between = " | ";
    }
  };
  const auto write_text = [&](const json::value& one) {
    out += one.is_string() ? escaped(one.get_string()) : escaped(dump(one));
  };
  if (const auto* any = member(all, "anyOf"))
    return list(any->get_array(), [&](const json::value& one) { write_schema(out, one); });
  if (const auto* any = member(all, "allOf"))
    return list(any->get_array(), [&](const json::value& one) { write_schema(out, one); });
  if (const auto* any = member(all, "enum"))
    return list(any->get_array(), write_text);
  if (const auto* items = member(all, "items")) {
    out += "[";
    write_schema(out, *items);
    out += "]";
    return;
  }
  if (const auto* members = member(all, "properties")) {
    const auto* required = member(all, "required");
    out += "{";
    std::string_view between;
    for (const auto& [name, one] : members->get_object()) {
      out += between;
      out += escaped(name);
      if (!required
          || required->get_array().end()
               == std::find(required->get_array().begin(), required->get_array().end(),
                            json::value(name)))
        out += "?";
      out += ": ";
      write_schema(out, one);
      between = ", ";
    }
    out += "}";
    return;
  }
  if (const auto* type = member(all, "type"))
    return type->is_array() ? list(type->get_array(), write_text) : write_text(*type);
  out += "any";
}

} // namespace

json::object openapi_document() {
  const auto all = read_files();
  json::object paths;
  for (const auto& r : all_routes().payloads()) {
    auto& path = paths[r.pattern];
    if (!path.is_object())
      path = json::object{};
    path.get_object()[ascii_lower(to_string(r.method))] =
      operation_of(r, object_or_empty(all.operations, name_of(r)));
  }
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Behalf"}, {"version", BEHALF_VERSION}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", all.schemas},
            {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
          {"security", json::array{json::object{{"bearer", json::array{}}}}}};
}

std::string openapi_page() {
  const auto all = read_files();
  std::string page =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\"><title>Behalf API</title>"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 "
    "1rem}td,th{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem "
    "0}code{white-space:nowrap}small{overflow-wrap:anywhere}</style>"
    "<h1>Behalf " BEHALF_VERSION "</h1><p>The LangGraph Agent Server API. Machine-readable: <a "
    "href=\"openapi.json\">openapi.json</a>.</p><table><tr><th>Operation<th>Needs<th>What it does";
  for (const auto& r : all_routes().payloads()) {
    page +=
      "<tr><td><code>" + name_of(r) + "</code><td>" + rule_of(r) + "<td>" + escaped(r.summary);
    const auto& said = object_or_empty(all.operations, name_of(r));
    const auto show = [&](std::string_view what, const json::value& schema) {
      page += "<br><small>" + std::string(what) + ": ";
      write_schema(page, schema_of(schema));
      page += "</small>";
    };
    for (const auto& [name, schema] : object_or_empty(said, "query"))
      show("?" + std::string(name), schema);
    if (const auto* body = member(said, "body"))
      show("takes", *body);
    if (const auto* answer = member(said, "200"); answer && !answer->is_null())
      show("answers", *answer);
  }
  page += "</table><h2>Schemas</h2><table>";
  for (const auto& [name, schema] : all.schemas) {
    page +=
      "<tr><td id=\"" + std::string(name) + "\"><code>" + std::string(name) + "</code><td><small>";
    write_schema(page, schema);
    page += "</small>";
  }
  return page + "</table></html>";
}

} // namespace behalf::endpoints
