// The store: JSON items under namespaces, put, get, delete and search.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/storage/item_access.hpp"
#include "runtime/base/item_rules.hpp"

namespace behalf::endpoints {
namespace {

using labels = std::vector<std::string>;

json::value any_of(const body_reader& in, std::string_view key) {
  const auto* v = in.any(key);
  return v ? *v : json::value(nullptr);
}

labels labels_of(body_reader& in, std::string_view key) {
  return in.texts(key, &shape_limits::names).value_or(labels{});
}

// Null, false, or the paths to index by.
json::value index_of(body_reader& in) {
  const auto* v = in.any("index");
  if (!v || v->is_null())
    return nullptr;
  if (v->is_array())
    return json::value_from(in.texts("index", &shape_limits::names).value_or(labels{}));
  return in.flag("index").value_or(false);
}

json::value query_of(body_reader& in) {
  auto text = in.text("query", true);
  return text ? json::value(*text) : json::value(nullptr);
}

// The value of a question that was read without a fault.
result<json::object> value_of(const body_reader& in, result<storage::item_question> asked) {
  if (in.fault())
    return *in.fault();
  if (!asked)
    return asked.error();
  return std::move(asked->value);
}

result<json::object> prepare_put(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  in.require("namespace");
  in.require("key");
  in.require("value");
  if (const auto* ttl = in.any("ttl"); ttl && !ttl->is_null())
    in.number("ttl", 0, max_ttl_minutes);
  auto asked =
    storage::ask_to_put(labels_of(in, "namespace"), in.text("key").value_or(""),
                        in.object("value", &shape_limits::members).value_or(json::object{}),
                        index_of(in), any_of(in, "ttl"));
  return value_of(in, std::move(asked));
}

void put(request_pointer self) {
  const auto& s = self->state;
  storage::put_item(
    self, *s.app, s.granted, [self] { answer_empty(self, 204); }, or_refuse(self));
}

result<json::object> prepare_get(request_pointer self) {
  const auto* key = text_query(self, "key");
  if (!key || key->empty())
    return fail(errc::bad_request, "Key is required");
  const auto* ns = text_query(self, "namespace");
  labels parts;
  for (std::size_t from = 0; ns && from <= ns->size();) {
    auto dot = std::min(ns->find('.', from), ns->size());
    parts.push_back(ns->substr(from, dot - from));
    from = dot + 1;
  }
  auto asked = storage::ask_to_get(parts, *key);
  if (!asked)
    return asked.error();
  return std::move(asked->value);
}

void get(request_pointer self) {
  const auto& s = self->state;
  storage::get_item(
    self, *s.app, s.granted,
    [self](const row_ptr& item) {
      answer(self, 200, item ? json::value(item_view(*item)) : json::value(nullptr));
    },
    or_refuse(self), room_for_rows(self));
}

result<json::object> prepare_delete(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  in.require("namespace");
  in.require("key");
  auto asked = storage::ask_to_delete(labels_of(in, "namespace"), in.text("key").value_or(""));
  return value_of(in, std::move(asked));
}

void remove(request_pointer self) {
  const auto& s = self->state;
  storage::delete_item(
    self, *s.app, s.granted, [self] { answer_empty(self, 204); }, or_refuse(self));
}

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto limit = in.integer("limit", 0, 1000).value_or(10);
  auto asked = storage::ask_to_search(
    labels_of(in, "namespace_prefix"), in.conditions("filter", true).value_or(json::object{}),
    limit == 0 ? 10 : limit, in.integer("offset", 0, 1'000'000'000).value_or(0), query_of(in));
  return value_of(in, std::move(asked));
}

void search(request_pointer self) {
  auto q = storage::granted_search(self->state.granted);
  if (!q)
    return refuse(self, q.error());
  row_style style;
  style.show = [](const record& row) {
    auto shown = item_view(row);
    shown["score"] = nullptr;
    return shown;
  };
  style.begin = R"({"items":[)";
  style.end = "]}";
  answer_rows(self, std::move(*q), std::move(style));
}

} // namespace

std::vector<route> item_routes() {
  auto store = [](std::string_view action) consteval {
    return access::to("store", action);
  };
  return {
    {verb::put, "/store/items", store("put"), prepare_put, put, "Put an item",
     storage::changeable_item_fields("put")},
    {verb::get, "/store/items", store("get"), prepare_get, get, "Get an item",
     storage::changeable_item_fields("get")},
    {verb::del, "/store/items", store("delete"), prepare_delete, remove, "Delete an item",
     storage::changeable_item_fields("delete")},
    {verb::post, "/store/items/search", store("search"), prepare_search, search,
     "Search items below a namespace", storage::changeable_item_fields("search")},
  };
}

} // namespace behalf::endpoints
