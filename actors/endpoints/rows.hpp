// Reads rows for an answer: one that the caller may see, or a page of them.
#pragma once

#include "actors/admission/granted.hpp"
#include "actors/endpoints/projection.hpp"
#include "actors/endpoints/request.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/storage/record_scan.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

using storage::row_ptr;

/// Whether the grant's filter lets the caller see the row: by its metadata; an item by its fields.
bool may_see(request_pointer self, const record& row);

/// Reads, and calls `then` with the row, or null when there is none that the caller may see.
template <class Read, class Then>
void look_up_by(request_pointer self, Read what, Then then) {
  storage::read(
    self, *self->state.app, std::move(what),
    [self, then = std::move(then)](const row_ptr& row) mutable {
      then(row && may_see(self, *row) ? row : row_ptr{});
    },
    or_refuse(self));
}

template <class Then>
void look_up(request_pointer self, record_key which, Then then) {
  look_up_by(self, storage::get_record{std::move(which), room_for_rows(self)}, std::move(then));
}

/// The same without the row's document, which may be long.
template <class Then>
void look_up_head(request_pointer self, record_key which, Then then) {
  look_up_by(self, storage::get_head{std::move(which)}, std::move(then));
}

/// The question whether the caller may also do `action` with threads.
authorize also(request_pointer self, std::string_view action, json::object value);

/// Reads what is there already, which the caller was granted to make: for them to see it they need
/// the right to read it too.
template <class Then>
void look_up_to_read(request_pointer self, std::string_view resource, record_key which,
                     json::object value, Then then) {
  auto a = also(self, "read", std::move(value));
  a.resource = resource;
  ask(
    self, self->state.app->authorizer, std::move(a),
    [self, which = std::move(which), then](grant& g) {
      look_up(self, which, [then, auth_filter = g.auth_filter](const row_ptr& row) mutable {
        then(row && auth_filter.matches(row->metadata) ? row : row_ptr{});
      });
    },
    [self, then](const error& why) mutable {
      if (why.code != errc::denied && why.code != errc::not_found)
        return refuse(self, why);
      then(row_ptr{});
    });
}

/// For routes below /threads/{thread_id}: reads the id; handlers see {"thread_id"}.
result<json::object> prepare_thread(request_pointer self);
record_key thread_key(request_pointer self, std::string_view id);
error no_thread(std::string_view id);

/// A reader of a body that may be missing, which reads as an empty object.
body_reader optional_body(request_pointer self);

/// Reads the fields of every search: `sort_by` (one of `sorts`), `sort_order`, `select` and
/// `extract` (of `fields`), `metadata`, `limit` and `offset`. Returns the last three, which
/// handlers see and may change.
json::object read_paging(body_reader& in, const std::vector<std::string_view>& sorts,
                         const projectable& fields);

/// The fields of such a search that handlers may change.
inline const std::vector<std::string_view> of_paging{"metadata", "limit", "offset"};

/// The search that such a body asks for, as the handlers left it.
query paged_query(request_pointer self, admission::granted_reader& granted, kind type,
                  std::string_view sort_by);

/// How rows become an answer.
struct row_style {
  std::function<json::object(const record&)> show;
  std::function<header_list(const record_scan&)> headers = nullptr;
  std::function<void(const std::vector<const record*>&)> read = nullptr; // told what is shown
  std::string begin = "[", end = "]";
};

/// Answers the rows found, from bounded memory.
void answer_rows(request_pointer self, query q, row_style style,
                 record_scan::wants want = record_scan::wants::rows);

/// The same, with each row as `view` shows it, reduced to the `fields` that the body asks for, and
/// with the pagination headers.
void answer_page(request_pointer self, query q, json::object (*view)(const record&),
                 const projectable& fields);

/// Answers the number of rows on all pages.
void answer_count(request_pointer self, query q);

} // namespace behalf::endpoints
