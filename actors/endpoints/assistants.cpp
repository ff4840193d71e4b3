// Assistants: one per graph, made when the server starts; search and read.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/views.hpp"

namespace behalf {
namespace {

record system_assistant(const std::string& tenant, const catalog_entry& entry) {
  record row;
  row.type = kind::assistant;
  row.tenant = tenant;
  row.id = entry.assistant_id;
  row.name = row.graph_id = entry.graph_id;
  row.metadata = {{"created_by", "system"}};
  row.created_at = row.updated_at = now();
  row.doc = {{"config", json::object{}},
             {"context", json::object{}},
             {"version", 1},
             {"description",
              entry.description.empty() ? json::value(nullptr) : json::value(entry.description)}};
  return row;
}

// Goes on once the tenant's system assistants exist: one commit each, as some may be there.
template <class Then>
void with_seeded(request_pointer self, Then then) {
  auto& s = self->state;
  const auto& entries = s.with->graphs.entries();
  if (s.with->seeded.has(tenant_of(self)) || entries.empty())
    return then();
  auto left = std::make_shared<std::size_t>(entries.size());
  auto one_less = [self, left, then]() mutable {
    if (--*left > 0)
      return;
    self->state.with->seeded.add(tenant_of(self));
    then();
  };
  for (const auto& entry : entries) {
    write_records w;
    w.what.puts.push_back({system_assistant(tenant_of(self), entry), 0});
    ask_core(
      self, s.with->writer, std::move(w), [one_less](written) mutable { one_less(); },
      [one_less](const error&) mutable { one_less(); }); // it was there
  }
}

result<json::object> prepare_search(request_pointer self) {
  auto& s = self->state;
  if (s.body.is_null())
    s.body = json::object{};
  body_reader in{s.body};
  auto graph_id = in.text("graph_id", true);
  in.text("name", true);
  in.one_of("sort_by", {"assistant_id", "created_at", "updated_at", "name", "graph_id"});
  in.one_of("sort_order", {"asc", "desc"});
  in.texts("select");
  json::object value{{"graph_id", graph_id ? json::value(*graph_id) : json::value(nullptr)},
                     {"metadata", in.object("metadata", true).value_or(json::object{})},
                     {"limit", in.integer("limit", 1, 1000).value_or(10)},
                     {"offset", in.integer("offset", 0, 1'000'000'000).value_or(0)}};
  if (in.fault())
    return *in.fault();
  if (graph_id && !s.with->graphs.by_graph(*graph_id))
    return fail(errc::not_found, "Graph '" + *graph_id + "' not found. Expected one of: ["
                                   + s.with->graphs.names() + "]");
  return value;
}

query assistant_query(request_pointer self) {
  auto& s = self->state;
  body_reader in{s.body};
  query q;
  q.type = kind::assistant;
  q.tenant = tenant_of(self);
  q.graph_id = in.text("graph_id", true).value_or("");
  q.name_part = in.text("name", true).value_or("");
  q.metadata = object_or_empty(s.granted.value, "metadata");
  q.visible = s.granted.visible;
  q.sort = sort_of(in.text("sort_by").value_or("created_at"));
  q.descending = in.text("sort_order").value_or("desc") == "desc";
  q.limit = int_or(s.granted.value, "limit", 10);
  q.offset = int_or(s.granted.value, "offset", 0);
  return q;
}

void find(request_pointer self) {
  auto q = assistant_query(self);
  auto limit = q.limit, offset = q.offset;
  ask_core(
    self, self->state.with->reader(), search_records{std::move(q)},
    [self, limit, offset](page& found) {
      body_reader in{self->state.body};
      auto fields = in.texts("select").value_or(std::vector<std::string>{});
      json::array all;
      for (const auto& row : found.rows)
        all.push_back(selected(assistant_view(row), fields));
      auto headers = pagination(offset, limit, all.size(), found.more);
      answer(self, 200, all, std::move(headers));
    },
    or_refuse(self));
}

void search(request_pointer self) {
  with_seeded(self, [self] { find(self); });
}

void count(request_pointer self) {
  with_seeded(self, [self] {
    ask_core(
      self, self->state.with->reader(), count_records{assistant_query(self)},
      [self](found_count n) { answer(self, 200, n.count); }, or_refuse(self));
  });
}

result<json::object> prepare_id(request_pointer self) {
  auto id = uuid_param(self, "assistant_id", "assistant");
  if (!id)
    return id.error();
  return json::object{{"assistant_id", *id}};
}

template <class Then>
void with_assistant(request_pointer self, Then then) {
  auto id = uuid_param(self, "assistant_id", "assistant").value();
  ask_core(
    self, self->state.with->reader(), get_record{{kind::assistant, tenant_of(self), id}},
    [self, then](found_record& found) mutable {
      if (!found.row || !self->state.granted.visible.matches(found.row->metadata))
        return refuse(self, fail(errc::not_found, "Not Found"));
      then(*found.row);
    },
    or_refuse(self));
}

void get(request_pointer self) {
  with_seeded(self, [self] {
    with_assistant(self, [self](const record& row) { answer(self, 200, assistant_view(row)); });
  });
}

} // namespace

std::vector<route> assistant_routes() {
  auto assistants = [](std::string_view action) { return access::to("assistants", action); };
  return {
    {verb::post, "/assistants/search", assistants("search"), prepare_search, search,
     "Search assistants"},
    {verb::post, "/assistants/count", assistants("search"), prepare_search, count,
     "Count assistants"},
    {verb::get, "/assistants/{assistant_id}", assistants("read"), prepare_id, get,
     "Get an assistant"},
  };
}

} // namespace behalf
