// Assistants: create, search, read, change, delete.
#include "actors/endpoints/assistant_rows.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/storage/scans.hpp"
#include "runtime/base/id.hpp"

namespace behalf::endpoints {
namespace {

// --- create ----------------------------------------------------------------------------------

result<json::object> prepare_create(request_pointer self) {
  auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  in.require("graph_id");
  const auto given = assistant_change::read(in, shape_of(self));
  const auto id = in.uuid("assistant_id", "assistant").value_or(uuid4());
  in.one_of("if_exists", {"raise", "do_nothing"});
  if (in.fault())
    return *in.fault();
  auto value = given.value(id);
  if (!given.config)
    value["config"] = json::object{};
  if (!given.name)
    value["name"] = "Untitled";
  return value;
}

void existing_assistant(request_pointer self, const std::string& id, const error& why) {
  const auto taken = fail(errc::conflict, "Assistant " + id + " already exists");
  if (why.code != errc::conflict)
    return refuse(self, why);
  if (string_or(self->state.body.get_object(), "if_exists") != "do_nothing")
    return refuse(self, taken);
  look_up_to_read(self, "assistants", {kind::assistant, tenant_of(self), id},
                  {{"assistant_id", id}}, [self, taken](const row_ptr& row) {
                    if (!row)
                      return refuse(self, taken);
                    answer(self, 200, assistant_view(*row));
                  });
}

// The assistant as the handlers left it.
result<record> granted_assistant(request_pointer self) {
  const auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  admission::granted_reader granted{s.granted.value};
  auto given = assistant_change::read(in, shape_of(self));
  given.take(granted);
  record row;
  row.type = kind::assistant;
  row.tenant = tenant_of(self);
  row.owner = s.granted.who->key().text();
  row.id = granted.text("assistant_id");
  row.graph_id = granted.text("graph_id");
  if (granted.fault())
    return *granted.fault();
  if (auto ok = check_graph(self, row.graph_id); !ok)
    return ok.error();
  row.doc["description"] = nullptr;
  if (auto ok = given.apply_to(row, shape_of(self)); !ok)
    return ok.error();
  if (auto ok = check_settings(self, row); !ok)
    return ok.error();
  return row;
}

void create(request_pointer self) {
  auto row = granted_assistant(self);
  if (!row)
    return refuse(self, row.error());
  with_system_assistants(self, [self, row = std::move(*row)]() mutable {
    begin_versions(row, now()); // the server's own, which may just have been made, are older
    auto w = writes_of(self);
    w.what.puts.push_back({row, 0, false, self->state.app->options->stored.assistants});
    w.what.puts.push_back({version_of(row), 0});
    ask(
      self, self->state.app->writer, std::move(w),
      [self, shown = assistant_view(row)](written) { answer(self, 200, shown); },
      [self, id = row.id](const error& why) { existing_assistant(self, id, why); });
  });
}

// --- search ----------------------------------------------------------------------------------

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto graph_id = in.text("graph_id");
  in.text("name");
  auto value = read_paging(in, {"assistant_id", "created_at", "updated_at", "name", "graph_id"},
                           assistant_fields);
  value["graph_id"] = graph_id ? json::value(*graph_id) : json::value(nullptr);
  if (in.fault())
    return *in.fault();
  if (graph_id)
    if (auto ok = check_graph(self, *graph_id); !ok)
      return ok.error();
  return value;
}

result<query> assistant_query(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  admission::granted_reader granted{self->state.granted.value};
  auto q = paged_query(self, granted, kind::assistant, "created_at");
  if (granted.has("graph_id"))
    q.graph_id = granted.text("graph_id");
  q.name_part = in.text("name").value_or("");
  if (granted.fault())
    return *granted.fault();
  return q;
}

void search(request_pointer self) {
  auto q = assistant_query(self);
  if (!q)
    return refuse(self, q.error());
  with_system_assistants(
    self, [self, q = std::move(*q)] { answer_page(self, q, assistant_view, assistant_fields); });
}

void count(request_pointer self) {
  auto q = assistant_query(self);
  if (!q)
    return refuse(self, q.error());
  with_system_assistants(self, [self, q = std::move(*q)] { answer_count(self, q); });
}

// --- one assistant ---------------------------------------------------------------------------

void get(request_pointer self) {
  with_system_assistants(self, [self] {
    look_up(self, assistant_key(self), [self](const row_ptr& row) {
      if (!row)
        return refuse(self, fail(errc::not_found, "Not Found"));
      answer(self, 200, assistant_view(*row));
    });
  });
}

result<json::object> prepare_update(request_pointer self) {
  auto value = prepare_assistant(self);
  if (!value)
    return value;
  body_reader in{self->state.body, shape_of(self)};
  const auto given = assistant_change::read(in, shape_of(self));
  in.text("description"); // null is for new ones
  if (in.fault())
    return *in.fault();
  return given.value(assistant_key(self).id);
}

void update(request_pointer self) {
  const auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  admission::granted_reader granted{s.granted.value};
  auto given = assistant_change::read(in, shape_of(self));
  given.take(granted);
  if (granted.fault())
    return refuse(self, *granted.fault());
  if (given.graph_id)
    if (auto ok = check_graph(self, *given.graph_id); !ok)
      return refuse(self, ok.error());
  auto change = [self, given = std::move(given)](record& row) -> result<void> {
    if (auto ok = check_changeable(self); !ok)
      return ok;
    next_version(row, now());
    if (auto ok = given.apply_to(row, shape_of(self)); !ok)
      return ok;
    return check_settings(self, row);
  };
  with_system_assistants(
    self, [self, change = std::move(change)] { change_assistant(self, change, true); });
}

// --- delete ----------------------------------------------------------------------------------

void erase_assistant(request_pointer self) {
  auto w = writes_of(self);
  w.what.erases.push_back({assistant_key(self), {}, self->state.granted.auth_filter});
  ask(
    self, self->state.app->writer, std::move(w), [self](written) { answer_empty(self, 204); },
    or_refuse(self));
}

// Threads of the assistant that the caller may delete: found and erased in rounds, so that any
// number of them takes bounded memory.
struct thread_round {
  filter may_delete;
  std::vector<std::string> ids;
  std::size_t open = 0;
  std::optional<error> failed = {};
};
using thread_round_ptr = std::shared_ptr<thread_round>;

constexpr std::size_t threads_at_once = 16;
constexpr int64_t threads_per_round = 500;

void find_threads(request_pointer self, const filter& may_delete);

void erase_next_threads(request_pointer self, const thread_round_ptr& round) {
  while (!round->failed && !round->ids.empty() && round->open < threads_at_once) {
    stop_runs stop;
    stop.tenant = tenant_of(self);
    stop.thread_id = std::move(round->ids.back());
    stop.why = stop_reason::erased;
    stop.auth_filter = round->may_delete;
    stop.who = self->state.granted.who->key();
    round->ids.pop_back();
    ++round->open;
    const auto go_on = [self, round](const error* why) {
      --round->open;
      if (why && why->code != errc::not_found) // one that went meanwhile
        round->failed = *why;
      erase_next_threads(self, round);
    };
    ask(
      self, self->state.app->run_directory, std::move(stop),
      [go_on](runs_stopped) { go_on(nullptr); }, [go_on](const error& why) { go_on(&why); });
  }
  if (round->open > 0)
    return;
  if (round->failed)
    return refuse(self, *round->failed);
  if (round->ids.empty())
    find_threads(self, round->may_delete);
}

void find_threads(request_pointer self, const filter& may_delete) {
  auto& s = self->state;
  s.ex->extend_deadline(s.app->options->http.request_deadline);
  query q;
  q.type = kind::thread;
  q.tenant = tenant_of(self);
  q.metadata = {{"assistant_id", assistant_key(self).id}};
  q.auth_filter = may_delete;
  q.limit = threads_per_round;
  auto round = std::make_shared<thread_round>();
  round->may_delete = may_delete;
  auto search = storage::new_search(*s.app, std::move(q), record_scan::wants::heads);
  search->room = room_for_rows(self);
  storage::each_slice(
    self, s.app, search, s.granted.who,
    [self, round, search](scan_part& part) {
      for (auto& row : part.rows)
        round->ids.push_back(std::move(row.id));
      if (!part.done)
        return true;
      if (round->ids.empty())
        erase_assistant(self);
      else
        erase_next_threads(self, round);
      return true;
    },
    or_refuse(self));
}

// Its threads go first: what is left of a deletion that broke off is deleted by the next one.
void erase_with_threads(request_pointer self) {
  authorize a;
  a.who = self->state.granted.who;
  a.resource = "threads";
  a.action = "delete";
  a.value = {{"thread_id", nullptr}};
  ask(
    self, self->state.app->authorizer, std::move(a),
    [self](const grant& g) { find_threads(self, g.auth_filter); }, or_refuse(self));
}

void remove(request_pointer self) {
  with_system_assistants(self, [self] {
    look_up_head(self, assistant_key(self), [self](const row_ptr& row) {
      if (!row)
        return refuse(self, fail(errc::not_found,
                                 "Assistant with ID " + assistant_key(self).id + " not found"));
      if (auto ok = check_changeable(self); !ok)
        return refuse(self, ok.error());
      if (flag_query(self, "delete_threads"))
        return erase_with_threads(self);
      erase_assistant(self);
    });
  });
}

} // namespace

std::vector<route> assistant_routes() {
  auto assistants = [](std::string_view action) consteval {
    return access::to("assistants", action);
  };
  auto of_search = of_paging;
  of_search.emplace_back("graph_id");
  return {
    {verb::post, "/assistants/search", assistants("search"), prepare_search, search,
     "Search assistants", of_search},
    {verb::post, "/assistants/count", assistants("search"), prepare_search, count,
     "Count assistants", of_search},
    {verb::post, "/assistants", assistants("create"), prepare_create, create, "Create an assistant",
     assistant_change::may_change},
    {verb::get, "/assistants/{assistant_id}", assistants("read"), prepare_assistant, get,
     "Get an assistant"},
    {verb::patch, "/assistants/{assistant_id}", assistants("update"), prepare_update, update,
     "Make an assistant's next version", assistant_change::may_change},
    {verb::del, "/assistants/{assistant_id}", assistants("delete"), prepare_assistant, remove,
     "Delete an assistant"},
  };
}

} // namespace behalf::endpoints
