// The store: JSON items under namespaces, put, get, delete, search and list namespaces.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/storage/item_access.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/similar.hpp"
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
  if (in.flag("index").value_or(false))
    in.refuse(fail(errc::invalid_argument, "index is false, null or a list of paths, not true"));
  return false;
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
  const auto* given = text_query(self, "namespace");
  const auto ns = given ? *given : std::string{};
  labels parts;
  for (std::size_t from = 0; from <= ns.size();) {
    auto dot = std::min(ns.find('.', from), ns.size());
    parts.push_back(ns.substr(from, dot - from));
    from = dot + 1;
  }
  auto asked = storage::ask_to_get(parts, *key);
  if (!asked)
    return asked.error();
  return std::move(asked->value);
}

// Whether reading starts an item's time to live anew: what the caller says, else the configuration.
bool refreshes(request_pointer self) {
  const auto& s = self->state;
  if (const auto* said = text_query(self, "refresh_ttl"))
    return *said == "true" || *said == "1" || *said == "True";
  if (s.body.is_object())
    if (const auto* said = member(s.body.get_object(), "refresh_ttl"); said && said->is_bool())
      return said->get_bool();
  return s.app->options->store.refresh_on_read;
}

void refresh(request_pointer self, const std::vector<const record*>& read) {
  if (refreshes(self))
    storage::refresh_items(*self->state.app, self->state.granted.who->key(), read);
}

void get(request_pointer self) {
  const auto& s = self->state;
  storage::get_item(
    self, *s.app, s.granted,
    [self](const row_ptr& item) {
      if (item)
        refresh(self, {item.get()});
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
  in.flag("refresh_ttl", true);
  auto asked = storage::ask_to_search(
    labels_of(in, "namespace_prefix"), in.conditions("filter", true).value_or(json::object{}),
    limit == 0 ? 10 : limit, in.integer("offset", 0, 1'000'000'000).value_or(0), query_of(in));
  return value_of(in, std::move(asked));
}

json::object scored_item(const record& row, json::value score) {
  auto shown = item_view(row);
  shown["score"] = std::move(score);
  return shown;
}

void take_similar(request_pointer self, similar_part& part) {
  auto& out = *self->state.out;
  std::vector<const record*> read;
  for (const auto& one : part.items)
    read.push_back(&one.row);
  refresh(self, read);
  for (const auto& one : part.items)
    add_element(out, dump(scored_item(one.row, one.score)));
  if (part.done) {
    out.text += "]}";
    return complete(self);
  }
  end_with_client(self);
  go_on(self);
}

void answer_similar(request_pointer self, const storage::similar_ptr& found) {
  auto out = std::make_shared<long_answer>();
  out->text = R"({"items":[)";
  out->more = [self, found] {
    storage::next_slice(
      self, self->state.app, found, *self->state.granted.who,
      [self, found](similar_part& part) { take_similar(self, part); },
      [self](const error& why) { break_off(self, why); });
  };
  make_answer(self, std::move(out));
}

void search(request_pointer self) {
  const auto& s = self->state;
  auto q = storage::granted_search(s.granted);
  if (!q)
    return refuse(self, q.error());
  if (auto text = storage::granted_text(*s.app, s.granted); !text.empty())
    return storage::begin_similar(
      self, s.app, std::move(*q), std::move(text), room_for_rows(self),
      [self](const storage::similar_ptr& found) { answer_similar(self, found); }, or_refuse(self));
  row_style style;
  style.show = [](const record& row) { return scored_item(row, nullptr); };
  style.read = [self](const std::vector<const record*>& read) { refresh(self, read); };
  style.begin = R"({"items":[)";
  style.end = "]}";
  answer_rows(self, std::move(*q), std::move(style));
}

result<json::object> prepare_list_namespaces(request_pointer self) {
  auto in = optional_body(self);
  auto limit = in.integer("limit", 0, 1000).value_or(100);
  auto max_depth = in.integer("max_depth", 1, most_depth);
  auto asked = storage::ask_to_list_namespaces(
    labels_of(in, "prefix"), labels_of(in, "suffix"),
    max_depth ? json::value(*max_depth) : json::value(nullptr), limit == 0 ? 100 : limit,
    in.integer("offset", 0, 1'000'000'000).value_or(0));
  return value_of(in, std::move(asked));
}

void take_namespaces(request_pointer self, const namespace_part& part) {
  auto& out = *self->state.out;
  for (const auto& one : part.found)
    add_element(out, dump(json::value_from(one)));
  if (part.done) {
    out.text += "]}";
    return complete(self);
  }
  end_with_client(self);
  go_on(self);
}

void list_namespaces(request_pointer self) {
  auto& s = self->state;
  auto what = storage::granted_listing(s.granted);
  if (!what)
    return refuse(self, what.error());
  auto out = std::make_shared<long_answer>();
  out->text = R"({"namespaces":[)";
  auto listing = std::make_shared<namespace_scan>(std::move(*what), s.app->options->searches,
                                                  room_for_rows(self));
  out->more = [self, listing] {
    storage::next_slice(
      self, *self->state.app, listing, *self->state.granted.who,
      [self, listing](const namespace_part& part) { take_namespaces(self, part); },
      [self](const error& why) { break_off(self, why); });
  };
  make_answer(self, std::move(out));
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
    {verb::post, "/store/namespaces", store("list_namespaces"), prepare_list_namespaces,
     list_namespaces, "List namespaces that hold items",
     storage::changeable_item_fields("list_namespaces")},
  };
}

} // namespace behalf::endpoints
