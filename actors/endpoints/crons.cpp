// Crons: create, search, read, change, delete. What is due is started by cron_clock.cpp.
#include "actors/admission/granted.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/cron_clock.hpp"
#include "actors/endpoints/cron_record.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/runs/run_assistant.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/base/asked_fields.hpp"
#include "runtime/base/id.hpp"

#include <algorithm>
#include <span>

namespace behalf::endpoints {
namespace {

const projectable cron_fields{{"cron_id", "assistant_id", "thread_id", "user_id", "end_time",
                               "schedule", "timezone", "payload", "next_run_date", "metadata",
                               "on_run_completed", "enabled", "created_at", "updated_at",
                               "last_refusal"}};

constexpr int most_tries_to_change = 8;

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

error no_cron(std::string_view id) {
  return fail(errc::not_found, "Cron '" + std::string(id) + "' not found");
}

// --- what clients send -----------------------------------------------------------------------

bool is_cron_input(const json::value& v) {
  auto is_object = [](const json::value& one) { return one.is_object(); };
  const auto* all = v.if_array();
  return all ? std::all_of(all->begin(), all->end(), is_object) : v.is_object();
}

// The cron's own fields of a body or payload. The run's are left to run_request.
struct cron_body {
  std::optional<std::string> assistant_id, schedule, timezone, end_time, on_run_completed;
  std::optional<bool> enabled;
  json::object metadata;
  bool without_end = false; // end_time is null

  static cron_body read(body_reader& in, const shape_limits& bounds) {
    cron_body b;
    b.assistant_id = in.text("assistant_id");
    b.schedule = in.text("schedule");
    b.timezone = in.text("timezone");
    if (b.timezone && b.timezone->empty())
      in.refuse(fail(errc::bad_request, "an empty timezone names none: leave it out for UTC"));
    const auto* end = in.any("end_time");
    b.without_end = end && end->is_null();
    b.end_time = in.text("end_time", true);
    b.on_run_completed = in.one_of("on_run_completed", {"delete", "keep"});
    b.enabled = in.flag("enabled");
    b.metadata = in.metadata().value_or(json::object{});
    b.metadata.erase("cron_id"); // the server's own
    read_config(in, bounds);
    if (const auto* command = in.any("command"); command && !command->is_null())
      in.refuse(fail(errc::invalid_argument,
                     "a cron takes no command: what it would answer is not asked yet"));
    if (const auto* input = in.any("input"); input && !is_cron_input(*input))
      in.refuse(fail(errc::invalid_argument,
                     excerpt(*input) + " is not an input: an object or a list of objects"));
    return b;
  }
};

// Refuses a payload that no run could be made of.
result<void> check_payload(request_pointer self, const json::object& payload,
                           const json::object& metadata, bool on_thread,
                           std::string_view on_run_completed) {
  // The last one is for threads alone.
  const asked_fields::only of_clients{
    std::span{run_fields_of_cron}.first(run_fields_of_cron.size() - (on_thread ? 0 : 1))};
  auto made = run_request::parse(run_body_of(payload, metadata, on_thread, on_run_completed),
                                 !on_thread, shape_of(self), self->state.app->options->webhooks);
  if (!made)
    return made.error();
  return check_metadata(metadata, shape_of(self));
}

void put_id(json::object& payload, const std::string& cron_id) {
  auto object_in = [](json::object& in, std::string_view key) -> json::object& {
    auto& v = in[key];
    if (!v.is_object())
      v = json::object{};
    return v.get_object();
  };
  object_in(object_in(payload, "config"), "configurable")["cron_id"] = cron_id;
}

void take_out_id(json::object& payload) {
  if (auto* metadata = payload.if_contains("metadata"); metadata && metadata->is_object())
    metadata->get_object().erase("cron_id");
}

json::object taken_payload(json::object& value) {
  auto* payload = value.if_contains("payload");
  return payload && payload->is_object() ? std::move(payload->get_object()) : json::object{};
}

// --- create ----------------------------------------------------------------------------------

result<json::object> prepare_create(request_pointer self) {
  auto& s = self->state;
  const bool on_thread = !s.params["thread_id"].empty();
  if (on_thread)
    if (auto on = prepare_thread(self); !on)
      return on;
  body_reader in{s.body, shape_of(self)};
  for (auto key : {"assistant_id", "schedule"})
    in.require(key);
  auto body = cron_body::read(in, shape_of(self));
  if (body.without_end)
    in.refuse(fail(errc::invalid_argument, "null is not of type \"string\": leave end_time out"));
  if (in.fault())
    return *in.fault();
  auto payload = std::move(s.body.get_object());
  s.body = nullptr;
  s.cron_id = uuid7();
  take_out_id(payload);
  if (auto ok = check_payload(self, payload, body.metadata, on_thread,
                              body.on_run_completed.value_or("delete"));
      !ok)
    return ok.error();
  put_id(payload, s.cron_id);
  return json::object{{"payload", std::move(payload)},
                      {"schedule", *body.schedule},
                      {"cron_id", s.cron_id},
                      {"thread_id", on_thread ? json::value(s.thread_id) : json::value(nullptr)},
                      {"user_id", s.granted.who->identity},
                      {"end_time", or_null(body.end_time)},
                      {"metadata", std::move(body.metadata)}};
}

const std::vector<std::string_view> of_create{"payload", "schedule", "end_time", "metadata"};

// The record as the handlers left it, but for its assistant.
result<record> granted_cron(request_pointer self) {
  auto& s = self->state;
  auto& value = s.granted.value;
  admission::granted_reader granted{value};
  granted.object("payload");
  auto schedule = granted.text("schedule");
  auto end = granted.has("end_time") ? granted.text("end_time") : std::string{};
  record row;
  row.metadata = granted.object("metadata");
  if (granted.fault())
    return *granted.fault();
  auto payload = taken_payload(value);
  body_reader in{payload, shape_of(self)};
  const auto body = cron_body::read(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  const bool on_thread = !s.thread_id.empty();
  const auto completed = body.on_run_completed.value_or("delete");
  if (auto ok = check_payload(self, payload, row.metadata, on_thread, completed); !ok)
    return ok.error();
  auto times = cron_times::read(schedule, body.timezone.value_or("UTC"), end);
  if (!times)
    return times.error();
  row.created_at = row.updated_at = now();
  row.next_at = times->after(row.created_at);
  row.ends_at = times->end();
  if (!row.next_at && times->never(row.created_at))
    return fail(errc::bad_request,
                "failed to find next date: the schedule '" + schedule + "' names no time to come");
  row.type = kind::cron;
  row.tenant = tenant_of(self);
  row.id = s.cron_id;
  row.parent = s.thread_id;
  row.owner = s.granted.who->key().text();
  row.status = body.enabled.value_or(true) ? "enabled" : "disabled";
  row.doc = {{"payload", std::move(payload)},
             {"schedule", schedule},
             {"timezone", or_null(body.timezone)},
             {"end_time", end.empty() ? json::value(nullptr) : json::value(end)},
             {"on_run_completed", on_thread ? json::value(nullptr) : json::value(completed)},
             {"principal", s.granted.who->to_json()}};
  return row;
}

void tell_clock(request_pointer self, const record& row) {
  if (row.status == "enabled" && row.next_at)
    tell(self->state.app->crons, cron_set{*row.next_at});
}

error missing_thread(const std::string& id) {
  return fail(errc::not_found, "Thread with ID '" + id
                                 + "' not found. Please verify the ID is correct and the thread "
                                   "hasn't been deleted or expired.");
}

void write_new(request_pointer self, record row) {
  auto& s = self->state;
  auto w = writes_of(self);
  w.what.puts.push_back({row, 0, false, s.app->options->crons.most});
  ask(
    self, s.app->writer, std::move(w),
    [self, row = std::move(row)](written) {
      tell_clock(self, row);
      answer(self, 200, cron_view(row));
    },
    [self](error why) { // a foreign key: the thread was deleted meanwhile
      refuse(self, why.code == errc::not_found ? missing_thread(self->state.thread_id) : why);
    });
}

// The right to read the thread; who may not is told that there is none.
template <class Then>
void with_thread(request_pointer self, Then then) {
  const auto& s = self->state;
  if (s.thread_id.empty())
    return then();
  authorize a;
  a.who = s.granted.who;
  a.resource = "threads";
  a.action = "read";
  a.value = {{"thread_id", s.thread_id}};
  ask(
    self, s.app->authorizer, std::move(a),
    [self, then](grant& g) mutable {
      storage::read(
        self, *self->state.app, storage::get_head{thread_key(self, self->state.thread_id)},
        [self, then, auth_filter = g.auth_filter](const row_ptr& thread) mutable {
          if (!thread || !auth_filter.matches(thread->metadata))
            return refuse(self, missing_thread(self->state.thread_id));
          then();
        },
        or_refuse(self));
    },
    or_refuse(self));
}

void create(request_pointer self) {
  auto row = granted_cron(self);
  if (!row)
    return refuse(self, row.error());
  auto made = std::make_shared<record>(std::move(*row));
  const auto name = std::string(string_or(object_or_empty(made->doc, "payload"), "assistant_id"));
  runs::choose_assistant(
    self, *self->state.app, self->state.granted.who, name,
    [self, made](runs::run_assistant chosen) {
      made->assistant_id = chosen.assistant_id;
      made->doc["payload"].as_object()["assistant_id"] = chosen.assistant_id;
      with_thread(self, [self, made] { write_new(self, std::move(*made)); });
    },
    [self, name](const error& why) {
      const bool unknown = why.code == errc::invalid_argument || why.code == errc::not_found;
      refuse(self, unknown ? fail(errc::not_found, "Assistant '" + name + "' not found") : why);
    },
    room_for_rows(self));
}

// --- one cron --------------------------------------------------------------------------------

result<json::object> prepare_id(request_pointer self) {
  auto id = uuid_param(self, "cron_id", "cron");
  if (!id)
    return id.error();
  self->state.cron_id = *id;
  return json::object{{"cron_id", *id}};
}

record_key cron_key(request_pointer self) {
  return {kind::cron, tenant_of(self), self->state.cron_id};
}

void get(request_pointer self) {
  look_up(self, cron_key(self), [self](const row_ptr& row) {
    if (!row)
      return refuse(self, fail(errc::not_found, "Not Found"));
    answer(self, 200, cron_view(*row));
  });
}

void remove(request_pointer self) {
  look_up_head(self, cron_key(self), [self](const row_ptr& row) {
    const auto missing = fail(errc::not_found, "Not Found");
    if (!row)
      return refuse(self, missing);
    auto w = writes_of(self);
    w.what.erases.push_back({row->key(), {}, self->state.granted.auth_filter});
    ask(
      self, self->state.app->writer, std::move(w), [self](written) { answer_empty(self, 204); },
      [self, missing](error why) { refuse(self, why.code == errc::not_found ? missing : why); });
  });
}

// --- change ----------------------------------------------------------------------------------

result<json::object> prepare_update(request_pointer self) {
  auto& s = self->state;
  auto value = prepare_id(self);
  if (!value)
    return value;
  body_reader in{s.body, shape_of(self)};
  auto body = cron_body::read(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  auto payload = std::move(s.body.get_object());
  s.body = nullptr;
  if (payload.empty())
    return fail(errc::bad_request, "Request body cannot be empty");
  take_out_id(payload);
  payload.erase("assistant_id"); // a cron stays what it is of
  payload.erase("thread_id");
  (*value)["schedule"] = or_null(body.schedule);
  (*value)["end_time"] = or_null(body.end_time);
  (*value)["enabled"] = body.enabled ? json::value(*body.enabled) : json::value(nullptr);
  (*value)["on_run_completed"] = or_null(body.on_run_completed);
  (*value)["payload"] = std::move(payload);
  (*value)["metadata"] = std::move(body.metadata);
  return value;
}

const std::vector<std::string_view> of_update{"schedule",         "end_time", "enabled",
                                              "on_run_completed", "payload",  "metadata"};

// What is to change, as the handlers left it.
struct cron_change {
  json::object payload, metadata;
  std::optional<std::string> schedule, timezone, end_time, on_run_completed;
  std::optional<bool> enabled;
  bool without_end = false;

  bool of_times() const { return schedule || timezone || end_time || without_end || enabled; }
};

result<cron_change> granted_change(request_pointer self) {
  auto& value = self->state.granted.value;
  admission::granted_reader granted{value};
  cron_change c;
  granted.object("payload");
  c.metadata = granted.object("metadata");
  for (auto [key, to] : {std::pair{"schedule", &c.schedule},
                         {"end_time", &c.end_time},
                         {"on_run_completed", &c.on_run_completed}})
    if (granted.has(key))
      *to = granted.text(key);
  if (granted.has("on_run_completed"))
    granted.one_of("on_run_completed", {"delete", "keep"});
  if (granted.has("enabled"))
    c.enabled = granted.flag("enabled");
  if (granted.fault())
    return *granted.fault();
  c.payload = taken_payload(value);
  body_reader in{c.payload, shape_of(self)};
  auto body = cron_body::read(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  c.timezone = std::move(body.timezone);
  c.without_end = body.without_end && !c.end_time;
  return c;
}

// It acts for who made it: nobody else says what it does.
result<void> check_maker(request_pointer self, const record& before, const record& after) {
  if (before.owner == self->state.granted.who->key().text())
    return {};
  auto does = [](const record& cron) {
    const auto& payload = object_or_empty(cron.doc, "payload");
    auto run = run_body_of(payload, cron.metadata, !cron.parent.empty(), "");
    const auto* input = member(payload, "input");
    run["input"] = input ? *input : json::value(nullptr);
    return run;
  };
  if (does(before) == does(after))
    return {};
  return fail(errc::denied, "A cron acts for who made it: only they may change what it runs");
}

// The cron after the change.
result<record> changed(request_pointer self, const record& before, const cron_change& c) {
  auto row = before;
  const bool on_thread = !row.parent.empty();
  auto& payload = row.doc["payload"];
  if (!payload.is_object())
    payload = json::object{};
  merge(payload.get_object(), c.payload);
  put_id(payload.get_object(), row.id);
  merge(row.metadata, c.metadata);
  auto set = [&](std::string_view key, const std::optional<std::string>& to) {
    if (to)
      row.doc[key] = *to;
  };
  set("schedule", c.schedule);
  set("timezone", c.timezone);
  set("end_time", c.end_time);
  if (c.without_end)
    row.doc["end_time"] = nullptr;
  if (!on_thread)
    set("on_run_completed", c.on_run_completed);
  if (c.enabled)
    row.status = *c.enabled ? "enabled" : "disabled";
  if (auto ok = check_payload(self, payload.get_object(), row.metadata, on_thread,
                              on_thread ? "" : string_or(row.doc, "on_run_completed"));
      !ok)
    return ok.error();
  if (auto ok = check_maker(self, before, row); !ok)
    return ok.error();
  row.updated_at = now();
  if (!c.of_times()) // a firing that is due stays due
    return row;
  auto times = cron_times::of(row.doc);
  if (!times)
    return times.error();
  row.next_at = times->after(row.updated_at);
  row.ends_at = times->end();
  if (!row.next_at && times->never(row.updated_at))
    return fail(errc::bad_request, "failed to find next date: the schedule names no time to come");
  return row;
}

// It may fire between the read and the write: then both are done again.
void change(request_pointer self, const std::shared_ptr<const cron_change>& what, int tries) {
  look_up(self, cron_key(self), [self, what, tries](const row_ptr& before) {
    if (!before)
      return refuse(self, no_cron(self->state.cron_id));
    auto row = changed(self, *before, *what);
    if (!row)
      return refuse(self, row.error());
    auto w = writes_of(self);
    w.what.puts.push_back({*row, before->revision});
    ask(
      self, self->state.app->writer, std::move(w),
      [self, row = std::move(*row)](written) {
        tell_clock(self, row);
        answer(self, 200, cron_view(row));
      },
      [self, what, tries](error why) {
        if (why.code == errc::conflict && tries < most_tries_to_change)
          return change(self, what, tries + 1);
        refuse(self, why);
      });
  });
}

void update(request_pointer self) {
  auto what = granted_change(self);
  if (!what)
    return refuse(self, what.error());
  change(self, std::make_shared<const cron_change>(std::move(*what)), 1);
}

// --- search ----------------------------------------------------------------------------------

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto assistant = in.uuid("assistant_id", "assistant");
  auto thread = in.uuid("thread_id", "thread");
  auto enabled = in.flag("enabled");
  auto value = read_paging(in,
                           {"cron_id", "assistant_id", "thread_id", "next_run_date", "end_time",
                            "created_at", "updated_at"},
                           cron_fields);
  value["assistant_id"] = or_null(assistant);
  value["thread_id"] = or_null(thread);
  value["enabled"] = enabled ? json::value(*enabled) : json::value(nullptr);
  if (in.fault())
    return *in.fault();
  return value;
}

sort_key cron_sort(std::string_view name) {
  return name == "assistant_id"    ? sort_key::assistant_id
         : name == "thread_id"     ? sort_key::parent
         : name == "next_run_date" ? sort_key::next_at
         : name == "end_time"      ? sort_key::ends_at
                                   : sort_of(name);
}

result<query> cron_query(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  admission::granted_reader granted{self->state.granted.value};
  auto q = paged_query(self, granted, kind::cron, "created_at");
  q.sort = cron_sort(in.text("sort_by").value_or("created_at"));
  if (granted.has("assistant_id"))
    q.assistant_id = granted.text("assistant_id");
  if (granted.has("thread_id"))
    q.parent = granted.text("thread_id");
  if (granted.has("enabled"))
    q.status = {granted.flag("enabled") ? "enabled" : "disabled"};
  if (granted.fault())
    return *granted.fault();
  return q;
}

void search(request_pointer self) {
  auto q = cron_query(self);
  if (!q)
    return refuse(self, q.error());
  answer_page(self, std::move(*q), cron_view, cron_fields);
}

void count(request_pointer self) {
  auto q = cron_query(self);
  if (!q)
    return refuse(self, q.error());
  answer_count(self, std::move(*q));
}

} // namespace

std::vector<route> cron_routes() {
  auto crons = [](std::string_view action) consteval {
    return access::to("crons", action);
  };
  auto of_search = of_paging;
  for (auto key : {"assistant_id", "thread_id", "enabled"})
    of_search.emplace_back(key);
  return {
    {verb::post, "/runs/crons", crons("create"), prepare_create, create,
     "Create a cron whose runs have threads of their own", of_create},
    {verb::post, "/threads/{thread_id}/runs/crons", crons("create"), prepare_create, create,
     "Create a cron on a thread", of_create},
    {verb::post, "/runs/crons/search", crons("search"), prepare_search, search, "Search crons",
     of_search},
    {verb::post, "/runs/crons/count", crons("search"), prepare_search, count, "Count crons",
     of_search},
    {verb::get, "/runs/crons/{cron_id}", crons("read"), prepare_id, get, "Get a cron"},
    {verb::patch, "/runs/crons/{cron_id}", crons("update"), prepare_update, update, "Change a cron",
     of_update},
    {verb::del, "/runs/crons/{cron_id}", crons("delete"), prepare_id, remove, "Delete a cron"},
  };
}

} // namespace behalf::endpoints
