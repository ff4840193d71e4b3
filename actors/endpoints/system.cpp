// What the server says about itself: health, description, metrics, and the list of its routes.
#include "actors/endpoints/openapi.hpp"
#include "actors/endpoints/protected_resource.hpp"
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
         json::object{
           {"version", BEHALF_VERSION},
           {"flags",
            {{"assistants", true}, {"crons", true}, {"langsmith", false}, {"strict_resume", true}}},
           {"host",
            {{"kind", "self-hosted"},
             {"project_id", nullptr},
             {"host_revision_id", nullptr},
             {"revision_id", nullptr},
             {"tenant_id", nullptr}}},
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

void describe_server(request_pointer self) {
  describe_resource(self, "");
}

void docs(request_pointer self) {
  static const auto page = openapi_page();
  answer_page(self, page, "text/html; charset=utf-8",
              {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}});
}

void openapi(request_pointer self) {
  static const auto page = dump(openapi_document());
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
    {verb::get, "/.well-known/oauth-protected-resource", open, nullptr, describe_server,
     "Who issues tokens for this server"},
    {verb::get, "/docs", open, nullptr, docs, "This list"},
    {verb::get, "/openapi.json", open, nullptr, openapi, "This list for machines"},
  };
}

const router<route>& all_routes() {
  static const auto table = [] {
    router<route> all;
    for (auto list :
         {system_routes(), assistant_routes(), assistant_version_routes(), assistant_graph_routes(),
          thread_routes(), state_update_routes(), thread_upkeep_routes(), thread_stream_routes(),
          run_routes(), run_end_routes(), cron_routes(), item_routes(), usage_routes(),
          mcp_routes(), a2a_routes(), issuer_routes()})
      for (auto& r : list)
        all.add(r.method, r.pattern, r);
    return all;
  }();
  return table;
}

} // namespace behalf::endpoints
