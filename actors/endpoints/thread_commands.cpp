#include "actors/endpoints/thread_commands.hpp"

#include "actors/endpoints/body.hpp"
#include "actors/endpoints/inner_request.hpp"
#include "actors/endpoints/lasting_right.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/thread_stream.hpp"
#include "actors/options.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/json_rpc.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr std::size_t most_subscriptions = 64; // of one WebSocket
constexpr std::size_t longest_shown = 64;      // of a client's own words in an answer

/// One command under way.
struct command {
  json::value id;
  std::string method;
  json::object params;
  command_reply reply;
};
using command_ptr = std::shared_ptr<command>;

void succeed(request_pointer self, const command_ptr& c, json::object result) {
  const auto& r = self->state.thread;
  const auto seq = r && r->stream ? *r->stream->base + r->seen : 0;
  c->reply(200, {{"type", "success"},
                 {"id", c->id},
                 {"result", std::move(result)},
                 {"meta", {{"applied_through_seq", seq}}}});
}

// What an answer repeats; null where the client gave none that can be.
json::value id_of(const json::value& asked) {
  const auto* id = member(asked, "id");
  return id && is_rpc_id(*id) ? *id : json::value(nullptr);
}

json::object failure(const json::value& id, std::string_view code, std::string_view message) {
  return {{"type", "error"}, {"id", id}, {"error", code}, {"message", message}};
}

void decline(const command_ptr& c, std::string_view code, std::string_view message) {
  c->reply(200, failure(c->id, code, message));
}

void decline(const command_ptr& c, std::string_view message) {
  decline(c, "invalid_argument", message);
}

// --- requests of the API -----------------------------------------------------------------------

// Calls `then` with the body of a good answer; any other is the command's error. Of a thread that
// is not there `then` may get null.
enum class when_missing : uint8_t { is_error, is_null };
template <class Then>
void call(request_pointer self, const command_ptr& c, verb method, std::string_view below,
          json::value body, Then then, when_missing missing = when_missing::is_error) {
  std::vector<std::string> path{"threads", self->state.thread_id};
  if (!below.empty())
    path.emplace_back(below);
  make_request(self, {method, std::move(path), std::move(body)},
               [self, c, then, missing](inner_answer& answered) {
                 auto answer = parse_answer(self, answered);
                 if (!answer)
                   return decline(c, "unknown_error",
                                  std::to_string(http_status(answer.error().code)) + ": "
                                    + answer.error().message);
                 if (answered.status < 300)
                   return then(*answer);
                 if (answered.status == 404 && missing == when_missing::is_null)
                   return then(nullptr);
                 const auto detail = answer->is_object() ? string_or(answer->get_object(), "detail")
                                                         : std::string_view{};
                 decline(c, "unknown_error",
                         std::to_string(answered.status) + ": " + std::string(detail));
               });
}

void start_run(request_pointer self, const command_ptr& c, json::object body,
               std::function<json::object(const json::object& run)> result) {
  body["if_not_exists"] = "create";
  body["stream_resumable"] = true;
  body["stream_subgraphs"] = true;
  body["stream_mode"] = {"values", "updates", "messages-tuple", "custom", "tasks", "checkpoints"};
  call(self, c, verb::post, "runs", std::move(body), [self, c, result](const json::value& run) {
    succeed(self, c, run.is_object() ? result(run.get_object()) : json::object{});
  });
}

void copy_member(const json::object& from, std::string_view key, json::object& to,
                 std::string_view as = {}) {
  const json::string_view name{key.data(), key.size()};
  if (const auto* v = from.if_contains(name); v && !v->is_null()) {
    if (as.empty())
      as = key;
    to[json::string_view{as.data(), as.size()}] = *v;
  }
}

json::object run_id_of(const json::object& run) {
  return {{"run_id", string_or(run, "run_id")}};
}

// The assistant that last ran on a thread goes on with it.
json::object run_on(const json::object& thread) {
  return {{"assistant_id", string_or(object_or_empty(thread, "metadata"), "assistant_id")}};
}

// --- the commands ------------------------------------------------------------------------------

void run_start(request_pointer self, const command_ptr& c) {
  const auto& p = c->params;
  if (string_or(p, "assistant_id").empty())
    return decline(c, "run.start requires an assistant_id.");
  json::object body{{"multitask_strategy", "enqueue"}};
  for (auto key : {"assistant_id", "input", "config", "metadata", "context", "command",
                   "checkpoint", "multitask_strategy", "interrupt_before", "interrupt_after"})
    copy_member(p, key, body);
  copy_member(p, "multitaskStrategy", body, "multitask_strategy");
  start_run(self, c, std::move(body), run_id_of);
}

struct respond_to {
  json::object answers;                      // by the interrupt's id
  std::map<std::string, std::string> places; // of those that name one: its first segment
  std::string fault;
};

bool is_list_of_texts(const json::value& v) {
  const auto* list = v.if_array();
  return list && std::all_of(list->begin(), list->end(), [](const auto& one) {
           return one.is_string();
         });
}

respond_to read_responses(const json::object& params) {
  respond_to all;
  const auto read = [&all](const json::value& v) {
    const auto id = v.is_object() ? string_or(v.get_object(), "interrupt_id") : std::string_view{};
    const auto* answer = v.is_object() ? v.get_object().if_contains("response") : nullptr;
    if (id.empty() || !answer) {
      all.fault = "input.respond requires an interrupt_id and a response.";
      return;
    }
    all.answers[json::string_view{id.data(), id.size()}] = *answer;
    const auto* place = v.get_object().if_contains("namespace");
    if (!place || place->is_null())
      return;
    if (!is_list_of_texts(*place))
      all.fault = "input.respond requires namespace to be a list of strings.";
    else if (!place->get_array().empty())
      all.places[std::string(id)] = std::string(place->get_array()[0].get_string());
  };
  const auto* many = params.if_contains("responses");
  if (!many)
    read(params);
  else if (!many->is_array() || many->get_array().empty())
    all.fault = "input.respond requires a non-empty list of responses.";
  else
    for (const auto& one : many->get_array())
      read(one);
  return all;
}

bool asks(const json::array& list, std::string_view id) {
  return std::any_of(list.begin(), list.end(), [id](const auto& one) {
    return one.is_object() && string_or(one.get_object(), "id") == id;
  });
}

// {task id: [interrupt]}
bool is_pending(const json::object& thread, std::string_view id) {
  const auto& tasks = object_or_empty(thread, "interrupts");
  return std::any_of(tasks.begin(), tasks.end(), [id](const auto& task) {
    return task.value().is_array() && asks(task.value().get_array(), id);
  });
}

// Whether the question comes from within the segment, which is `node:task`.
bool is_asked_in(const json::value& state, std::string_view segment, std::string_view id) {
  const auto* tasks = member(state, "tasks");
  if (!tasks || !tasks->is_array())
    return false;
  const auto& all = tasks->get_array();
  const auto at = std::find_if(all.begin(), all.end(), [segment](const auto& one) {
    return one.is_object()
           && segment
                == std::string(string_or(one.get_object(), "name")) + ':'
                     + std::string(string_or(one.get_object(), "id"));
  });
  const auto* list = at == all.end() ? nullptr : member(*at, "interrupts");
  return list && list->is_array() && asks(list->get_array(), id);
}

void resume_thread(request_pointer self, const command_ptr& c, const respond_to& responses,
                   const json::object& thread) {
  auto body = run_on(thread);
  json::object resume{{"resume", responses.answers}};
  copy_member(c->params, "update", resume);
  copy_member(c->params, "goto", resume);
  body["command"] = std::move(resume);
  copy_member(c->params, "config", body);
  copy_member(c->params, "metadata", body);
  start_run(self, c, std::move(body), [](const json::object&) { return json::object{}; });
}

// An id is enough to find a question: clients that were loaded anew know no place, and name the
// root's, `[]`. What they do name must be right.
void check_places(request_pointer self, const command_ptr& c, const respond_to& responses,
                  const json::object& thread) {
  if (responses.places.empty())
    return resume_thread(self, c, responses, thread);
  call(self, c, verb::get, "state", nullptr,
       [self, c, responses, thread](const json::value& state) {
         for (const auto& [id, segment] : responses.places)
           if (!is_asked_in(state, segment, id))
             return decline(c, "no_such_interrupt",
                            "Interrupt namespace does not match the pending interrupt.");
         resume_thread(self, c, responses, thread);
       });
}

void input_respond(request_pointer self, const command_ptr& c) {
  auto responses = read_responses(c->params);
  if (!responses.fault.empty())
    return decline(c, responses.fault);
  if (responses.answers.size() > shape_of(self).names)
    return decline(c, "input.respond has too many responses.");
  call(
    self, c, verb::get, {}, nullptr,
    [self, c, responses](const json::value& thread) {
      const auto& about = thread.is_object() ? thread.get_object() : json::object{};
      for (const auto& one : responses.answers)
        if (!is_pending(about, {one.key().data(), one.key().size()}))
          return decline(c, "no_such_interrupt",
                         "Unknown or already-consumed interrupt: "
                           + std::string(cut_utf8(one.key(), longest_shown)));
      // Of the thread, which has all its values, no more than who ran on it.
      check_places(self, c, responses, {{"metadata", object_or_empty(about, "metadata")}});
    },
    when_missing::is_null);
}

void agent_tree(request_pointer self, const command_ptr& c) {
  call(
    self, c, verb::get, {}, nullptr,
    [self, c](const json::value& thread) {
      const auto& about = thread.is_object() ? thread.get_object() : json::object{};
      if (string_or(about, "status") != "busy")
        return decline(c, "no_such_run", "No active run is bound to this thread.");
      json::object tree{{"namespace", json::array{}},
                        {"status", "running"},
                        {"graph_name", string_or(object_or_empty(about, "metadata"), "graph_id")}};
      succeed(self, c, {{"tree", std::move(tree)}});
    },
    when_missing::is_null);
}

void state_get(request_pointer self, const command_ptr& c) {
  call(self, c, verb::get, "state", nullptr, [self, c](const json::value& state) {
    const auto& whole = state.is_object() ? state.get_object() : json::object{};
    const auto& values = object_or_empty(whole, "values");
    const auto* keys = c->params.if_contains("keys");
    json::object shown;
    for (const auto& one : values)
      if (!keys || !keys->is_array()
          || std::find(keys->get_array().begin(), keys->get_array().end(), json::value(one.key()))
               != keys->get_array().end())
        shown[one.key()] = one.value();
    json::object result{{"values", std::move(shown)}};
    if (auto id = string_or(object_or_empty(whole, "checkpoint"), "checkpoint_id"); !id.empty())
      result["checkpoint"] = {{"id", id}, {"ns", ""}};
    succeed(self, c, std::move(result));
  });
}

void list_checkpoints(request_pointer self, const command_ptr& c) {
  json::object body;
  copy_member(c->params, "limit", body);
  copy_member(c->params, "before", body);
  call(self, c, verb::post, "history", std::move(body), [self, c](const json::value& history) {
    json::array all;
    if (history.is_array())
      for (const auto& one : history.get_array()) {
        const auto& state = one.is_object() ? one.get_object() : json::object{};
        const auto& metadata = object_or_empty(state, "metadata");
        all.push_back({{"id", string_or(object_or_empty(state, "checkpoint"), "checkpoint_id")},
                       {"timestamp", string_or(state, "created_at")},
                       {"step", int_or(metadata, "step", 0)},
                       {"metadata", metadata}});
      }
    succeed(self, c, {{"checkpoints", std::move(all)}});
  });
}

void fork(request_pointer self, const command_ptr& c) {
  if (string_or(c->params, "checkpoint_id").empty())
    return decline(c, "state.fork requires a checkpoint_id.");
  call(self, c, verb::get, {}, nullptr, [self, c](const json::value& thread) {
    auto body = run_on(thread.is_object() ? thread.get_object() : json::object{});
    for (auto key : {"checkpoint_id", "input", "config"})
      copy_member(c->params, key, body);
    start_run(self, c, std::move(body), [](const json::object& run) {
      return json::object{{"run_id", string_or(run, "run_id")},
                          {"thread_id", string_or(run, "thread_id")}};
    });
  });
}

// On an event stream the connection is the subscription: there this changes nothing.
void begin_subscription(request_pointer self, const command_ptr& c) {
  auto& r = *self->state.thread;
  auto wanted = read_subscription(c->params, shape_of(self));
  if (!wanted)
    return decline(c, wanted.error().message);
  if (r.subscriptions.size() >= most_subscriptions)
    return decline(c, "This connection has " + std::to_string(most_subscriptions)
                        + " subscriptions; unsubscribe from one first.");
  if (r.socket)
    if (auto ok = hold_subscription(self, *wanted); !ok)
      return decline(c, ok.error().message);
  succeed(self, c, {{"subscription_id", wanted->id}});
  if (r.socket)
    subscribe(self, std::move(*wanted));
}

void end_subscription(request_pointer self, const command_ptr& c) {
  const std::string id{string_or(c->params, "subscription_id")};
  if (id.empty())
    return decline(c, "subscription.unsubscribe requires a subscription_id.");
  auto& all = self->state.thread->subscriptions;
  if (std::erase_if(all, [&](const auto& one) { return one.id == id; }) == 0)
    return decline(c, "no_such_subscription",
                   "Unknown subscription: " + std::string(cut_utf8(id, longest_shown)));
  succeed(self, c, {});
}

const std::map<std::string_view, void (*)(request_pointer, const command_ptr&)> commands{
  {"run.start", run_start},
  {"input.respond", input_respond},
  {"agent.getTree", agent_tree},
  {"state.get", state_get},
  {"state.listCheckpoints", list_checkpoints},
  {"state.fork", fork},
  {"subscription.subscribe", begin_subscription},
  {"subscription.unsubscribe", end_subscription}};

} // namespace

void run_command(request_pointer self, json::value asked, command_reply reply) {
  auto* whole = asked.if_object();
  const auto* id = whole ? whole->if_contains("id") : nullptr;
  const auto* method = whole ? whole->if_contains("method") : nullptr;
  auto c = std::make_shared<command>();
  c->reply = std::move(reply);
  c->id = id_of(asked);
  if (!id || !id->is_int64() || !method || !method->is_string())
    return c->reply(400,
                    failure(c->id, "invalid_argument",
                            "Protocol commands must include an integer id and string method."));
  c->method = method->get_string();
  if (auto* params = whole->if_contains("params"); params && params->is_object())
    c->params = std::move(params->get_object());
  const auto known = commands.find(c->method);
  if (known == commands.end())
    return decline(c, "unknown_command",
                   "Unknown protocol command: " + std::string(cut_utf8(c->method, longest_shown)));
  known->second(self, c);
}

result<json::object> prepare_command(request_pointer self) {
  for (auto key : {"id", "method", "params"})
    optional_body(self).any(key); // the fields of this body
  return prepare_thread(self);
}

void answer_command(request_pointer self) {
  auto& s = self->state;
  s.thread = std::make_shared<thread_reader>();
  run_command(self, std::exchange(s.body, nullptr),
              [self](unsigned status, json::object reply) { answer(self, status, reply); });
}

// As a request of its own would be: authenticated, and counted.
void run_as_known(request_pointer self, std::size_t bytes, json::value asked, command_reply reply) {
  authenticate_again(
    self, bytes,
    [self, asked = std::move(asked), reply = std::move(reply)](const result<void>& known) mutable {
      if (known)
        return run_command(self, std::move(asked), std::move(reply));
      const auto& why = known.error();
      if (why.code == errc::unauthenticated || why.code == errc::denied)
        return end_refused(self, why);
      reply(200, failure(id_of(asked), "unknown_error",
                         std::to_string(http_status(why.code)) + ": " + why.message));
    });
}

void read_message(request_pointer self, const std::string& text) {
  auto& s = self->state;
  auto reply = [self](unsigned, json::object said) {
    self->state.memory.reset();
    self->state.ex->write(dump(said), {});
    self->state.ex->read_on();
  };
  s.memory = s.app->memory.open(tenant_of(self), s.granted.who->key().text());
  auto room =
    claim(*s.memory, text.size() + parse_cost(text, shape_of(self).nodes), "requests in memory");
  if (!room)
    return reply(503, failure(nullptr, "unknown_error", room.error().message));
  auto asked = parse_json(text, shape_of(self));
  if (!asked)
    return reply(400, failure(nullptr, "invalid_argument", asked.error().message));
  run_as_known(self, text.size(), std::move(*asked), reply);
}

// A message is read when the command before it is answered, so that a client cannot pile them up.
void on_socket_message(request_pointer self, std::string text) {
  const auto bytes = text.size();
  in_turn(self, bytes, [self, text = std::move(text)] { read_message(self, text); });
}

} // namespace behalf::endpoints
