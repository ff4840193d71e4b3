// What the server says about itself: health, description, metrics, and the list of its routes.
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/log.hpp"

namespace behalf::endpoints {
namespace {

// Checks reading and writing: a full disk can still be read.
void ready(request_pointer self) {
  auto not_ready = [self](const error& why) {
    log::warning("storage_not_ready", {{"reason", why.message}});
    if (why.kind == storage_full)
      return refuse(self, why);
    refuse(self, fail(errc::overloaded, "the storage does not answer; the log says why",
                      "Retry-After", "5"));
  };
  storage::read(
    self, *self->state.app,
    storage::get_head{{kind::assistant, "", ""}}, // does not exist; reading is what is checked
    [self, not_ready](const storage::row_ptr&) {
      ask(
        self, self->state.app->writer, check_storage{},
        [self](written) {
          answer(self, 200, json::object{{"ok", true}, {"services", {{"storage", "ok"}}}});
        },
        not_ready);
    },
    not_ready);
}

void ok(request_pointer self) {
  if (flag_query(self, "check_db"))
    return ready(self);
  answer(self, 200, json::object{{"ok", true}, {"services", json::object{}}});
}

void info(request_pointer self) {
  const auto& o = *self->state.app->options;
  answer(self, 200,
         json::object{{"version", BEHALF_VERSION},
                      {"flags", {{"assistants", true}, {"crons", false}, {"langsmith", false}}},
                      {"host", {{"kind", "self-hosted"}, {"project_id", nullptr}}},
                      {"server", "behalf"},
                      {"authentication", o.authenticated}});
}

void show_metrics(request_pointer self) {
  const auto& app = *self->state.app;
  const auto* format = text_query(self, "format");
  if (format && *format == "json")
    return answer_page(self, app.metrics_json.text(), "application/json");
  answer_page(self, app.metrics_text.text(), "text/plain; version=0.0.4; charset=utf-8");
}

std::string rule_of(const route& r) {
  if (r.who.is == access::level::open)
    return "open";
  return r.who.resource.empty() ? "authenticated"
                                : std::string(r.who.resource) + "." + std::string(r.who.action);
}

std::string docs_page() {
  std::string page =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\"><title>Behalf API</title>"
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 "
    "1rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}code{white-space:nowrap}</style>"
    "<h1>Behalf " BEHALF_VERSION "</h1><p>The LangGraph Agent Server API. Machine-readable: <a "
    "href=\"openapi.json\">openapi.json</a>.</p><table><tr><th>Method<th>Path<th>Needs<th>What it "
    "does";
  for (const auto& r : all_routes().payloads())
    page += "<tr><td>" + std::string(to_string(r.method)) + "<td><code>" + std::string(r.pattern)
            + "</code><td>" + rule_of(r) + "<td>" + std::string(r.summary);
  return page + "</table></html>";
}

void docs(request_pointer self) {
  static const auto page = docs_page();
  answer_page(self, page, "text/html; charset=utf-8",
              {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}});
}

json::array parameters_of(std::string_view pattern) {
  json::array all;
  for (auto from = pattern.find('{'); from != pattern.npos; from = pattern.find('{', from + 1))
    all.push_back({{"name", pattern.substr(from + 1, pattern.find('}', from) - from - 1)},
                   {"in", "path"},
                   {"required", true},
                   {"schema", {{"type", "string"}}}});
  return all;
}

std::string openapi_page() {
  json::object paths;
  for (const auto& r : all_routes().payloads()) {
    std::string method{to_string(r.method)};
    for (auto& c : method)
      c = static_cast<char>(c | 0x20);
    json::object operation{{"summary", r.summary},
                           {"parameters", parameters_of(r.pattern)},
                           {"responses", {{"200", {{"description", "Success"}}}}}};
    if (r.who.is == access::level::open)
      operation["security"] = json::array{};
    auto& path = paths[r.pattern];
    if (!path.is_object())
      path = json::object{};
    path.get_object()[method] = std::move(operation);
  }
  return dump(json::object{
    {"openapi", "3.1.0"},
    {"info", {{"title", "Behalf"}, {"version", BEHALF_VERSION}}},
    {"paths", std::move(paths)},
    {"components", {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
    {"security", json::array{json::object{{"bearer", json::array{}}}}}});
}

void openapi(request_pointer self) {
  static const auto page = openapi_page();
  answer_page(self, page, "application/json");
}

} // namespace

std::vector<route> system_routes() {
  auto open = access::open();
  return {
    {verb::get, "/", open, nullptr, ok, "Health"},
    {verb::get, "/ok", open, nullptr, ok, "Health; with check_db=1 of the storage too"},
    {verb::get, "/ready", open, nullptr, ready, "Readiness: the storage can be read and written"},
    {verb::get, "/info", open, nullptr, info, "Version and features"},
    {verb::get, "/metrics", open, nullptr, show_metrics, "Metrics, as Prometheus text or JSON"},
    {verb::get, "/docs", open, nullptr, docs, "This list"},
    {verb::get, "/openapi.json", open, nullptr, openapi, "This list for machines"},
  };
}

const router<route>& all_routes() {
  static const auto table = [] {
    router<route> all;
    for (auto list : {system_routes(), assistant_routes(), thread_routes(), run_routes(),
                      item_routes(), issuer_routes()})
      for (auto& r : list)
        all.add(r.method, r.pattern, r);
    return all;
  }();
  return table;
}

} // namespace behalf::endpoints
