#include "actors/storage/item_access.hpp"

#include "actors/admission/granted.hpp"
#include "actors/options.hpp"
#include "actors/storage/store_items.hpp"
#include "runtime/base/item_rules.hpp"
#include "runtime/graph/checkpoint.hpp"
#include "runtime/storage/item_texts.hpp"

namespace behalf::storage {
namespace {

const std::vector<std::string_view> of_put{"namespace", "key", "value", "ttl"};
const std::vector<std::string_view> of_key{"namespace", "key"};
const std::vector<std::string_view> of_search{"namespace", "filter", "limit", "offset"};
const std::vector<std::string_view> of_listing{"namespace", "suffix", "max_depth", "limit",
                                               "offset"};

result<item_question> ask_about(std::string_view action, const std::vector<std::string>& labels,
                                std::string_view key) {
  if (auto ok = check_namespace(labels, false); !ok)
    return ok.error();
  return item_question{action, {{"namespace", json::value_from(labels)}, {"key", key}}};
}

} // namespace

result<item_question> ask_to_put(const std::vector<std::string>& labels, std::string_view key,
                                 json::object value, json::value index, json::value ttl) {
  if (auto ok = check_item_key(key); !ok)
    return ok.error();
  auto asked = ask_about("put", labels, key);
  if (!asked)
    return asked;
  if (ttl.is_number())
    if (auto ok = check_ttl(ttl.to_number<double>()); !ok)
      return ok.error();
  if (index.is_array())
    for (const auto& path : index.get_array())
      if (auto ok = check_index_path(path.get_string()); !ok)
        return ok.error();
  asked->value["value"] = std::move(value);
  asked->value["index"] = std::move(index);
  asked->value["ttl"] = std::move(ttl);
  return asked;
}

result<item_question> ask_to_get(const std::vector<std::string>& labels, std::string_view key) {
  return ask_about("get", labels, key);
}

result<item_question> ask_to_delete(const std::vector<std::string>& labels, std::string_view key) {
  return ask_about("delete", labels, key);
}

result<item_question> ask_to_search(const std::vector<std::string>& prefix, json::object filter,
                                    int64_t limit, int64_t offset, json::value query) {
  if (auto ok = check_namespace(prefix, true); !ok)
    return ok.error();
  if (auto ok = value_filter::parse(filter); !ok)
    return ok.error();
  return item_question{"search",
                       {{"namespace", json::value_from(prefix)},
                        {"filter", std::move(filter)},
                        {"limit", limit},
                        {"offset", offset},
                        {"query", std::move(query)}}};
}

result<item_question> ask_to_list_namespaces(const std::vector<std::string>& prefix,
                                             const std::vector<std::string>& suffix,
                                             json::value max_depth, int64_t limit, int64_t offset) {
  if (auto ok = check_namespace(prefix, true); !ok)
    return ok.error();
  if (auto ok = check_labels(suffix); !ok)
    return ok.error();
  return item_question{"list_namespaces",
                       {{"namespace", json::value_from(prefix)},
                        {"suffix", json::value_from(suffix)},
                        {"max_depth", std::move(max_depth)},
                        {"limit", limit},
                        {"offset", offset}}};
}

const std::vector<std::string_view>& changeable_item_fields(std::string_view action) {
  return action == "put"               ? of_put
         : action == "search"          ? of_search
         : action == "list_namespaces" ? of_listing
                                       : of_key;
}

authorize to_authorize(item_question what, principal_ptr who) {
  authorize a;
  a.resource = "store";
  a.action = what.action;
  a.may_change = changeable_item_fields(what.action);
  a.value = std::move(what.value);
  a.who = std::move(who);
  return a;
}

result<record_key> granted_item(const grant& g) {
  admission::granted_reader in{g.value};
  auto labels = in.texts("namespace");
  auto key = in.text("key");
  if (in.fault())
    return *in.fault();
  auto ns = checked_namespace(labels, false);
  if (!ns)
    return ns.error();
  return record_key{kind::item, g.who->tenant, std::move(key), std::move(*ns)};
}

result<record> granted_put(const app_context& app, const grant& g) {
  const auto most_bytes = app.options->runs.state_bytes;
  auto place = granted_item(g);
  if (!place)
    return place.error();
  admission::granted_reader in{g.value};
  record row;
  row.type = kind::item;
  row.tenant = std::move(place->tenant);
  row.id = std::move(place->id);
  row.parent = std::move(place->parent);
  row.owner = g.who->key().text();
  row.created_at = row.updated_at = now();
  row.doc = in.object("value");
  if (const auto* index = member(g.value, "index"))
    row.metadata = index_choice(*index);
  if (json_weight(row.doc) > most_bytes)
    return fail(errc::invalid_argument,
                "value would have more than " + std::to_string(most_bytes) + " bytes of JSON");
  auto minutes = app.options->store.default_ttl;
  if (in.has("ttl"))
    minutes = in.number("ttl", 0, max_ttl_minutes);
  if (minutes > 0) // 0: it does not expire
    row.expires = expiry_in(minutes, row.created_at);
  if (in.fault())
    return *in.fault();
  return row;
}

result<query> granted_search(const grant& g) {
  admission::granted_reader in{g.value};
  query q;
  q.type = kind::item;
  q.tenant = g.who->tenant;
  auto labels = in.texts("namespace");
  const auto& wanted = in.object("filter");
  q.auth_filter = g.auth_filter;
  q.limit = in.integer("limit", 1, 1000);
  q.offset = in.integer("offset", 0, 1'000'000'000);
  if (in.fault())
    return *in.fault();
  auto ns = checked_namespace(labels, true);
  if (!ns)
    return ns.error();
  auto value = value_filter::parse(wanted);
  if (!value)
    return value.error();
  q.namespace_prefix = std::move(*ns);
  q.value = std::move(*value);
  return q;
}

result<namespace_query> granted_listing(const grant& g) {
  admission::granted_reader in{g.value};
  namespace_query q;
  q.tenant = g.who->tenant;
  q.prefix = in.texts("namespace");
  q.suffix = in.texts("suffix");
  if (in.has("max_depth"))
    q.max_depth = in.integer("max_depth", 1, most_depth);
  q.auth_filter = g.auth_filter;
  q.limit = in.integer("limit", 1, 1000);
  q.offset = in.integer("offset", 0, 1'000'000'000);
  if (in.fault())
    return *in.fault();
  if (auto ok = checked_namespace(q.prefix, true); !ok)
    return ok.error();
  if (auto ok = check_labels(q.suffix); !ok)
    return ok.error();
  return q;
}

std::string granted_text(const app_context& app, const grant& g) {
  return app.options->store.index ? std::string(string_or(g.value, "query")) : std::string{};
}

void refresh_items(const app_context& app, const principal_key& who,
                   const std::vector<const record*>& read) {
  write_batch what;
  const auto at = now();
  for (const auto* row : read) {
    if (!row->expires)
      continue;
    const auto ttl = row->expires->ttl;
    const auto hardly = std::min<std::chrono::milliseconds>(ttl / 20, std::chrono::minutes{1});
    if (row->expires->at - at <= ttl - hardly)
      what.refreshes.push_back({row->key(), at});
  }
  if (!what.refreshes.empty())
    tell(app.writer, write_records{std::move(what), who});
}

bool shows_item(const filter& auth_filter, const record& row) {
  return auth_filter.unrestricted() || auth_filter.matches(item_fields(row));
}

write_batch put_of(const app_context& app, record item, std::optional<int64_t> expected) {
  write_batch what;
  what.puts.push_back(
    {std::move(item), expected, app.embedder != nullptr, app.options->stored.items});
  return what;
}

result<write_batch> put_over(const app_context& app, const record* there, const record& fresh,
                             const filter& auth_filter) {
  if (!shows_item(auth_filter, fresh))
    return fail(errc::denied, "Forbidden");
  if (there && !shows_item(auth_filter, *there))
    return fail(errc::not_found, "Not Found");
  return put_of(app, fresh, there ? there->revision : 0);
}

result<write_batch> erase_of(const record* there, const filter& auth_filter) {
  write_batch what;
  if (there && shows_item(auth_filter, *there))
    what.erases.push_back({there->key(), there->revision});
  return what;
}

} // namespace behalf::storage
