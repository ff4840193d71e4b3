// Store items for the API and for nodes: every operation is authorized, and then done as the
// authorization handlers left it. Items are read and written here alone.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/storage/namespace_scan.hpp"
#include "runtime/storage/query.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf::storage {

/// An operation as authorization handlers see and change it.
struct item_question {
  std::string_view action; // put, get, delete, search or list_namespaces
  json::object value;
};

/// Error: of checked_namespace or value_filter.
result<item_question> ask_to_put(const std::vector<std::string>& labels, std::string_view key,
                                 json::object value, json::value index, json::value ttl);
result<item_question> ask_to_get(const std::vector<std::string>& labels, std::string_view key);
result<item_question> ask_to_delete(const std::vector<std::string>& labels, std::string_view key);
result<item_question> ask_to_search(const std::vector<std::string>& prefix, json::object filter,
                                    int64_t limit, int64_t offset, json::value query);
/// `prefix`, `suffix`: with "*" for any label. `max_depth`: a number of labels, or null.
result<item_question> ask_to_list_namespaces(const std::vector<std::string>& prefix,
                                             const std::vector<std::string>& suffix,
                                             json::value max_depth, int64_t limit, int64_t offset);

/// The fields that handlers may change.
const std::vector<std::string_view>& changeable_item_fields(std::string_view action);

/// The question to the authorizer.
authorize to_authorize(item_question what, principal_ptr who);

/// The operation as handlers left it. Error: of checked_namespace, or internal when a handler left
/// no valid key, item, search or listing.
result<record_key> granted_item(const grant& g);
/// Error: invalid_argument when the value has more than `state_bytes`.
result<record> granted_put(const app_context& app, const grant& g);
result<query> granted_search(const grant& g);
/// What a search looks for by nearness; empty when it does not, or the store has no index.
std::string granted_text(const app_context& app, const grant& g);
result<namespace_query> granted_listing(const grant& g);

/// Whether the filter lets the caller see this item.
bool shows_item(const filter& auth_filter, const record& row);

/// Puts an item as `write_batch::put` says, with what is asked of every one.
write_batch put_of(const app_context& app, record item, std::optional<int64_t> expected);

/// The write, given the existing item (null: none). Errors: denied when the writer could not see
/// the new item, not_found when they cannot see the existing one.
result<write_batch> put_over(const app_context& app, const record* there, const record& fresh,
                             const filter& auth_filter);
result<write_batch> erase_of(const record* there, const filter& auth_filter);

/// `then` gets the row, or null when there is none that the caller may see.
template <class Self, class Then, class Failed>
void get_item(Self* self, const app_context& app, const grant& g, Then then, Failed failed,
              fair_budget::share_ptr room = nullptr) {
  auto which = granted_item(g);
  if (!which)
    return failed(which.error());
  read(
    self, app, get_record{std::move(*which), std::move(room)},
    [then, auth_filter = g.auth_filter](const row_ptr& item) mutable {
      then(item && shows_item(auth_filter, *item) ? item : row_ptr{});
    },
    failed);
}

template <class Self, class Then, class Failed>
void write_item(Self* self, const app_context& app, const principal_key& who, write_batch what,
                Then then, Failed failed) {
  ask(
    self, app.writer, write_records{std::move(what), who}, [then](written) mutable { then(); },
    failed);
}

inline constexpr int most_tries_to_change = 16;

/// Writes the batch that `make` returns for the existing item (null: none), unless it is empty.
/// When the item was changed meanwhile it is read again, `tries` times.
template <class Self, class Make, class Then, class Failed>
void change_item(Self* self, const app_context& app, const principal_key& who,
                 const record_key& which, Make make, Then then, Failed failed,
                 int tries = most_tries_to_change) {
  read(
    self, app, get_record{which},
    [self, &app, who, which, make, then, failed, tries](const row_ptr& item) mutable {
      result<write_batch> what = make(item.get());
      if (!what)
        return failed(what.error());
      if (what->puts.empty() && what->erases.empty())
        return then();
      write_item(self, app, who, std::move(*what), then,
                 [self, &app, who, which, make, then, failed, tries](error why) mutable {
                   if (why.code == errc::conflict && tries > 1)
                     return change_item(self, app, who, which, make, then, failed, tries - 1);
                   failed(std::move(why));
                 });
    },
    failed);
}

/// Does not overwrite an item that the principal may not see: not_found. With an index `then` is
/// called when the item is embedded, or was waited for long enough; it is stored then.
template <class Self, class Then, class Failed>
void put_item(Self* self, const app_context& app, const grant& g, Then then, Failed failed) {
  auto row = granted_put(app, g);
  if (!row)
    return failed(row.error());
  auto embedded = [self, &app, which = row->key(), then]() mutable {
    if (!app.embedder)
      return then();
    ask(
      self, app.embedder, embed_item{std::move(which)}, [then](item_embedded) mutable { then(); },
      [then](const error&) mutable { then(); }); // it is stored, whatever became of the embedder
  };
  if (g.auth_filter.unrestricted()) {
    return write_item(self, app, g.who->key(), put_of(app, std::move(*row), {}),
                      std::move(embedded), failed);
  }
  auto fresh = std::make_shared<const record>(std::move(*row));
  change_item(
    self, app, g.who->key(), fresh->key(),
    [fresh, &app, auth_filter = g.auth_filter](const record* there) {
      return put_over(app, there, *fresh, auth_filter);
    },
    std::move(embedded), failed);
}

/// Starts the time to live of items that were read anew, unless it has hardly begun. Nobody waits
/// for that: an item that expires meanwhile was read all the same.
void refresh_items(const app_context& app, const principal_key& who,
                   const std::vector<const record*>& read);

/// Does nothing when there is no item that the principal may see.
template <class Self, class Then, class Failed>
void delete_item(Self* self, const app_context& app, const grant& g, Then then, Failed failed) {
  auto which = granted_item(g);
  if (!which)
    return failed(which.error());
  change_item(
    self, app, g.who->key(), *which,
    [auth_filter = g.auth_filter](const record* there) { return erase_of(there, auth_filter); },
    then, failed);
}

} // namespace behalf::storage
