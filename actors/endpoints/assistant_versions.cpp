// The versions of an assistant: list them, go back to one.
#include "actors/endpoints/assistant_rows.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"

#include <limits>

namespace behalf::endpoints {
namespace {

struct version_page {
  json::object metadata;
  int64_t limit, offset;
};

version_page read_page(body_reader& in) {
  return {in.conditions("metadata").value_or(json::object{}),
          in.integer("limit", 1, 1000).value_or(10),
          in.integer("offset", 0, 1'000'000'000).value_or(0)};
}

result<json::object> prepare_list(request_pointer self) {
  auto value = prepare_assistant(self);
  if (!value)
    return value;
  auto in = optional_body(self);
  read_page(in);
  if (in.fault())
    return *in.fault();
  return value;
}

// The server's own are what the configuration says now: they have this one version.
void answer_own(request_pointer self, const record& assistant, const version_page& page) {
  json::array all;
  if (page.offset == 0 && contains(assistant.metadata, page.metadata))
    all.push_back(version_view(version_of(assistant)));
  answer(self, 200, all);
}

void answer_list(request_pointer self, version_page page) {
  query q;
  q.type = kind::assistant_version;
  q.tenant = tenant_of(self);
  q.parent = assistant_key(self).id;
  q.metadata = std::move(page.metadata);
  q.sort = sort_key::id;
  q.limit = page.limit;
  q.offset = page.offset;
  row_style style;
  style.show = version_view;
  answer_rows(self, std::move(q), std::move(style));
}

void list_versions(request_pointer self) {
  with_system_assistants(self, [self] {
    look_up(self, assistant_key(self), [self](const row_ptr& row) {
      if (!row)
        return refuse(self, no_assistant(self));
      auto in = optional_body(self);
      auto page = read_page(in);
      if (self->state.app->graphs.by_assistant(row->id))
        return answer_own(self, *row, page);
      answer_list(self, std::move(page));
    });
  });
}

// In the body, as the SDKs send it, or in the query.
result<json::object> prepare_latest(request_pointer self) {
  auto value = prepare_assistant(self);
  if (!value)
    return value;
  constexpr auto most = std::numeric_limits<int64_t>::max();
  auto in = optional_body(self);
  auto number = in.integer("version", std::numeric_limits<int64_t>::min(), most);
  if (in.fault())
    return *in.fault();
  if (!number) {
    auto asked = int_query(self, "version", 0, 0, most);
    if (!asked)
      return asked.error();
    number = *asked;
  }
  if (!in.any("version") && !text_query(self, "version"))
    return fail(errc::invalid_argument, "\"version\" is a required property");
  (*value)["version"] = *number;
  (*value)["metadata"] = json::object{}; // what handlers put there is put on top
  return value;
}

void set_latest(request_pointer self) {
  admission::granted_reader granted{self->state.granted.value};
  const auto number = int_or(self->state.granted.value, "version");
  const auto on_top = granted.object("metadata");
  if (granted.fault())
    return refuse(self, *granted.fault());
  const auto none = fail(errc::not_found, "Version " + std::to_string(number)
                                            + " not found for assistant " + assistant_key(self).id);
  auto restore = [self, on_top, none](const row_ptr& version) {
    auto change = [self, version, on_top, none](record& row) -> result<void> {
      if (auto ok = check_changeable(self); !ok)
        return ok;
      if (!version)
        return none;
      restore_version(row, *version, now());
      merge(row.metadata, on_top);
      return check_metadata(row.metadata, shape_of(self));
    };
    change_assistant(self, std::move(change), false);
  };
  with_system_assistants(self, [self, number, restore] {
    storage::read(self, *self->state.app,
                  storage::get_record{version_key(tenant_of(self), assistant_key(self).id, number),
                                      room_for_rows(self)},
                  restore, or_refuse(self));
  });
}

} // namespace

std::vector<route> assistant_version_routes() {
  return {
    {verb::post, "/assistants/{assistant_id}/versions", access::to("assistants", "read"),
     prepare_list, list_versions, "List an assistant's versions, newest first"},
    {verb::post,
     "/assistants/{assistant_id}/latest",
     access::to("assistants", "update"),
     prepare_latest,
     set_latest,
     "Make a version of an assistant the latest",
     {"metadata"}},
  };
}

} // namespace behalf::endpoints
