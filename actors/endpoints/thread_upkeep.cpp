// What is done with whole threads: copied, measured, pruned. Of any size, in slices.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/thread_graph.hpp"
#include "actors/runs/thread_states.hpp"
#include "runtime/base/id.hpp"

#include <chrono>
#include <set>

namespace behalf::endpoints {
namespace {

constexpr std::chrono::hours copy_time{1}; // what is left of a copy that is never finished
constexpr int64_t rows_at_once = 100;      // dropped by one write
constexpr std::string_view delete_all = "delete", keep_latest = "keep_latest";

// It goes on, so it may take longer than other requests.
void keep_going(request_pointer self) {
  self->state.ex->extend_deadline(self->state.app->options->http.request_deadline);
  end_with_client(self);
}

// --- copy ------------------------------------------------------------------------------------

struct copying {
  row_ptr source; // its head
  std::string id, newest;
  json::object metadata = {};
  time_point at = now();
  thread_sizes measured = {};
};
using copying_ptr = std::shared_ptr<copying>;

error conflict() {
  return fail(errc::conflict, "Conflict");
}

// Leaves nothing of it. What is left all the same expires.
void give_up(request_pointer self, const copying_ptr& copy, const error& why) {
  auto w = writes_of(self);
  w.what.erases.push_back({thread_key(self, copy->id)});
  const auto told = why.code == errc::not_found ? conflict() : why;
  ask(
    self, self->state.app->writer, std::move(w), [self, told](written) { refuse(self, told); },
    [self, told](const error&) { refuse(self, told); });
}

auto or_give_up(request_pointer self, const copying_ptr& copy) {
  return [self, copy](const error& why) { give_up(self, copy, why); };
}

record copied_thread(request_pointer self, const copying& copy) {
  record row;
  row.type = kind::thread;
  row.tenant = tenant_of(self);
  row.id = copy.id;
  row.owner = self->state.granted.who->key().text();
  row.metadata = copy.metadata;
  row.status = "idle";
  row.created_at = row.updated_at = row.state_updated_at = copy.at;
  row.doc = {{"config", json::object{}}, {"values", nullptr}};
  return row;
}

// What a thread shows of its newest checkpoint. `source` tells what checkpoints do not.
void show_state_of(record& row, const json::object& state, const record& source) {
  json::object interrupts;
  bool failed = false;
  for (const auto& task : state.at("tasks").as_array()) {
    failed = failed || !task.at("error").is_null();
    if (const auto& asked = task.at("interrupts").as_array(); !asked.empty())
      interrupts[task.at("id").as_string()] = asked;
  }
  row.status = failed ? "error" : state.at("next").as_array().empty() ? "idle" : "interrupted";
  row.doc["config"] = object_or_empty(source.doc, "config");
  row.doc["settled"] = row.status;
  if (state.at("checkpoint").is_null())
    return;
  const auto* why = member(source.doc, "error");
  row.doc["values"] = state.at("values");
  row.doc["error"] = why && row.status != "idle" ? *why : json::value(nullptr);
  row.doc["interrupts"] = std::move(interrupts);
  row.doc["ran"] = true;
}

void finish_copy(request_pointer self, const copying_ptr& copy, const record& source,
                 const graph* flow, const storage::found_checkpoints& found) {
  auto state = runs::shown_state(found.rows, flow, copy->id, std::string{});
  if (!state)
    return give_up(self, copy, state.error());
  auto row = copied_thread(self, *copy);
  show_state_of(row, *state, source);
  auto shown = thread_view(row);
  auto w = writes_of(self);
  w.what.puts.push_back({std::move(row), 1});
  ask(
    self, self->state.app->writer, std::move(w),
    [self, shown](written) { answer(self, 200, shown); }, or_give_up(self, copy));
}

// All checkpoints are there: the thread becomes what they say.
void complete_copy(request_pointer self, const copying_ptr& copy) {
  look_up(self, thread_key(self, self->state.thread_id), [self, copy](const row_ptr& source) {
    if (!source)
      return give_up(self, copy, conflict());
    storage::read(
      self, *self->state.app,
      storage::read_checkpoints{copy->id, "", "", self->state.granted.who->key(),
                                room_for_rows(self)},
      [self, copy, source](const storage::found_checkpoints& found) {
        runs::with_graph_of_state(
          self, *self->state.app, *source, {}, room_for_rows(self),
          [self, copy, source, found](const std::shared_ptr<const graph>& flow) {
            finish_copy(self, copy, *source, flow.get(), found);
          },
          or_give_up(self, copy));
      },
      or_give_up(self, copy));
  });
}

void copy_next(request_pointer self, const copying_ptr& copy);

void copy_measured(request_pointer self, const copying_ptr& copy, thread_sizes sizes) {
  auto before = std::exchange(copy->measured, std::move(sizes));
  const auto& now = copy->measured;
  if (now.ns == before.ns && now.id == before.id)
    return complete_copy(self, copy);
  auto w = writes_of(self);
  w.what.checkpoint_copies.push_back({tenant_of(self), self->state.thread_id, copy->id,
                                      self->state.granted.auth_filter, copy->newest, before.ns,
                                      before.id, now.ns, now.id});
  ask(
    self, self->state.app->writer, std::move(w), [self, copy](written) { copy_next(self, copy); },
    or_give_up(self, copy));
}

void copy_next(request_pointer self, const copying_ptr& copy) {
  if (copy->measured.complete)
    return complete_copy(self, copy);
  keep_going(self);
  storage::read(
    self, *self->state.app,
    storage::measure_thread{self->state.thread_id, self->state.granted.who->key(), copy->measured},
    [self, copy](thread_sizes& sizes) { copy_measured(self, copy, std::move(sizes)); },
    or_give_up(self, copy));
}

// Until it is complete no search lists it, and nobody knows its id.
void begin_copy(request_pointer self, const copying_ptr& copy) {
  if (auto ok = check_metadata(copy->metadata, shape_of(self)); !ok)
    return refuse(self, ok.error());
  auto row = copied_thread(self, *copy);
  row.listed = false;
  row.expires = expiry{row.created_at + copy_time, copy_time};
  auto w = writes_of(self);
  w.what.puts.push_back({std::move(row), 0, false, self->state.app->options->stored.threads});
  ask(
    self, self->state.app->writer, std::move(w), [self, copy](written) { copy_next(self, copy); },
    or_refuse(self));
}

// To read the one and to create the other are two rights.
void copy(request_pointer self) {
  look_up_head(self, thread_key(self, self->state.thread_id), [self](const row_ptr& source) {
    if (!source)
      return refuse(self, conflict());
    auto job = std::make_shared<copying>(copying{source, uuid7(), uuid6({})});
    static const std::vector<std::string_view> of_thread{"metadata"};
    auto a = also(self, "create",
                  {{"thread_id", job->id}, {"metadata", source->metadata}, {"if_exists", "raise"}});
    a.may_change = of_thread;
    ask(
      self, self->state.app->authorizer, std::move(a),
      [self, job](grant& g) {
        admission::granted_reader in{g.value};
        job->metadata = in.object("metadata");
        if (in.fault())
          return refuse(self, *in.fault());
        begin_copy(self, job);
      },
      or_refuse(self));
  });
}

// --- storage ---------------------------------------------------------------------------------

json::object sizes_view(const std::string& thread_id, const thread_sizes& sizes) {
  json::object channels;
  thread_sizes::part all;
  for (const auto& [name, part] : sizes.channels) {
    channels[name] = json::object{{"versions", part.count}, {"bytes", part.bytes}};
    all.count += part.count;
    all.bytes += part.bytes;
  }
  auto view = [](const thread_sizes::part& part) {
    return json::object{{"count", part.count}, {"bytes", part.bytes}};
  };
  auto values = view(all);
  values["by_channel"] = std::move(channels);
  return {{"thread_id", thread_id},
          {"total_bytes", sizes.bytes},
          {"checkpoints", view(sizes.checkpoints)},
          {"channel_values", std::move(values)},
          {"pending_writes", view(sizes.pending)}};
}

// `then` gets the sizes of the whole thread.
template <class Then>
void measure(request_pointer self, const std::string& thread_id, thread_sizes so_far, Then then) {
  storage::read(
    self, *self->state.app,
    storage::measure_thread{thread_id, self->state.granted.who->key(), std::move(so_far)},
    [self, thread_id, then](thread_sizes& sizes) mutable {
      if (sizes.complete)
        return then(sizes);
      keep_going(self);
      measure(self, thread_id, std::move(sizes), std::move(then));
    },
    or_refuse(self));
}

void show_storage(request_pointer self) {
  look_up_head(self, thread_key(self, self->state.thread_id), [self](const row_ptr& thread) {
    if (!thread)
      return refuse(self, no_thread(self->state.thread_id));
    measure(self, self->state.thread_id, {}, [self](const thread_sizes& sizes) {
      answer(self, 200, sizes_view(self->state.thread_id, sizes));
    });
  });
}

// --- prune -----------------------------------------------------------------------------------

struct pruning {
  std::vector<std::string> left;
  bool keeps_latest = false;
  int64_t pruned = 0;
};
using pruning_ptr = std::shared_ptr<pruning>;

// Sorted, each once.
std::set<std::string> read_ids(body_reader& in) {
  in.require("thread_ids");
  std::set<std::string> ids;
  for (const auto& text :
       in.texts("thread_ids", &shape_limits::names).value_or(std::vector<std::string>{})) {
    auto id = parse_uuid(text, "thread");
    if (id)
      ids.insert(*id);
    else
      in.refuse(id.error());
  }
  return ids;
}

result<json::object> prepare_prune(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  const auto ids = read_ids(in);
  auto strategy =
    in.one_of("strategy", {delete_all, keep_latest}).value_or(std::string(delete_all));
  if (in.fault())
    return *in.fault();
  return json::object{{"thread_ids", json::array(ids.begin(), ids.end())}, {"strategy", strategy}};
}

void prune_next(request_pointer self, const pruning_ptr& job);

void one_pruned(request_pointer self, const pruning_ptr& job) {
  ++job->pruned;
  prune_next(self, job);
}

// Deleted meanwhile, or a run is under way: it stays as it is, and is not counted.
auto or_pass_over(request_pointer self, const pruning_ptr& job) {
  return [self, job](const error& why) {
    if (why.code == errc::not_found || why.kind == thread_busy)
      return prune_next(self, job);
    refuse(self, why);
  };
}

void erase(request_pointer self, const pruning_ptr& job, const std::string& id) {
  stop_runs stop;
  stop.tenant = tenant_of(self);
  stop.thread_id = id;
  stop.why = stop_reason::erased;
  stop.auth_filter = self->state.granted.auth_filter;
  stop.who = self->state.granted.who->key();
  ask(
    self, self->state.app->run_directory, std::move(stop),
    [self, job](runs_stopped) { one_pruned(self, job); }, or_pass_over(self, job));
}

// How many writes drop all there is, however it is spread.
int64_t turns_for(const thread_sizes& sizes) {
  const auto rows = sizes.checkpoints.count + sizes.pending.count + sizes.bytes / bytes_of_a_row;
  return rows / rows_at_once + 1;
}

// `turns`: writes until nothing older is left.
void drop_older(request_pointer self, const pruning_ptr& job, const std::string& id,
                int64_t turns) {
  if (turns == 0)
    return one_pruned(self, job);
  keep_going(self);
  auto w = writes_of(self);
  w.what.prunes.push_back({tenant_of(self), id, self->state.granted.auth_filter, rows_at_once});
  ask(
    self, self->state.app->writer, std::move(w),
    [self, job, id, turns](written) { drop_older(self, job, id, turns - 1); },
    or_pass_over(self, job));
}

void prune_next(request_pointer self, const pruning_ptr& job) {
  if (job->left.empty())
    return answer(self, 200, json::object{{"pruned_count", job->pruned}});
  keep_going(self);
  auto id = std::move(job->left.back());
  job->left.pop_back();
  look_up_head(self, thread_key(self, id), [self, job, id](const row_ptr& thread) {
    if (!thread)
      return prune_next(self, job);
    if (!job->keeps_latest)
      return erase(self, job, id);
    measure(self, id, {}, [self, job, id](const thread_sizes& sizes) {
      drop_older(self, job, id, turns_for(sizes));
    });
  });
}

void prune(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  auto ids = read_ids(in);
  auto job = std::make_shared<pruning>();
  job->left.assign(ids.rbegin(), ids.rend());
  job->keeps_latest = in.text("strategy") == keep_latest;
  prune_next(self, job);
}

} // namespace

std::vector<route> thread_upkeep_routes() {
  return {
    {verb::post, "/threads/{thread_id}/copy", access::to("threads", "read"), prepare_thread, copy,
     "Copy a thread: its checkpoints and metadata, not its runs"},
    {verb::get, "/threads/{thread_id}/storage", access::to("threads", "read"), prepare_thread,
     show_storage, "Get what a thread's checkpoints take"},
    {verb::post, "/threads/prune", access::to("threads", "delete"), prepare_prune, prune,
     "Delete threads, or all of their checkpoints but the latest"},
  };
}

} // namespace behalf::endpoints
