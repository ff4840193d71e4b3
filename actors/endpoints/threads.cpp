// Threads: create, search, read, change, delete; their state and history.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/inner_states.hpp"
#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/endpoints/state_updates.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/state_changes.hpp"
#include "actors/runs/thread_graph.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/scans.hpp"
#include "actors/storage/store_items.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/item_rules.hpp"
#include "runtime/graph/history_walk.hpp"

namespace behalf::endpoints {
namespace {

record_key thread_key(request_pointer self) {
  return thread_key(self, self->state.thread_id);
}

// Loads the thread of the path and calls `then` if the caller may see it.
template <class Then>
auto or_no_thread(request_pointer self, Then then) {
  return [self, then](row_ptr row) mutable {
    if (!row)
      return refuse(self, no_thread(self->state.thread_id));
    then(row);
  };
}

template <class Then>
void with_thread_head(request_pointer self, Then then) {
  look_up_head(self, thread_key(self), or_no_thread(self, then));
}

// --- create ----------------------------------------------------------------------------------

// {"strategy", "ttl": minutes}
void read_ttl(body_reader& in, const shape_limits& bounds) {
  auto ttl = in.object("ttl", &shape_limits::fields);
  if (!ttl)
    return;
  body_reader of{*ttl, bounds};
  of.one_of("strategy", {"delete", "keep_latest"});
  of.number("ttl", 0, max_ttl_minutes);
  if (of.fault())
    in.refuse(*of.fault());
}

result<json::object> prepare_create(request_pointer self) {
  auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  s.thread_id = in.uuid("thread_id", "thread").value_or(uuid7());
  auto metadata = in.metadata().value_or(json::object{});
  auto if_exists = in.one_of("if_exists", {"raise", "do_nothing"}).value_or("raise");
  read_ttl(in, shape_of(self));
  read_supersteps(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  return json::object{{"thread_id", s.thread_id}, {"metadata", metadata}, {"if_exists", if_exists}};
}

// Of a validated body.
std::optional<expiry> expiry_of(const json::value& body, time_point from) {
  const auto* ttl = member(body, "ttl");
  const auto* minutes = ttl ? member(*ttl, "ttl") : nullptr;
  if (!minutes || !minutes->is_number())
    return std::nullopt;
  auto e = storage::expiry_in(minutes->to_number<double>(), from);
  e.keep_latest = string_or(ttl->get_object(), "strategy") == "keep_latest";
  return e;
}

record new_thread(request_pointer self, json::object metadata) {
  auto& s = self->state;
  record row;
  row.type = kind::thread;
  row.tenant = tenant_of(self);
  row.id = s.thread_id;
  row.owner = s.granted.who->key().text();
  row.status = "idle";
  row.metadata = std::move(metadata);
  row.created_at = row.updated_at = row.state_updated_at = now();
  row.doc = {{"config", json::object{}}, {"values", nullptr}};
  row.expires = expiry_of(s.body, row.created_at);
  if (const auto& kept = s.app->options->threads; !row.expires && kept.ttl.count() > 0)
    row.expires = expiry{row.created_at + kept.ttl, kept.ttl, kept.keep_latest};
  return row;
}

void existing_thread(request_pointer self, const error& why, bool do_nothing) {
  auto& s = self->state;
  auto taken = fail(errc::conflict, "Thread with ID " + s.thread_id + " already exists");
  if (why.code != errc::conflict)
    return refuse(self, why);
  if (!do_nothing)
    return refuse(self, taken);
  look_up_to_read(self, "threads", thread_key(self), {{"thread_id", s.thread_id}},
                  [self, taken](const row_ptr& row) {
                    if (!row)
                      return refuse(self, taken);
                    answer(self, 200, thread_view(*row));
                  });
}

// With the state that supersteps make, and nothing of it when one of them fails. Returns why there
// is no state, of a graph that is not there: the thread is made all the same.
result<std::string> put_new(request_pointer self, record row, write_batch& into) {
  body_reader in{self->state.body, shape_of(self)};
  runs::state_change first{read_supersteps(in, shape_of(self)), {}, {}};
  const auto& most = self->state.app->options->stored.threads;
  if (first.supersteps.empty()) {
    into.puts.push_back({std::move(row), 0, false, most});
    return std::string{};
  }
  auto of = runs::graph_of_state(*self->state.app, row);
  if (!of) {
    into.puts.push_back({std::move(row), 0, false, most});
    return of.error().message;
  }
  auto made = runs::change_state(*self->state.app, **of, nullptr, row, first, {});
  if (!made)
    return made.error();
  row.status = made->outcome.thread_status();
  row.doc["values"] = made->outcome.values->to_json();
  row.doc["error"] = nullptr;
  row.doc["interrupts"] = json::object{};
  row.doc["settled"] = row.status;
  row.doc["ran"] = true;
  into.puts.push_back({std::move(row), 0, false, most});
  std::move(made->checkpoints.begin(), made->checkpoints.end(), std::back_inserter(into.puts));
  return std::string{};
}

void answer_created(request_pointer self, const json::object& shown, const std::string& stateless) {
  if (stateless.empty())
    return answer(self, 200, shown);
  answer(self, 201,
         json::object{{"detail", "Thread " + self->state.thread_id
                                   + " was created, but there were problems updating the state: "
                                   + stateless}});
}

void create(request_pointer self) {
  admission::granted_reader granted{self->state.granted.value};
  auto do_nothing = granted.one_of("if_exists", {"raise", "do_nothing"}) == "do_nothing";
  auto row = new_thread(self, granted.object("metadata"));
  if (granted.fault())
    return refuse(self, *granted.fault());
  if (auto ok = check_metadata(row.metadata, shape_of(self));
      !ok) // again: handlers may have added to it
    return refuse(self, ok.error());
  auto w = writes_of(self);
  auto stateless = put_new(self, std::move(row), w.what);
  if (!stateless)
    return refuse(self, stateless.error());
  auto shown = thread_view(w.what.puts.front().row);
  ask(
    self, self->state.app->writer, std::move(w),
    [self, shown, why = *stateless](written) { answer_created(self, shown, why); },
    [self, do_nothing](error why) { existing_thread(self, why, do_nothing); });
}

// --- search ----------------------------------------------------------------------------------

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto status = in.one_of("status", {"idle", "busy", "interrupted", "error"});
  for (const auto& id : in.texts("ids", &shape_limits::names).value_or(std::vector<std::string>{}))
    if (!parse_uuid(id, "thread"))
      in.refuse(fail(errc::bad_request, "Invalid thread ID " + id));
  auto value = read_paging(
    in, {"thread_id", "status", "created_at", "updated_at", "state_updated_at"}, thread_fields);
  value["values"] = in.conditions("values").value_or(json::object{});
  value["status"] = status ? json::value(*status) : json::value(nullptr);
  if (in.fault())
    return *in.fault();
  return value;
}

result<query> thread_query(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  admission::granted_reader granted{self->state.granted.value};
  auto q = paged_query(self, granted, kind::thread, "updated_at");
  for (const auto& id : in.texts("ids", &shape_limits::names).value_or(std::vector<std::string>{}))
    q.ids.push_back(parse_uuid(id, "thread").value());
  if (granted.has("status"))
    q.status = {granted.text("status")};
  q.values = granted.object("values");
  if (granted.fault())
    return *granted.fault();
  return q;
}

void search(request_pointer self) {
  auto q = thread_query(self);
  if (!q)
    return refuse(self, q.error());
  answer_page(self, std::move(*q), thread_view, thread_fields);
}

void count(request_pointer self) {
  auto q = thread_query(self);
  if (!q)
    return refuse(self, q.error());
  answer_count(self, std::move(*q));
}

// --- one thread ------------------------------------------------------------------------------

void get(request_pointer self) {
  look_up(self, thread_key(self), or_no_thread(self, [self](const row_ptr& row) {
            auto shown = thread_view(*row);
            auto include = list_query(self, "include");
            if (!include)
              return refuse(self, include.error());
            if (std::find(include->begin(), include->end(), "ttl") != include->end())
              shown["ttl"] = ttl_view(*row);
            answer(self, 200, shown);
          }));
}

result<json::object> prepare_update(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  body_reader in{self->state.body, shape_of(self)};
  (*value)["metadata"] = in.metadata().value_or(json::object{});
  read_ttl(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  return value;
}

void answer_updated(request_pointer self) {
  const auto* prefer = find_header(self->state.ex->req().headers, "prefer");
  if (prefer && prefer->find("return=minimal") != prefer->npos)
    return answer_empty(self, 204);
  // Without a second check of the filter: the write has checked it.
  auto show = [self](const row_ptr& row) { answer(self, 200, thread_view(*row)); };
  storage::read(self, *self->state.app, storage::get_record{thread_key(self), room_for_rows(self)},
                or_no_thread(self, show), or_refuse(self));
}

// The writer merges the metadata, so that changes made meanwhile are kept.
void update(request_pointer self) {
  auto& s = self->state;
  admission::granted_reader granted{s.granted.value};
  auto w = writes_of(self);
  write_batch::thread_change change{tenant_of(self), s.thread_id, s.granted.auth_filter};
  change.metadata = granted.object("metadata");
  change.bounds = shape_of(self);
  if (granted.fault())
    return refuse(self, *granted.fault());
  change.at = now();
  change.expires = expiry_of(s.body, change.at);
  w.what.thread_changes.push_back(std::move(change));
  ask(
    self, s.app->writer, std::move(w), [self](written) { answer_updated(self); },
    [self](error why) {
      refuse(self, why.code == errc::not_found ? fail(errc::not_found, "Not Found") : why);
    });
}

// Through the scheduler, so that no run begins on a thread that is being deleted.
void remove(request_pointer self) {
  with_thread_head(self, [self](const row_ptr&) {
    stop_runs stop;
    stop.tenant = tenant_of(self);
    stop.thread_id = self->state.thread_id;
    stop.why = stop_reason::erased;
    stop.auth_filter = self->state.granted.auth_filter;
    stop.who = self->state.granted.who->key();
    ask(
      self, self->state.app->run_directory, std::move(stop),
      [self](runs_stopped) { answer_empty(self, 204); }, or_refuse(self));
  });
}

// --- state and history -----------------------------------------------------------------------

// Calls `then` with the graph and namespace of what is asked for, `ns` as the client names it.
template <class Then>
void with_kept_state(request_pointer self, const record& thread, const std::string& ns,
                     const std::string& checkpoint_id, Then then) {
  runs::with_graph_of_state(
    self, *self->state.app, thread, ns.empty() ? checkpoint_id : std::string{}, room_for_rows(self),
    [self, ns, then](const std::shared_ptr<const graph>& flow) mutable {
      auto kept = runs::state_at(flow, ns);
      if (!kept)
        return refuse(self, kept.error());
      then(std::move(*kept));
    },
    or_refuse(self));
}

struct asked_state {
  std::string ns, checkpoint_id;
  bool subgraphs = false; // theirs in it
};

void show_kept(request_pointer self, const asked_state& asked, const runs::kept_state& kept) {
  storage::read(
    self, *self->state.app,
    storage::read_checkpoints{self->state.thread_id, kept.ns, asked.checkpoint_id,
                              self->state.granted.who->key(), room_for_rows(self)},
    [self, asked, kept](const storage::found_checkpoints& found) {
      auto shown = runs::shown_state(found.rows, kept.flow.get(), self->state.thread_id,
                                     asked.checkpoint_id, kept.ns);
      if (!shown)
        return refuse(self, shown.error());
      if (asked.subgraphs)
        return answer_with_inner(self, std::move(*shown), kept.flow);
      answer(self, 200, *shown);
    },
    or_refuse(self));
}

void show_state(request_pointer self, asked_state asked) {
  with_thread_head(self, [self, asked = std::move(asked)](const row_ptr& thread) {
    with_kept_state(self, *thread, asked.ns, asked.checkpoint_id,
                    [self, asked](const runs::kept_state& kept) { show_kept(self, asked, kept); });
  });
}

void state(request_pointer self) {
  const auto* ns = text_query(self, "checkpoint_ns");
  show_state(self, {ns ? *ns : std::string{}, std::string(self->state.params["checkpoint_id"]),
                    flag_query(self, "subgraphs")});
}

asked_state read_state_at(body_reader& in, const shape_limits& bounds) {
  asked_state asked;
  in.require("checkpoint");
  asked.subgraphs = in.flag("subgraphs").value_or(false);
  if (auto place = read_place(in, bounds)) {
    asked.ns = std::move(place->ns);
    asked.checkpoint_id = std::move(place->id);
  }
  return asked;
}

result<json::object> prepare_state_at(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  body_reader in{self->state.body, shape_of(self)};
  read_state_at(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  return value;
}

void state_at(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  show_state(self, read_state_at(in, shape_of(self)));
}

// `before` comes as an id, as a checkpoint, or as {"configurable": {"checkpoint_id"}}.
std::string before_id(const json::value& v) {
  if (v.is_string())
    return std::string(v.get_string());
  if (!v.is_object())
    return {};
  const auto& inner = object_or_empty(v.get_object(), "configurable");
  return std::string(string_or(inner.empty() ? v.get_object() : inner, "checkpoint_id"));
}

// Of the graph whose history is asked for; "" is the thread's own.
std::string history_ns(body_reader& in, const shape_limits& bounds) {
  return read_place(in, bounds).value_or(checkpoint_place{}).ns;
}

result<json::object> prepare_history(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  auto& s = self->state;
  if (s.ex->req().method == verb::get || s.ex->req().method == verb::head) {
    auto limit = int_query(self, "limit", 10, 1, 1000);
    if (!limit)
      return limit.error();
    const auto* before = text_query(self, "before");
    s.body = json::object{{"limit", *limit},
                          {"before", before ? json::value(*before) : json::value(nullptr)}};
    return value;
  }
  auto in = optional_body(self);
  in.integer("limit", 1, 1000);
  if (const auto* before = in.any("before"); before && !before->is_string() && !before->is_object())
    in.refuse(fail(errc::invalid_argument,
                   excerpt(*before) + " is not a checkpoint to list the history before"));
  in.conditions("metadata");
  history_ns(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  return value;
}

query history_query(request_pointer self, std::string ns) {
  auto& body = self->state.body.get_object();
  const auto* before = member(body, "before");
  query q;
  q.type = kind::checkpoint;
  q.tenant = tenant_of(self);
  q.parent = self->state.thread_id;
  q.ns = std::move(ns);
  q.before = before ? before_id(*before) : std::string{};
  q.metadata = object_or_empty(body, "metadata");
  q.sort = sort_key::id;
  q.limit = int_or(body, "limit", 10);
  return q;
}

// The checkpoints to show, and the index of the next.
struct past {
  past(const runs::kept_state& kept, const std::string& thread_id)
    : flow(kept.flow), ns(kept.ns), walk(flow.get(), thread_id) {}
  std::shared_ptr<const graph> flow;
  std::string ns;
  std::vector<std::string> ids;
  std::size_t next = 0;
  history_walk walk;
};

void show_more(request_pointer self, past& p) {
  auto& out = *self->state.out;
  for (; p.next < p.ids.size() && p.walk.reaches(p.ids[p.next]) && !enough(out); ++p.next)
    add_element(out, p.walk.show(p.ids[p.next]));
}

result<void> load_past(past& p, const std::vector<record>& rows) {
  auto docs = runs::to_docs(rows);
  if (!docs)
    return docs.error();
  if (docs->empty()) { // deleted meanwhile
    ++p.next;
    return {};
  }
  return p.walk.load(std::move(*docs));
}

void next_of_past(request_pointer self, const std::shared_ptr<past>& p) {
  show_more(self, *p);
  auto& s = self->state;
  if (enough(*s.out))
    return go_on(self);
  if (p->next == p->ids.size()) {
    s.out->text += ']';
    return complete(self);
  }
  storage::read(
    self, *s.app,
    storage::read_checkpoints{s.thread_id, p->ns, p->ids[p->next], s.granted.who->key(),
                              room_for_rows(self)},
    [self, p](const storage::found_checkpoints& found) {
      if (auto ok = load_past(*p, found.rows); !ok)
        return break_off(self, ok.error());
      next_of_past(self, p);
    },
    [self, p](const error& why) {
      if (why.kind != unreadable_record)
        return break_off(self, why);
      ++p->next; // damaged, or based on a damaged one: the others are shown
      next_of_past(self, p);
    });
}

void show_past(request_pointer self, std::shared_ptr<past> p) {
  auto out = std::make_shared<long_answer>();
  out->text = "[";
  out->more = [self, p] { next_of_past(self, p); };
  make_answer(self, std::move(out));
}

void list_past(request_pointer self, const runs::kept_state& kept) {
  const auto& s = self->state;
  auto p = std::make_shared<past>(kept, s.thread_id);
  storage::each_slice(
    self, s.app,
    storage::new_search(*s.app, history_query(self, kept.ns), record_scan::wants::heads),
    s.granted.who,
    [self, p](scan_part& part) {
      for (auto& row : part.rows)
        p->ids.push_back(std::move(row.id));
      if (part.done)
        show_past(self, p);
      else
        end_with_client(self);
      return true;
    },
    or_refuse(self));
}

void history(request_pointer self) {
  with_thread_head(self, [self](const row_ptr& thread) {
    body_reader in{self->state.body, shape_of(self)};
    with_kept_state(self, *thread, history_ns(in, shape_of(self)), {},
                    [self](const runs::kept_state& kept) { list_past(self, kept); });
  });
}

} // namespace

std::vector<route> thread_routes() {
  auto threads = [](std::string_view action) consteval {
    return access::to("threads", action);
  };
  auto of_search = of_paging;
  of_search.insert(of_search.end(), {"values", "status"});
  return {
    {verb::post,
     "/threads",
     threads("create"),
     prepare_create,
     create,
     "Create a thread",
     {"metadata", "if_exists"}},
    {verb::post, "/threads/search", threads("search"), prepare_search, search, "Search threads",
     of_search},
    {verb::post, "/threads/count", threads("search"), prepare_search, count, "Count threads",
     of_search},
    {verb::get, "/threads/{thread_id}", threads("read"), prepare_thread, get, "Get a thread"},
    {verb::patch,
     "/threads/{thread_id}",
     threads("update"),
     prepare_update,
     update,
     "Merge into a thread's metadata, and give it another time to live",
     {"metadata"}},
    {verb::del, "/threads/{thread_id}", threads("delete"), prepare_thread, remove,
     "Delete a thread, its runs and its checkpoints"},
    {verb::get, "/threads/{thread_id}/state", threads("read"), prepare_thread, state,
     "Get a thread's state"},
    {verb::get, "/threads/{thread_id}/state/{checkpoint_id}", threads("read"), prepare_thread,
     state, "Get a thread's state at a checkpoint"},
    {verb::post, "/threads/{thread_id}/state/checkpoint", threads("read"), prepare_state_at,
     state_at, "Get a thread's state at a checkpoint"},
    {verb::get, "/threads/{thread_id}/history", threads("read"), prepare_history, history,
     "List a thread's checkpoints, newest first"},
    {verb::post, "/threads/{thread_id}/history", threads("read"), prepare_history, history,
     "List a thread's checkpoints, newest first"},
  };
}

} // namespace behalf::endpoints
