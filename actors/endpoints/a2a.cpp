// The endpoint of the A2A protocol: assistants as agents. Each method is made into requests of the
// API for the same caller, so a task is a run like any: the context is its thread, and the task's
// id names the thread and the run it began with. Runs that go on with a task, because its question
// was answered, have its id in their metadata.
#include "actors/admission/granted.hpp"
#include "actors/endpoints/a2a_card.hpp"
#include "actors/endpoints/a2a_list.hpp"
#include "actors/endpoints/a2a_message.hpp"
#include "actors/endpoints/a2a_task.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/inner_request.hpp"
#include "actors/endpoints/json_rpc.hpp"
#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_rows.hpp"
#include "actors/endpoints/run_stream.hpp"
#include "actors/endpoints/state_updates.hpp"
#include "actors/options.hpp"
#include "actors/runs/run_assistant.hpp"
#include "actors/storage/scans.hpp"
#include "behalf/time.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/text.hpp"
#include "runtime/http/sse.hpp"
#include "runtime/net/event_stream.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr std::size_t longest_shown = 128; // of a client's own words in an answer
constexpr int64_t most_runs = 1000;        // that go on with one task, looked at

/// A page of tasks being answered.
struct task_page {
  a2a_listing what;
  std::shared_ptr<a2a_task_scan> scan;
  std::vector<listed_task> found;
  std::size_t next = 0; // of those found
};

/// A call being served.
struct a2a_call {
  json::value id;
  json::object params;
  a2a_version version = a2a_version::v03;
  std::string assistant_id;
  bool streams = false;

  a2a_message message;
  std::optional<int64_t> history_length;
  bool waits = true; // for the run's end

  a2a_task task;                   // as far as it is known, with its newest run
  std::vector<std::string> active; // runs of the task that are not over
  std::unique_ptr<task_page> page;

  event_stream events;
  bool told = false; // that the task has begun
  bool attended = false;

  a2a_words words() const { return a2a_words{version}; }
};
using call_ptr = std::shared_ptr<a2a_call>;

// --- answers -----------------------------------------------------------------------------------

// One message, which is the last: as an event of a stream, or as JSON.
void send_last(request_pointer self, const call_ptr& c, unsigned status, const json::object& said,
               header_list headers = {}) {
  const auto& s = self->state;
  if (c->page && s.begun) // a part of the list is sent
    return break_off(self, fail(errc::internal, "a task could not be read"));
  auto text = dump(said);
  const bool as_event = s.begun ? s.as == delivery::events : c->streams && status < 300;
  if (as_event)
    text = sse_frame("message", text);
  send_rpc_last(self, c->id, as_event, status, std::move(text), std::move(headers));
}

void succeed(request_pointer self, const call_ptr& c, json::object result) {
  send_last(self, c, 200, rpc_result(c->id, std::move(result)));
}

void fail_with(request_pointer self, const call_ptr& c, int code, std::string_view why) {
  send_last(self, c, 200, rpc_error(c->id, code, why));
}

void fail_with(request_pointer self, const call_ptr& c, const error& why) {
  fail_with(self, c, a2a_code(why), why.message);
}

// A request made of this one was refused.
void pass_on(request_pointer self, const call_ptr& c, const inner_answer& refused) {
  auto why = rpc_refusal_of(refused);
  const auto code = why.of_server ? rpc::internal_error : rpc::invalid_params;
  send_last(self, c, why.status, rpc_error(c->id, code, why.detail), std::move(why.headers));
}

// What the storage, or who decides on rights, refused.
void refuse_call(request_pointer self, const call_ptr& c, const error& why) {
  const auto status = http_status(why.code);
  if (status != 429 && status < 500)
    return fail_with(self, c, why);
  send_last(self, c, status, rpc_error(c->id, rpc::internal_error, why.message), why.headers);
}

void add_next_task(request_pointer self, const call_ptr& c);

void no_task(request_pointer self, const call_ptr& c) {
  if (c->page) // it is gone meanwhile, or not to be read
    return add_next_task(self, c);
  fail_with(self, c,
            a2a_fault(a2a_error::task_not_found,
                      "Task not found: " + std::string(cut_utf8(c->task.id, longest_shown))));
}

// --- requests of the API -------------------------------------------------------------------------

// Calls `then` with the answer's JSON, or `refused`.
template <class Then, class Refused>
void ask_api(request_pointer self, const call_ptr& c, inner_request asked, Then then,
             Refused refused) {
  make_request(self, std::move(asked), [self, c, then, refused](inner_answer& answered) mutable {
    if (answered.status >= 300)
      return refused(answered);
    auto parsed = parse_answer(self, answered);
    if (!parsed)
      return send_last(self, c, http_status(parsed.error().code),
                       rpc_error(c->id, rpc::internal_error, parsed.error().message));
    then(std::move(*parsed));
  });
}

json::object object_of(json::value v) {
  return v.is_object() ? std::move(v.get_object()) : json::object{};
}

auto or_pass_on(request_pointer self, const call_ptr& c) {
  return [self, c](const inner_answer& refused) { pass_on(self, c, refused); };
}

auto or_no_task(request_pointer self, const call_ptr& c) {
  return [self, c](const inner_answer& refused) {
    if (refused.status == 404 || (c->page && refused.status == 403))
      return no_task(self, c);
    pass_on(self, c, refused);
  };
}

inner_request get_assistant(const std::string& id) {
  return {verb::get, {"assistants", id}};
}

inner_request get_schemas(const std::string& id) {
  return {verb::get, {"assistants", id, "schemas"}};
}

std::vector<std::string> runs_path(const call_ptr& c) {
  return {"threads", c->task.context_id, "runs"};
}

std::vector<std::string> run_path(const call_ptr& c) {
  return {"threads", c->task.context_id, "runs", c->task.run_id};
}

std::vector<std::string> below(std::vector<std::string> path, std::string_view last) {
  path.emplace_back(last);
  return path;
}

// The wait may be long: frees what only the request needed, notices that the client leaves.
void attend(request_pointer self, const call_ptr& c) {
  if (std::exchange(c->attended, true))
    return;
  auto& s = self->state;
  s.as = c->streams ? delivery::events : delivery::awaited;
  if (c->streams && !s.begun)
    s.head = sse_headers();
  attend_stream(self, stream_kind::call);
}

// --- the task ----------------------------------------------------------------------------------

json::object of_task(const call_ptr& c) {
  return {{"a2a", json::object{{"task_id", c->task.id}}}};
}

// The task's newest run tells its state.
void use_run(const call_ptr& c, const json::object& run) {
  c->task.run_id = string_or(run, "run_id");
  c->task.state = a2a_state_of(string_or(run, "status"));
  const auto at = parse_iso8601(string_or(run, "updated_at"));
  c->task.at = at ? iso8601(*at) : std::string{};
}

void use_run(const call_ptr& c, const record& run) {
  c->task.run_id = run.id;
  c->task.state = a2a_state_of(run.status);
  c->task.at = iso8601(run.updated_at);
}

// The state of a context tells of the run that made it. If that has stopped before its end, it
// waits for a message.
void read_state(const call_ptr& c, json::object state) {
  auto& task = c->task;
  const auto* next = member(state, "next");
  if (task.state == a2a_state::completed && next && next->is_array()
      && !next->get_array().empty()) {
    task.state = a2a_state::input_required;
    if (auto* questions = state.if_contains("interrupts"); questions && questions->is_array())
      task.interrupts = std::move(questions->get_array());
  }
  if (auto* values = state.if_contains("values"); values && values->is_object())
    task.values = std::move(values->get_object());
}

void read_result(const call_ptr& c, json::object result) {
  if (const auto* why = member(result, "__error__"); why && why->is_object()) {
    const auto& fault = why->get_object();
    c->task.problem = string_or(fault, "message", string_or(fault, "error"));
    return;
  }
  c->task.values = std::move(result);
}

template <class Then>
void with_result(request_pointer self, const call_ptr& c, Then then) {
  ask_api(
    self, c, {verb::get, below(run_path(c), "join")},
    [c, then](json::value result) mutable {
      read_result(c, object_of(std::move(result)));
      then();
    },
    or_no_task(self, c));
}

// Reads what the task's newest run has come to.
template <class Then>
void with_outcome(request_pointer self, const call_ptr& c, Then then) {
  const auto state = c->task.state;
  if (state == a2a_state::canceled || state == a2a_state::failed)
    return with_result(self, c, std::move(then));
  ask_api(
    self, c, {verb::get, {"threads", c->task.context_id, "state"}},
    [self, c, state, then](json::value found) mutable {
      auto at = object_of(std::move(found));
      const auto made_by = string_or(object_or_empty(at, "metadata"), "run_id");
      if (state == a2a_state::completed && made_by != c->task.run_id)
        return with_result(self, c, std::move(then));
      read_state(c, std::move(at));
      then();
    },
    or_no_task(self, c));
}

// The run that was started or followed is over.
template <class Then>
void with_ended_run(request_pointer self, const call_ptr& c, Then then) {
  ask_api(
    self, c, {verb::get, run_path(c)},
    [self, c, then](json::value run) mutable {
      use_run(c, object_of(std::move(run)));
      with_outcome(self, c, std::move(then));
    },
    or_no_task(self, c));
}

// Of the runs that go on with the task the newest one tells its state. Whoever asks was just let
// read a run of the same thread.
template <class Then>
void find_newest_run(request_pointer self, const call_ptr& c, Then then) {
  const auto& app = *self->state.app;
  query q{.type = kind::run, .tenant = tenant_of(self), .parent = c->task.context_id};
  q.metadata = of_task(c);
  q.metadata["assistant_id"] = c->assistant_id;
  q.sort = sort_key::created_at;
  q.limit = most_runs;
  auto search = storage::new_search(app, std::move(q), record_scan::wants::heads);
  search->room = room_for_rows(self);
  auto first = std::make_shared<bool>(true);
  storage::each_slice(
    self, self->state.app, search, self->state.granted.who,
    [self, c, search, first, then](scan_part& part) mutable {
      for (const auto& run : part.rows) {
        if (std::exchange(*first, false))
          use_run(c, run);
        if (!is_over(a2a_state_of(run.status)))
          c->active.push_back(run.id);
      }
      if (part.done)
        then();
      else
        end_with_client(self);
      return true;
    },
    [self, c](const error& why) { refuse_call(self, c, why); });
}

// Finds the task by its id, "<thread>:<run>", or by the run's alone in a context that is named; and
// what it has come to.
template <class Then>
void find_task(request_pointer self, const call_ptr& c, std::string id, std::string_view context,
               Then then) {
  c->task.id = std::move(id);
  const std::string_view whole = c->task.id;
  const auto colon = whole.find(':');
  const bool alone = colon == whole.npos;
  auto thread = parse_uuid(alone ? context : whole.substr(0, colon), "thread");
  auto run = parse_uuid(alone ? whole : whole.substr(colon + 1), "run");
  const auto said = context.empty() ? thread : parse_uuid(context, "thread");
  if (!thread || !run || !said || *said != *thread)
    return no_task(self, c);
  c->task.context_id = std::move(*thread);
  c->task.run_id = std::move(*run);
  c->task.id = c->task.context_id + ":" + c->task.run_id;
  ask_api(
    self, c, {verb::get, run_path(c)},
    [self, c, then](json::value found) mutable {
      const auto first = object_of(std::move(found));
      const auto other = task_named_by(object_or_empty(first, "metadata"));
      if (string_or(first, "assistant_id") != c->assistant_id
          || (!other.empty() && other != c->task.id)) // it goes on with a task
        return no_task(self, c);
      use_run(c, first);
      if (!is_over(c->task.state))
        c->active.push_back(c->task.run_id);
      find_newest_run(self, c,
                      [self, c, then]() mutable { with_outcome(self, c, std::move(then)); });
    },
    or_no_task(self, c));
}

// --- events ------------------------------------------------------------------------------------

void add_event(std::string& frames, const call_ptr& c, json::object result) {
  append_sse(frames, "message", dump(rpc_result(c->id, std::move(result))));
}

json::object sent_message(const call_ptr& c) {
  auto& message = c->message;
  return message.sent.empty()
           ? json::object{}
           : c->words().sent(c->task, message.id, message.of_user, std::move(message.sent));
}

// The first events: the task has begun, and is worked on.
void tell_begun(std::string& frames, const call_ptr& c, std::string_view run_id) {
  auto& task = c->task;
  task.run_id = run_id;
  if (task.id.empty())
    task.id = task.context_id + ":" + task.run_id;
  task.state = a2a_state::submitted;
  task.at = iso8601(now());
  const auto words = c->words();
  add_event(frames, c, words.as_event(words.begun(task, sent_message(c))));
  task.state = a2a_state::working;
  add_event(frames, c, words.status_update(task, false));
  c->told = true;
}

// Of what one message has become meanwhile only the last counts.
void add_said(std::string& frames, const call_ptr& c, const std::vector<json::object>& said) {
  for (std::size_t i = 0; i < said.size(); ++i) {
    const bool again =
      i + 1 < said.size() && string_or(said[i], "id") == string_or(said[i + 1], "id");
    if (again)
      continue;
    if (auto update = c->words().said_update(c->task, said[i]))
      add_event(frames, c, std::move(*update));
  }
}

std::string frames_of(const call_ptr& c, std::string_view part) {
  std::string frames;
  std::vector<json::object> said;
  for (const auto& event : c->events.feed(part)) {
    const bool of_messages = event.name == "messages/partial" || event.name == "messages/complete";
    if (!of_messages && (event.name != "metadata" || c->told))
      continue;
    const auto data = parse_stored_json(event.data);
    if (!data)
      continue;
    if (!of_messages && data->is_object())
      tell_begun(frames, c, string_or(data->get_object(), "run_id"));
    if (of_messages && data->is_array())
      for (const auto& one : data->get_array())
        if (one.is_object())
          said.push_back(one.get_object());
  }
  add_said(frames, c, said);
  return frames;
}

void on_run_part(request_pointer self, const call_ptr& c, inner_part& part) {
  auto& s = self->state;
  auto frames = frames_of(c, part.text);
  if (frames.empty())
    return part.taken();
  if (!hold_stream_room(self, frames.size()))
    return fail_with(self, c, rpc::internal_error,
                     "This client read too slowly and missed events; get the task");
  if (!std::exchange(s.begun, true))
    s.ex->begin_stream(200, std::move(s.head));
  s.ex->write(std::move(frames), std::move(part.taken));
}

// The last events: what came out, and the state it ended in.
void tell_end(request_pointer self, const call_ptr& c) {
  const auto words = c->words();
  std::string frames;
  if (auto artifact = words.artifact_update(c->task))
    add_event(frames, c, std::move(*artifact));
  add_event(frames, c, words.status_update(c->task, true));
  send_rpc_last(self, c->id, true, 200, std::move(frames));
}

void wait_for_end(request_pointer self, const call_ptr& c,
                  void (*then)(request_pointer, const call_ptr&)) {
  make_request(self, {verb::get, below(run_path(c), "join")},
               [self, c, then](inner_answer& answered) {
                 if (answered.status >= 300)
                   return or_no_task(self, c)(answered);
                 with_ended_run(self, c, [self, c, then] { then(self, c); });
               });
  attend(self, c);
}

// The events of a run that says much may end before it does: then what comes out of it is told.
void follow(request_pointer self, const call_ptr& c, inner_request asked) {
  make_request(
    self, std::move(asked),
    [self, c](inner_answer& answered) {
      if (answered.status >= 300)
        return pass_on(self, c, answered);
      if (c->task.run_id.empty())
        return fail_with(self, c, rpc::internal_error, "Internal Server Error");
      with_ended_run(self, c, [self, c] {
        if (is_over(c->task.state) || c->task.state == a2a_state::input_required)
          return tell_end(self, c);
        wait_for_end(self, c, tell_end);
      });
    },
    [self, c](inner_part& part) { on_run_part(self, c, part); });
  attend(self, c);
}

// --- message/send, message/stream ----------------------------------------------------------------

void answer_task(request_pointer self, const call_ptr& c) {
  succeed(self, c, c->words().task(c->task, c->history_length));
}

// As the result of a message: 1.0 tells it from an answer without a task.
void answer_sent(request_pointer self, const call_ptr& c) {
  const auto words = c->words();
  succeed(self, c, words.as_event(words.task(c->task, c->history_length)));
}

void on_run_created(request_pointer self, const call_ptr& c, json::object run) {
  auto& task = c->task;
  use_run(c, std::move(run));
  if (task.id.empty())
    task.id = task.context_id + ":" + task.run_id;
  if (c->waits)
    return wait_for_end(self, c, answer_sent);
  const auto words = c->words();
  succeed(
    self, c,
    words.as_event(words.begun(task, c->history_length == 0 ? json::object{} : sent_message(c))));
}

// What the run is given: an answer when the task waits for one, else input.
result<json::object> run_body(const call_ptr& c) {
  json::object body{{"assistant_id", c->assistant_id},
                    {"if_not_exists", "create"},
                    {"stream_mode", json::array{"messages"}}};
  if (const auto* context = member(c->params, "context"))
    body["context"] = *context;
  if (!c->task.id.empty())
    body["metadata"] = of_task(c);
  if (c->message.command) {
    body["command"] = std::move(*c->message.command);
  } else if (c->task.state == a2a_state::input_required && !c->task.interrupts.empty()) {
    auto answer = answer_of(c->message);
    if (!answer)
      return answer.error();
    body["command"] = json::object{{"resume", std::move(*answer)}};
    body["multitask_strategy"] = "reject"; // of two answers one is taken
  } else {
    auto input = input_of(c->message);
    if (!input)
      return input.error();
    if (c->task.state == a2a_state::input_required) // at a breakpoint, where nothing is asked
      body["command"] = json::object{{"update", std::move(*input)}};
    else
      body["input"] = std::move(*input);
  }
  return body;
}

void start_run_of(request_pointer self, const call_ptr& c) {
  auto body = run_body(c);
  if (!body)
    return fail_with(self, c, body.error());
  c->params.clear();
  c->message.parts.clear();
  if (!c->streams && c->waits)
    c->message.sent.clear();
  c->task.run_id.clear();
  c->task.values.clear();
  c->task.interrupts.clear();
  if (c->streams)
    return follow(self, c, {verb::post, below(runs_path(c), "stream"), std::move(*body)});
  ask_api(
    self, c, {verb::post, runs_path(c), std::move(*body)},
    [self, c](json::value run) { on_run_created(self, c, object_of(std::move(run))); },
    or_pass_on(self, c));
}

// Text and files need a graph with `messages`.
void with_messages(request_pointer self, const call_ptr& c,
                   void (*then)(request_pointer, const call_ptr&)) {
  const auto& message = c->message;
  if (message.command || c->task.state == a2a_state::input_required
      || (!message.has(a2a_part::type::text) && !message.has(a2a_part::type::file)))
    return then(self, c);
  ask_api(
    self, c, get_schemas(c->assistant_id),
    [self, c, then](json::value schemas) {
      if (schemas.is_object() && takes_messages(schemas.get_object()))
        return then(self, c);
      fail_with(
        self, c, rpc::invalid_params,
        "The graph of this assistant has no 'messages': it takes parts of data, no text and "
        "no files");
    },
    or_pass_on(self, c));
}

void with_context(request_pointer self, const call_ptr& c) {
  auto& message = c->message;
  if (message.task_id.empty()) {
    if (message.command && message.command->contains("resume"))
      return fail_with(self, c, rpc::invalid_params, "taskId is required to resume a task");
    auto context = message.context_id.empty() ? uuid4() : parse_uuid(message.context_id, "context");
    if (!context)
      return fail_with(self, c, context.error());
    c->task.context_id = std::move(*context);
    return with_messages(self, c, start_run_of);
  }
  find_task(self, c, message.task_id, message.context_id, [self, c] {
    if (is_over(c->task.state))
      return fail_with(self, c,
                       a2a_fault(a2a_error::unsupported_operation,
                                 "This task is over: send the message without taskId, for a new "
                                 "one"));
    with_messages(self, c, start_run_of);
  });
}

// A file of a type that the assistant says it does not take.
std::optional<error> unwanted_file(const a2a_message& message, const json::object& assistant) {
  const auto modes = a2a_modes(assistant, "input_modes");
  for (const auto& part : message.parts)
    if (!modes.empty() && part.is == a2a_part::type::file
        && !accepts_media_type(modes, part.media_type))
      return a2a_fault(a2a_error::content_type,
                       "This agent takes no files of this type: "
                         + std::string(cut_utf8(part.media_type, longest_shown)));
  return std::nullopt;
}

// How many of the context's messages the answer has.
std::optional<error> read_history_length(body_reader& in, const call_ptr& c) {
  if (const auto* given = in.any("historyLength"); given && !given->is_null())
    c->history_length = in.integer("historyLength", 0, std::numeric_limits<int32_t>::max());
  return in.fault();
}

std::optional<error> read_configuration(const call_ptr& c, const shape_limits& bounds) {
  const auto* given = member(c->params, "configuration");
  if (!given || given->is_null())
    return std::nullopt;
  body_reader in{*given, bounds};
  for (const auto* key : {"pushNotificationConfig", "taskPushNotificationConfig"})
    if (const auto* push = in.any(key); push && !push->is_null())
      return a2a_fault(a2a_error::no_push_notifications, "Push notifications are not supported");
  // 0.3 and 1.0 ask for the same by opposite words.
  c->waits = in.flag("blocking").value_or(true) && !in.flag("returnImmediately").value_or(false);
  return read_history_length(in, c);
}

void send_message(request_pointer self, const call_ptr& c) {
  const auto& bounds = shape_of(self);
  if (auto wrong = read_configuration(c, bounds))
    return fail_with(self, c, *wrong);
  auto message = read_a2a_message(c->params, bounds);
  if (!message)
    return fail_with(self, c, message.error());
  c->params.erase("message");
  c->message = std::move(*message);
  ask_api(
    self, c, get_assistant(c->assistant_id),
    [self, c](json::value assistant) {
      if (auto wrong = unwanted_file(c->message, object_of(std::move(assistant))))
        return fail_with(self, c, *wrong);
      with_context(self, c);
    },
    or_pass_on(self, c));
}

void stream_message(request_pointer self, const call_ptr& c) {
  c->streams = true;
  send_message(self, c);
}

// --- tasks/… -------------------------------------------------------------------------------------

template <class Then>
void with_named_task(request_pointer self, const call_ptr& c, Then then) {
  body_reader in{c->params, shape_of(self)};
  in.require("id");
  auto id = in.text("id").value_or("");
  const auto context = in.text("contextId", true).value_or("");
  if (auto wrong = read_history_length(in, c))
    return fail_with(self, c, *wrong);
  find_task(self, c, std::move(id), context, std::move(then));
}

void get_task(request_pointer self, const call_ptr& c) {
  with_named_task(self, c, [self, c] { answer_task(self, c); });
}

void not_cancelable(request_pointer self, const call_ptr& c) {
  fail_with(self, c,
            a2a_fault(a2a_error::not_cancelable, "This task is over: there is nothing to cancel"));
}

void answer_canceled(request_pointer self, const call_ptr& c) {
  if (c->task.state != a2a_state::canceled)
    return not_cancelable(self, c); // it ended before
  answer_task(self, c);
}

void cancel_active(request_pointer self, const call_ptr& c) {
  if (c->active.empty())
    c->active.push_back(c->task.run_id);
  json::object body{{"thread_id", c->task.context_id}, {"run_ids", json::value_from(c->active)}};
  ask_api(
    self, c, {verb::post, {"runs", "cancel"}, std::move(body)},
    [self, c](const json::value&) { wait_for_end(self, c, answer_canceled); },
    [self, c](const inner_answer& refused) {
      if (refused.status == 404)
        return not_cancelable(self, c);
      pass_on(self, c, refused);
    });
}

// The question is withdrawn, so that nothing is next on the thread, and the run that asked it was
// cancelled: one commit, refused when the question is being answered.
void withdraw_question(request_pointer self, const call_ptr& c, const record& asking,
                       const filter& auth_filter) {
  auto cancelled = asking;
  cancelled.status = "interrupted";
  cancelled.updated_at = now();
  use_run(c, cancelled);
  state_update to_end;
  to_end.as_node = "__end__";
  auto change = std::make_shared<asked_change>();
  change->what.supersteps.push_back({std::move(to_end)});
  change->auth_filter = auth_filter;
  change->beside.push_back({std::move(cancelled), asking.revision});
  change->again = false;
  change->then = [self, c](const asked_change&, const std::string&, const json::object&) {
    c->task.interrupts.clear();
    answer_task(self, c);
  };
  change->failed = [self, c](const error& why) {
    if (why.code == errc::not_found)
      return no_task(self, c);
    if (why.code == errc::conflict)
      return fail_with(self, c,
                       a2a_fault(a2a_error::not_cancelable, "This task is going on meanwhile"));
    refuse_call(self, c, why);
  };
  self->state.thread_id = c->task.context_id;
  change_thread(self, change);
}

void cancel_waiting(request_pointer self, const call_ptr& c) {
  auto or_refuse_call = [self, c](const error& why) { refuse_call(self, c, why); };
  auto may = also(self, "update",
                  {{"thread_id", c->task.context_id},
                   {"action", "interrupt"},
                   {"metadata", cancellation(c->task.run_id)}});
  ask(
    self, self->state.app->authorizer, std::move(may),
    [self, c, or_refuse_call](const grant& g) {
      record_key which{kind::run, tenant_of(self), c->task.run_id};
      storage::read(
        self, *self->state.app, storage::get_record{std::move(which), room_for_rows(self)},
        [self, c, auth_filter = g.auth_filter](const row_ptr& run) {
          if (!run)
            return no_task(self, c);
          if (run->status != "success")
            return not_cancelable(self, c); // somebody else has cancelled it
          withdraw_question(self, c, *run, auth_filter);
        },
        or_refuse_call);
    },
    or_refuse_call);
}

void cancel_task(request_pointer self, const call_ptr& c) {
  with_named_task(self, c, [self, c] {
    if (is_over(c->task.state))
      return not_cancelable(self, c);
    if (c->task.state == a2a_state::input_required)
      return cancel_waiting(self, c);
    cancel_active(self, c);
  });
}

// First the task as it is; then what happens.
void resubscribe(request_pointer self, const call_ptr& c) {
  c->streams = true;
  with_named_task(self, c, [self, c] {
    if (is_over(c->task.state))
      return fail_with(
        self, c, a2a_fault(a2a_error::unsupported_operation, "This task is over: get it instead"));
    const auto words = c->words();
    auto& s = self->state;
    attend(self, c);
    s.ex->on_drain([me = request_actor{self}] { tell(me, server_stops{}); });
    s.begun = true;
    s.ex->begin_stream(200, std::move(s.head));
    std::string frames;
    add_event(frames, c, words.as_event(words.task(c->task, c->history_length)));
    c->told = true;
    if (!hold_stream_room(self, frames.size()))
      return fail_with(self, c, rpc::internal_error, "There is no room for the task");
    s.ex->write(std::move(frames), {});
    if (c->task.state == a2a_state::input_required)
      return tell_end(self, c);
    follow(self, c,
           {verb::get, below(run_path(c), "stream"), nullptr,
            query_params{{{"stream_mode", "messages"}}}});
  });
}

void refuse_push(request_pointer self, const call_ptr& c) {
  fail_with(self, c,
            a2a_fault(a2a_error::no_push_notifications, "Push notifications are not supported"));
}

// --- ListTasks -----------------------------------------------------------------------------------

void end_list(request_pointer self, const call_ptr& c) {
  auto& out = *self->state.out;
  const auto& page = *c->page;
  const auto more = page.scan && page.scan->more();
  const auto next = more ? page_token(page.found.back().place) : std::string{};
  out.text += "],\"nextPageToken\":" + dump(json::value(next)) + "}}";
  complete(self);
}

// The task as it is now, if it still is what was asked for.
void add_task(request_pointer self, const call_ptr& c) {
  const auto& what = c->page->what;
  if (what.state && c->task.state != *what.state)
    return add_next_task(self, c);
  auto task = c->words().task(c->task, what.history_length);
  if (!what.artifacts)
    task.erase("artifacts");
  add_element(*self->state.out, dump(task));
  go_on(self);
}

void add_next_task(request_pointer self, const call_ptr& c) {
  auto& page = *c->page;
  if (page.next == page.found.size())
    return end_list(self, c);
  auto& listed = page.found[page.next++];
  c->task = {};
  c->task.id = listed.place.task_id;
  c->task.context_id = listed.context_id;
  c->task.run_id = listed.run_id;
  const bool by_run_alone = page.what.history_length == 0 && !page.what.artifacts
                            && !listed.may_wait && listed.state == a2a_state::completed;
  ask_api(
    self, c, {verb::get, run_path(c)},
    [self, c, by_run_alone](json::value run) {
      use_run(c, object_of(std::move(run)));
      if (by_run_alone)
        return add_task(self, c);
      with_outcome(self, c, [self, c] { add_task(self, c); });
    },
    or_no_task(self, c));
}

void answer_list(request_pointer self, const call_ptr& c) {
  const auto& page = *c->page;
  auto out = std::make_shared<long_answer>();
  out->text = "{\"jsonrpc\":\"2.0\",\"id\":" + dump(c->id)
              + ",\"result\":{\"totalSize\":" + std::to_string(page.scan ? page.scan->total() : 0)
              + ",\"pageSize\":" + std::to_string(page.what.page_size) + ",\"tasks\":[";
  out->more = [self, c] { add_next_task(self, c); };
  make_answer(self, std::move(out));
}

/// The next slice of a listing, which its asker holds.
struct list_tasks_on {
  std::weak_ptr<a2a_task_scan> scan;
  result<bool> operator()(storage_reader& db) const {
    auto held = scan.lock();
    return held ? held->go_on(db) : fail(errc::timeout, "the listing was given up");
  }
};

void find_listed(request_pointer self, const call_ptr& c) {
  const auto& s = self->state;
  list_tasks_on slice{c->page->scan};
  queue_read turn{{},
                  s.granted.who->key(),
                  c->page->scan->begun() ? storage::further_slice : storage::first_slice,
                  [slice] { return !slice.scan.expired(); }};
  storage::read_in_turn(
    self, *s.app, std::move(turn), slice,
    [self, c](bool done) {
      end_with_client(self);
      if (!done)
        return find_listed(self, c);
      c->page->found = c->page->scan->page();
      answer_list(self, c);
    },
    [self, c](const error& why) { refuse_call(self, c, why); });
}

// The contexts are those that a search for threads finds, as handlers leave it.
void with_contexts(request_pointer self, const call_ptr& c, const grant& granted) {
  auto& s = self->state;
  auto& page = *c->page;
  admission::granted_reader in{granted.value};
  query q{.type = kind::thread, .tenant = tenant_of(self)};
  q.metadata = in.object("metadata");
  q.values = in.object("values");
  if (in.has("status"))
    q.status = {in.text("status")};
  q.auth_filter = granted.auth_filter;
  q.limit = in.integer("limit", 0, a2a_task_scan::most_contexts);
  q.offset = in.integer("offset", 0, 1'000'000'000);
  if (in.fault())
    return refuse_call(self, c, *in.fault());
  if (!page.what.context_id.empty())
    q.ids = {page.what.context_id};
  page.scan = std::make_shared<a2a_task_scan>(std::move(q), c->assistant_id, page.what,
                                              s.app->options->searches, room_for_rows(self));
  find_listed(self, c);
}

void find_contexts(request_pointer self, const call_ptr& c) {
  static const std::vector<std::string_view> of_search{"metadata", "limit", "offset", "values",
                                                       "status"};
  auto a = also(self, "search",
                {{"metadata", json::object{}},
                 {"limit", a2a_task_scan::most_contexts},
                 {"offset", 0},
                 {"values", json::object{}},
                 {"status", nullptr}});
  a.may_change = of_search;
  ask(
    self, self->state.app->authorizer, std::move(a),
    [self, c](const grant& g) { with_contexts(self, c, g); },
    [self, c](const error& why) { refuse_call(self, c, why); });
}

void list_tasks(request_pointer self, const call_ptr& c) {
  auto what = read_listing(c->params, shape_of(self));
  if (!what)
    return fail_with(self, c, what.error());
  c->page = std::make_unique<task_page>();
  c->page->what = std::move(*what);
  ask_api(
    self, c, get_assistant(c->assistant_id),
    [self, c](const json::value&) {
      if (c->page->what.nothing)
        return answer_list(self, c);
      find_contexts(self, c);
    },
    or_pass_on(self, c));
}

// --- agent cards -------------------------------------------------------------------------------

std::string url_of(request_pointer self, const std::string& assistant_id) {
  const auto& s = self->state;
  return base_url(s.ex->req(), s.app->options->http.public_url) + "/a2a/" + assistant_id;
}

template <class Then, class Refused>
void make_card(request_pointer self, const call_ptr& c, Then then, Refused refused) {
  ask_api(
    self, c, get_assistant(c->assistant_id),
    [self, c, then, refused](json::value found) {
      auto assistant = std::make_shared<json::object>(object_of(std::move(found)));
      ask_api(
        self, c, get_schemas(c->assistant_id),
        [self, c, then, assistant](json::value schemas) {
          const auto& app = *self->state.app;
          then(a2a_card(*assistant, object_of(std::move(schemas)), url_of(self, c->assistant_id),
                        {app.options->authenticated, *app.token_issuers.get()}));
        },
        refused);
    },
    refused);
}

// Whoever may see the card is authenticated: there is no other.
void extended_card(request_pointer self, const call_ptr& c) {
  make_card(
    self, c, [self, c](json::object card) { succeed(self, c, std::move(card)); },
    or_pass_on(self, c));
}

// --- the endpoints -----------------------------------------------------------------------------

struct a2a_method {
  a2a_version version;
  void (*serve)(request_pointer, const call_ptr&);
};

constexpr auto v03 = a2a_version::v03;
constexpr auto v10 = a2a_version::v10;

const std::map<std::string_view, a2a_method> methods{
  {"message/send", {v03, send_message}},
  {"message/stream", {v03, stream_message}},
  {"tasks/get", {v03, get_task}},
  {"tasks/cancel", {v03, cancel_task}},
  {"tasks/list", {v03, list_tasks}}, // of drafts between the two versions
  {"tasks/resubscribe", {v03, resubscribe}},
  {"tasks/pushNotificationConfig/set", {v03, refuse_push}},
  {"tasks/pushNotificationConfig/get", {v03, refuse_push}},
  {"tasks/pushNotificationConfig/list", {v03, refuse_push}},
  {"tasks/pushNotificationConfig/delete", {v03, refuse_push}},
  {"agent/getAuthenticatedExtendedCard", {v03, extended_card}},
  {"SendMessage", {v10, send_message}},
  {"SendStreamingMessage", {v10, stream_message}},
  {"GetTask", {v10, get_task}},
  {"CancelTask", {v10, cancel_task}},
  {"SubscribeToTask", {v10, resubscribe}},
  {"ListTasks", {v10, list_tasks}},
  {"CreateTaskPushNotificationConfig", {v10, refuse_push}},
  {"GetTaskPushNotificationConfig", {v10, refuse_push}},
  {"ListTaskPushNotificationConfigs", {v10, refuse_push}},
  {"DeleteTaskPushNotificationConfig", {v10, refuse_push}},
  {"GetExtendedAgentCard", {v10, extended_card}},
};

error no_request(std::string why) {
  return a2a_fault(a2a_error::invalid_request, std::move(why));
}

// Reads the envelope into `c`, which has the id as soon as it is known: a refusal repeats it.
result<const a2a_method*> read_call(a2a_call& c, json::value& body) {
  note_rpc_fields();
  auto* whole = body.if_object();
  if (!whole)
    return no_request("the body must be one JSON-RPC request, as an object");
  const auto* id = member(*whole, "id");
  if (id && is_rpc_id(*id))
    c.id = *id;
  if (string_or(*whole, "jsonrpc") != "2.0")
    return no_request("'jsonrpc' must be \"2.0\"");
  if (!id || !is_rpc_id(*id) || id->is_null())
    return no_request("'id' must be a number, or a text of at most "
                      + std::to_string(longest_rpc_id) + " bytes");
  const auto name = string_or(*whole, "method");
  if (name.empty())
    return no_request("'method' must be a text");
  const auto known = methods.find(name);
  if (known == methods.end())
    return a2a_fault(a2a_error::method_not_found,
                     "Method not found: " + std::string(cut_utf8(name, longest_shown)));
  auto* params = whole->if_contains("params");
  if (params && !params->is_object() && !params->is_null())
    return fail(errc::invalid_argument, "'params' must be an object");
  if (params && params->is_object())
    c.params = std::move(params->get_object());
  return &known->second;
}

// The versions that methods are named after; clients that name none are older.
bool knows_version(request_pointer self) {
  const auto* asked = find_header(self->state.ex->req().headers, "a2a-version");
  return !asked || asked->empty() || asked->starts_with("0.3") || *asked == "1"
         || asked->starts_with("1.");
}

bool is_off(request_pointer self) {
  if (self->state.app->options->a2a)
    return false;
  refuse(self, fail(errc::not_found, "Not Found"));
  return true;
}

void serve_call(request_pointer self) {
  if (is_off(self))
    return;
  auto& s = self->state;
  auto c = std::make_shared<a2a_call>();
  if (auto parsed = parse_body(s); !parsed) {
    if (parsed.error().code != errc::invalid_argument)
      return refuse(self, parsed.error());
    return fail_with(self, c, rpc::parse_error, parsed.error().message);
  }
  auto method = read_call(*c, s.body);
  s.body = nullptr;
  if (!method)
    return fail_with(self, c, method.error());
  if (!knows_version(self))
    return fail_with(self, c,
                     a2a_fault(a2a_error::version, "A2A-Version: this server speaks 0.3 and 1.0"));
  auto assistant = runs::named_assistant(*s.app, std::string(s.params["assistant_id"]));
  if (!assistant)
    return fail_with(self, c, assistant.error());
  c->assistant_id = std::move(assistant->assistant_id);
  c->version = (*method)->version;
  (*method)->serve(self, c);
}

// An assistant that is not there is a wrong parameter, as in the reference server.
void answer_card(request_pointer self, std::string_view asked) {
  auto assistant = runs::named_assistant(*self->state.app, std::string(asked));
  if (!assistant)
    return refuse(self, fail(errc::bad_request, assistant.error().message));
  auto c = std::make_shared<a2a_call>();
  c->assistant_id = std::move(assistant->assistant_id);
  make_card(
    self, c,
    [self](json::object card) {
      // It names the host that was asked, and who may see it is decided each time.
      answer(self, 200, card, {{"Cache-Control", "no-store"}});
    },
    [self](inner_answer& refused) {
      answer_text(self, refused.status == 404 ? 400 : refused.status, std::move(refused.text),
                  "application/json", std::move(refused.headers));
    });
}

void card_by_path(request_pointer self) {
  if (!is_off(self))
    answer_card(self, self->state.params["assistant_id"]);
}

void card_by_query(request_pointer self) {
  if (is_off(self))
    return;
  const auto* asked = text_query(self, "assistant_id");
  if (!asked || asked->empty())
    return refuse(self, fail(errc::bad_request, "the query must have assistant_id: each assistant "
                                                "has a card of its own"));
  answer_card(self, *asked);
}

} // namespace

std::vector<route> a2a_routes() {
  auto each = access::of_each();
  const auto* card = "The agent card of an assistant, for clients of the A2A protocol";
  return {
    {verb::post, "/a2a/{assistant_id}", each, nullptr, serve_call,
     "Talk to an assistant over the A2A protocol (JSON-RPC)"},
    {verb::get, "/a2a/{assistant_id}", each, nullptr, card_by_path, card},
    {verb::get, "/a2a/{assistant_id}/.well-known/agent-card.json", each, nullptr, card_by_path,
     card},
    {verb::get, "/a2a/{assistant_id}/.well-known/agent.json", each, nullptr, card_by_path, card},
    {verb::get, "/.well-known/agent-card.json", each, nullptr, card_by_query, card},
  };
}

} // namespace behalf::endpoints
