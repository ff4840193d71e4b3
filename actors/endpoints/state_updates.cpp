#include "actors/endpoints/state_updates.hpp"

#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/state_changes.hpp"
#include "actors/runs/thread_graph.hpp"
#include "actors/runs/thread_states.hpp"

namespace behalf::endpoints {
namespace {

constexpr int most_tries = 16; // others change the same thread meanwhile

// An object, a list (of what a copy is to hold) or null.
json::value read_values(body_reader& in) {
  const auto* v = in.any("values");
  if (!v || v->is_null())
    return nullptr;
  if (v->is_object())
    in.object("values", &shape_limits::members);
  else if (v->is_array())
    in.list("values", &shape_limits::elements);
  else
    in.refuse(
      fail(errc::invalid_argument,
           excerpt(*v) + " is not of type \"object\", \"array\" or \"null\" at \"values\""));
  return *v;
}

state_update read_update(body_reader& in, const shape_limits& bounds) {
  state_update one;
  one.values = read_values(in);
  in.require("as_node");
  one.as_node = in.text("as_node").value_or("");
  if (one.as_node.empty())
    in.refuse(fail(errc::invalid_argument, "\"as_node\" must name a node"));
  if (auto command = read_command(in, bounds); command && !command->empty())
    one.command = run_command::parse(*command);
  return one;
}

superstep_update read_superstep(body_reader& in, const shape_limits& bounds) {
  superstep_update all;
  in.require("updates");
  for (const auto& update : in.list("updates", &shape_limits::names).value_or(json::array{})) {
    body_reader of{update, bounds};
    all.push_back(read_update(of, bounds));
    if (of.fault())
      in.refuse(*of.fault());
  }
  return all;
}

// --- POST /threads/{thread_id}/state ---------------------------------------------------------

using asked_ptr = std::shared_ptr<asked_change>;

runs::state_change read_change(body_reader& in, const shape_limits& bounds) {
  runs::state_change change;
  state_update one;
  one.values = read_values(in);
  one.as_node = in.text("as_node").value_or("");
  change.supersteps.push_back({std::move(one)});
  change.checkpoint_id = in.text("checkpoint_id", true).value_or("");
  if (auto place = read_place(in, bounds)) {
    change.ns = std::move(place->ns);
    if (!place->id.empty())
      change.checkpoint_id = std::move(place->id);
  }
  return change;
}

result<json::object> prepare_change(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  body_reader in{self->state.body, shape_of(self)};
  read_change(in, shape_of(self));
  if (in.fault())
    return *in.fault();
  return value;
}

void answer_changed(request_pointer self, const std::string& ns, const std::string& id,
                    json::object parents) {
  json::object place{
    {"thread_id", self->state.thread_id}, {"checkpoint_ns", ns}, {"checkpoint_id", id}};
  if (!ns.empty()) {
    parents[ns] = id;
    place["checkpoint_map"] = std::move(parents);
  }
  answer(self, 200,
         json::object{{"checkpoint", place}, {"configurable", place}, {"checkpoint_id", id}});
}

void write_change(request_pointer self, const asked_ptr& asked, const record& thread,
                  runs::changed_state changed) {
  auto id = changed.outcome.checkpoint_id;
  auto parents = object_or_empty(changed.checkpoints.back().row.metadata, "parents");
  auto graph_id = std::string(string_or(thread.metadata, "graph_id"));
  auto w = writes_of(self);
  w.what =
    runs::changing_state(thread, asked->auth_filter, asked->what.kept_ns, std::move(changed));
  w.what.puts.insert(w.what.puts.end(), asked->beside.begin(), asked->beside.end());
  ask(
    self, self->state.app->writer, std::move(w),
    [self, asked, id, parents, graph_id](written) {
      tell(self->state.app->run_directory,
           thread_changed{tenant_of(self), self->state.thread_id, graph_id, asked->what.ns, id});
      asked->then(*asked, id, parents);
    },
    [self, asked](const error& why) {
      if (why.kind == state_moved && asked->again && ++asked->tries < most_tries)
        return change_thread(self, asked);
      asked->failed(why.code == errc::not_found ? no_thread(self->state.thread_id) : why);
    });
}

void change_state(request_pointer self, const asked_ptr& asked, const row_ptr& thread,
                  const catalog_entry& of, const std::shared_ptr<const graph>& flow) {
  auto kept = runs::state_at(flow, asked->what.ns);
  if (!kept)
    return asked->failed(kept.error());
  asked->what.kept_ns = kept->ns;
  storage::read(
    self, *self->state.app,
    storage::read_checkpoints{self->state.thread_id, kept->ns, asked->what.checkpoint_id,
                              self->state.granted.who->key(), room_for_rows(self)},
    [self, asked, thread, &of, flow](const storage::found_checkpoints& found) {
      auto changed = runs::change_state(*self->state.app, of, of.make ? flow : nullptr, *thread,
                                        asked->what, found);
      if (!changed)
        return asked->failed(changed.error());
      write_change(self, asked, *thread, std::move(*changed));
    },
    asked->failed);
}

void change_graph_state(request_pointer self, const asked_ptr& asked, const row_ptr& thread) {
  auto entry = runs::graph_of_state(*self->state.app, *thread);
  if (!entry)
    return asked->failed(entry.error());
  runs::with_graph_of_state(
    self, *self->state.app, *thread,
    asked->what.ns.empty() ? asked->what.checkpoint_id : std::string{}, room_for_rows(self),
    [self, asked, thread, of = *entry](const std::shared_ptr<const graph>& flow) {
      change_state(self, asked, thread, *of, flow);
    },
    asked->failed);
}

void change(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  auto asked = std::make_shared<asked_change>();
  asked->what = read_change(in, shape_of(self));
  asked->auth_filter = self->state.granted.auth_filter;
  asked->then = [self](const asked_change& done, const std::string& id, json::object parents) {
    answer_changed(self, done.what.kept_ns, id, std::move(parents));
  };
  asked->failed = or_refuse(self);
  change_thread(self, asked);
}

} // namespace

std::vector<superstep_update> read_supersteps(body_reader& in, const shape_limits& bounds) {
  std::vector<superstep_update> all;
  for (const auto& one : in.list("supersteps", &shape_limits::names).value_or(json::array{})) {
    body_reader of{one, bounds};
    all.push_back(read_superstep(of, bounds));
    if (of.fault())
      in.refuse(*of.fault());
  }
  return all;
}

void change_thread(request_pointer self, const asked_ptr& asked) {
  storage::read(
    self, *self->state.app,
    storage::get_record{thread_key(self, self->state.thread_id), room_for_rows(self)},
    [self, asked](const row_ptr& thread) {
      if (!thread || !asked->auth_filter.matches(thread->metadata))
        return asked->failed(no_thread(self->state.thread_id));
      change_graph_state(self, asked, thread);
    },
    asked->failed);
}

std::vector<route> state_update_routes() {
  return {
    {verb::post, "/threads/{thread_id}/state", access::to("threads", "update"), prepare_change,
     change, "Change a thread's state"},
  };
}

} // namespace behalf::endpoints
