#include "actors/endpoints/rows.hpp"

#include "actors/endpoints/views.hpp"
#include "actors/store_items.hpp"

namespace behalf {

bool may_see(request_pointer self, const record& row) {
  const auto& visible = self->state.granted.visible;
  return visible.matches(row.type == kind::item ? item_fields(row) : row.metadata);
}

void write_and_end(request_pointer self, write_records what) {
  ask_core(
    self, self->state.with->writer, std::move(what), [self](written) { answer_empty(self, 204); },
    or_refuse(self));
}

result<json::object> prepare_thread(request_pointer self) {
  auto id = uuid_param(self, "thread_id", "thread");
  if (!id)
    return id.error();
  self->state.thread_id = *id;
  return json::object{{"thread_id", *id}};
}

record_key thread_key(request_pointer self, std::string_view id) {
  return {kind::thread, tenant_of(self), std::string(id)};
}

error no_thread(std::string_view id) {
  return fail(errc::not_found, "Thread with ID " + std::string(id) + " not found");
}

body_reader optional_body(request_pointer self) {
  auto& body = self->state.body;
  if (body.is_null())
    body = json::object{};
  return {body, shape_of(self)};
}

json::object read_paging(body_reader& in, const std::vector<std::string_view>& sorts) {
  in.one_of("sort_by", sorts);
  in.one_of("sort_order", {"asc", "desc"});
  in.texts("select", &shape_limits::names);
  return {{"metadata", in.conditions("metadata", true).value_or(json::object{})},
          {"limit", in.integer("limit", 1, 1000).value_or(10)},
          {"offset", in.integer("offset", 0, 1'000'000'000).value_or(0)}};
}

query paged_query(request_pointer self, kind type, std::string_view sort_by) {
  auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  query q;
  q.type = type;
  q.tenant = tenant_of(self);
  q.metadata = object_or_empty(s.granted.value, "metadata"); // handlers may have narrowed it
  q.visible = s.granted.visible;
  q.sort = sort_of(in.text("sort_by").value_or(std::string(sort_by)));
  q.descending = in.text("sort_order").value_or("desc") == "desc";
  q.limit = int_or(s.granted.value, "limit", 10);
  q.offset = int_or(s.granted.value, "offset", 0);
  return q;
}

void answer_page(request_pointer self, query q, json::object (*view)(const record&)) {
  auto limit = q.limit, offset = q.offset;
  ask_core(
    self, self->state.with->reader(), search_records{std::move(q)},
    [self, limit, offset, view](page& found) {
      body_reader in{self->state.body, shape_of(self)};
      auto fields = in.texts("select", &shape_limits::names).value_or(std::vector<std::string>{});
      json::array all;
      for (const auto& row : found.rows)
        all.push_back(selected(view(row), fields));
      auto headers = pagination(offset, limit, all.size(), found.more);
      answer(self, 200, all, std::move(headers));
    },
    or_refuse(self));
}

void answer_count(request_pointer self, query q) {
  ask_core(
    self, self->state.with->reader(), count_records{std::move(q)},
    [self](found_count n) { answer(self, 200, n.count); }, or_refuse(self));
}

} // namespace behalf
