#include "actors/endpoints/rows.hpp"

#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/store_items.hpp"

namespace behalf::endpoints {

bool may_see(request_pointer self, const record& row) {
  const auto& auth_filter = self->state.granted.auth_filter;
  return auth_filter.matches(row.type == kind::item ? item_fields(row) : row.metadata);
}

authorize also(request_pointer self, std::string_view action, json::object value) {
  authorize a;
  a.who = self->state.granted.who;
  a.resource = "threads";
  a.action = action;
  a.value = std::move(value);
  return a;
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

json::object read_paging(body_reader& in, const std::vector<std::string_view>& sorts,
                         const projectable& fields) {
  in.one_of("sort_by", sorts);
  in.one_of("sort_order", {"asc", "desc"});
  projection::read(in, fields);
  return {{"metadata", in.conditions("metadata").value_or(json::object{})},
          {"limit", in.integer("limit", 1, 1000).value_or(10)},
          {"offset", in.integer("offset", 0, 1'000'000'000).value_or(0)}};
}

query paged_query(request_pointer self, admission::granted_reader& granted, kind type,
                  std::string_view sort_by) {
  auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  query q;
  q.type = type;
  q.tenant = tenant_of(self);
  q.metadata = granted.object("metadata"); // handlers may have narrowed it
  q.auth_filter = s.granted.auth_filter;
  q.sort = sort_of(in.text("sort_by").value_or(std::string(sort_by)));
  q.descending = in.text("sort_order").value_or("desc") == "desc";
  q.limit = granted.integer("limit", 0, 1000);
  q.offset = granted.integer("offset", 0, 1'000'000'000);
  return q;
}

namespace {

struct row_answer {
  storage::search_ptr search;
  row_style style;
};

void take_rows(request_pointer self, const row_answer& rows, const scan_part& part) {
  auto& out = *self->state.out;
  if (!out.has_elements && rows.style.headers) // they depend on the first slice
    out.headers = rows.style.headers(*rows.search);
  if (rows.style.read) {
    std::vector<const record*> read;
    for (const auto& row : part.rows)
      read.push_back(&row);
    rows.style.read(read);
  }
  for (const auto& row : part.rows)
    add_element(out, dump(rows.style.show(row)));
  if (part.done) {
    out.text += rows.style.end;
    return complete(self);
  }
  end_with_client(self);
  go_on(self);
}

} // namespace

void answer_rows(request_pointer self, query q, row_style style, record_scan::wants want) {
  auto out = std::make_shared<long_answer>();
  out->text = style.begin;
  auto rows = std::make_shared<row_answer>(
    row_answer{storage::new_search(*self->state.app, std::move(q), want), std::move(style)});
  rows->search->room = room_for_rows(self);
  out->more = [self, rows] {
    storage::next_slice(
      self, *self->state.app, rows->search, *self->state.granted.who,
      [self, rows](scan_part& part) { take_rows(self, *rows, part); },
      [self](const error& why) { break_off(self, why); });
  };
  make_answer(self, std::move(out));
}

void answer_page(request_pointer self, query q, json::object (*view)(const record&),
                 const projectable& fields) {
  body_reader in{self->state.body, shape_of(self)};
  const auto wanted = projection::read(in, fields);
  row_style style;
  style.show = [view, wanted](const record& row) { return wanted.apply(view(row)); };
  style.headers = [](const record_scan& s) {
    return pagination(s.what.offset, s.what.limit, static_cast<std::size_t>(s.found), s.more);
  };
  auto want = wanted.only_of_heads() ? record_scan::wants::heads : record_scan::wants::rows;
  answer_rows(self, std::move(q), std::move(style), want);
}

void answer_count(request_pointer self, query q) {
  auto search = storage::new_search(*self->state.app, std::move(q), record_scan::wants::count);
  search->room = room_for_rows(self);
  storage::each_slice(
    self, self->state.app, search, self->state.granted.who,
    [self, search](scan_part& part) {
      if (part.done)
        answer(self, 200, search->found);
      else
        end_with_client(self);
      return true;
    },
    or_refuse(self));
}

} // namespace behalf::endpoints
