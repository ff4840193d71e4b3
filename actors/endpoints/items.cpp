// The store: JSON items under namespaces, put, get, delete and search.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/store_items.hpp"

namespace behalf {
namespace {

// The namespace as the handlers left it, checked again: a handler may have rewritten it.
result<std::string> granted_namespace(request_pointer self, std::string_view key) {
  std::vector<std::string> labels;
  const auto* v = member(self->state.granted.value, key);
  if (v && v->is_array())
    for (const auto& one : v->get_array())
      if (one.is_string())
        labels.emplace_back(one.get_string());
  return checked_namespace(labels, key == "namespace_prefix");
}

// Goes on with the item of that namespace and key; with null where there is none to be seen.
template <class Then>
void with_item(request_pointer self, Then then) {
  auto ns = granted_namespace(self, "namespace");
  if (!ns)
    return refuse(self, ns.error());
  auto key = string_or(self->state.granted.value, "key");
  look_up(self, {kind::item, tenant_of(self), std::string(key), *ns}, std::move(then));
}

result<json::object> value_of(body_reader& in, json::object value) {
  if (in.fault())
    return *in.fault();
  return value;
}

json::array labels_of(body_reader& in, std::string_view key) {
  auto labels = in.texts(key, &shape_limits::names).value_or(std::vector<std::string>{});
  if (auto ok = checked_namespace(labels, key == "namespace_prefix"); !ok)
    in.refuse(ok.error());
  return json::value_from(labels).get_array();
}

result<json::object> prepare_put(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  in.require("namespace");
  in.require("key");
  in.require("value");
  json::object value{{"namespace", labels_of(in, "namespace")},
                     {"key", in.text("key").value_or("")},
                     {"value", in.object("value", &shape_limits::members).value_or(json::object{})},
                     {"index", in.any("index") ? *in.any("index") : json::value(nullptr)},
                     {"ttl", in.any("ttl") ? *in.any("ttl") : json::value(nullptr)}};
  if (const auto* ttl = in.any("ttl"); ttl && !ttl->is_null())
    in.number("ttl", 0, max_ttl_minutes);
  return value_of(in, std::move(value));
}

void put(request_pointer self) {
  auto ns = granted_namespace(self, "namespace");
  if (!ns)
    return refuse(self, ns.error());
  const auto& v = self->state.granted.value;
  const auto* ttl = member(v, "ttl");
  auto row =
    new_item(tenant_of(self), *ns, std::string(string_or(v, "key")), object_or_empty(v, "value"),
             ttl && ttl->is_number() ? ttl->to_number<double>() : 0);
  if (!may_see(self, row))
    return refuse(self, fail(errc::denied, "Forbidden"));
  // An item that is there and that this caller may not see is not overwritten either.
  auto fresh = std::make_shared<record>(std::move(row));
  ask_core(
    self, self->state.with->reader(), get_record{fresh->key()},
    [self, fresh](found_record& found) {
      if (found.row && !may_see(self, *found.row))
        return refuse(self, fail(errc::not_found, "Not Found"));
      if (found.row)
        fresh->created_at = found.row->created_at;
      write_records w;
      w.what.puts.push_back({std::move(*fresh), std::nullopt});
      write_and_end(self, std::move(w));
    },
    or_refuse(self));
}

result<json::object> prepare_get(request_pointer self) {
  const auto* key = text_query(self, "key");
  if (!key || key->empty())
    return fail(errc::bad_request, "Key is required");
  const auto* ns = text_query(self, "namespace");
  std::vector<std::string> labels;
  for (std::size_t from = 0; ns && from <= ns->size();) {
    auto dot = std::min(ns->find('.', from), ns->size());
    labels.push_back(ns->substr(from, dot - from));
    from = dot + 1;
  }
  if (auto ok = checked_namespace(labels, false); !ok)
    return ok.error();
  return json::object{{"namespace", json::value_from(labels)}, {"key", *key}};
}

void get(request_pointer self) {
  with_item(self, [self](const row_ptr& item) {
    answer(self, 200, item ? json::value(item_view(*item)) : json::value(nullptr));
  });
}

result<json::object> prepare_delete(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  in.require("namespace");
  in.require("key");
  json::object value{{"namespace", labels_of(in, "namespace")},
                     {"key", in.text("key").value_or("")}};
  return value_of(in, std::move(value));
}

void remove(request_pointer self) {
  with_item(self, [self](const row_ptr& item) {
    if (!item)
      return answer_empty(self, 204);
    write_records w;
    w.what.erases.push_back({item->key()});
    write_and_end(self, std::move(w));
  });
}

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto limit = in.integer("limit", 0, 1000).value_or(10);
  json::object value{{"namespace", labels_of(in, "namespace_prefix")},
                     {"filter", in.conditions("filter", true).value_or(json::object{})},
                     {"limit", limit == 0 ? 10 : limit},
                     {"offset", in.integer("offset", 0, 1'000'000'000).value_or(0)},
                     {"query", in.any("query") ? *in.any("query") : json::value(nullptr)}};
  if (auto ok = value_filter::parse(value.at("filter").get_object()); !ok)
    in.refuse(ok.error());
  return value_of(in, std::move(value));
}

void search(request_pointer self) {
  auto& v = self->state.granted.value;
  v["namespace_prefix"] = v["namespace"]; // handlers rewrite one name for every action
  auto prefix = granted_namespace(self, "namespace_prefix");
  if (!prefix)
    return refuse(self, prefix.error());
  query q;
  q.type = kind::item;
  q.tenant = tenant_of(self);
  q.namespace_prefix = *prefix;
  q.visible = self->state.granted.visible;
  q.value = value_filter::parse(object_or_empty(v, "filter")).value();
  q.limit = int_or(v, "limit", 10);
  q.offset = int_or(v, "offset", 0);
  row_style style;
  style.show = [](const record& row) {
    auto shown = item_view(row);
    shown["score"] = nullptr;
    return shown;
  };
  style.begin = R"({"items":[)";
  style.end = "]}";
  answer_rows(self, std::move(q), std::move(style));
}

} // namespace

std::vector<route> item_routes() {
  return {
    {verb::put, "/store/items", access::to("store", "put"), prepare_put, put, "Put an item"},
    {verb::get, "/store/items", access::to("store", "get"), prepare_get, get, "Get an item"},
    {verb::del, "/store/items", access::to("store", "delete"), prepare_delete, remove,
     "Delete an item"},
    {verb::post, "/store/items/search", access::to("store", "search"), prepare_search, search,
     "Search items below a namespace"},
  };
}

} // namespace behalf
