// Assistants of other servers, by the Agent Server API. Each call of the tool has a thread there,
// whose id follows from the call: a node that runs again, after an answer or a crash, finds it.
#include "agents/tools/other_agent.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/scrub.hpp"
#include "runtime/base/text.hpp"
#include "runtime/graph/task_facts.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/event_stream.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace behalf {
namespace {

constexpr std::size_t longest_refusal = 4 << 10;
constexpr std::size_t longest_event = 1 << 20, longest_stream = 64 << 20;
constexpr std::size_t longest_question = 64 << 10;
constexpr int most_events = 1'000; // of a call that are passed on
constexpr int64_t deepest = 8;     // servers that ask each other
// In the metadata of runs there: how deep they are, and to how many questions answers were sent.
constexpr std::string_view depth_key = "agent_depth", answers_key = "agent_answers";

// The run that was last on the thread there.
struct last_run {
  std::string id, status;           // empty: there is none
  std::optional<int64_t> answers{}; // nullopt: it was not made here

  bool is_open() const { return status == "pending" || status == "running"; }
  bool has_failed() const { return status == "error" || status == "timeout"; }
};

struct open_question {
  std::string id;
  json::value value;
};

error needs_auth() {
  return {errc::denied, {}, {}, "needs_auth"};
}

// What a refusal says of itself.
error refusal(int status, std::string_view body) {
  if (status == 401 || status == 403)
    return needs_auth();
  auto why = "HTTP " + std::to_string(status);
  if (const auto read = parse_json(body); read && read->is_object())
    if (const auto detail = string_or(read->get_object(), "detail"); !detail.empty())
      why.append(": ").append(detail);
  return fail(status == 400 || status == 422 ? errc::invalid_argument : errc::upstream,
              std::move(why));
}

error failed_there(std::string_view data) {
  const auto read = parse_json(data);
  const auto said = read && read->is_object() ? string_or(read->get_object(), "message") : "";
  return fail(errc::upstream, "its run failed" + (said.empty() ? "" : ": " + std::string(said)));
}

const json::object* first_interrupt(const json::object& of) {
  const auto* all = member(of, "interrupts");
  if (!all || !all->is_array() || all->get_array().empty())
    return nullptr;
  return all->get_array().front().if_object();
}

// What the thread there waits for. One after the other: each answer names its question.
std::optional<open_question> question_in(const json::object& state) {
  const json::object* found = nullptr;
  if (const auto* tasks = member(state, "tasks"); tasks && tasks->is_array())
    for (const auto& task : tasks->get_array())
      if (!found && task.is_object())
        found = first_interrupt(task.get_object());
  if (!found)
    found = first_interrupt(state);
  if (!found)
    return std::nullopt;
  const auto* value = member(*found, "value");
  return open_question{std::string(string_or(*found, "id")), value ? *value : json::value{}};
}

bool is_half_done(const json::object& state) {
  const auto* next = member(state, "next");
  return next && next->is_array() && !next->get_array().empty();
}

// As the person sees it: nobody is to take it for a question of this server.
json::object shown(json::value question, const std::string& service) {
  if (!question.is_object())
    return {{"asked_by", service}, {"question", std::move(question)}};
  auto all = std::move(question.get_object());
  all["asked_by"] = service;
  if (auto* requests = all.if_contains("action_requests"); requests && requests->is_array())
    for (auto& one : requests->get_array())
      if (auto* request = one.if_object())
        (*request)["description"] = "The agent '" + service + "' of another server asks. "
                                    + std::string(string_or(*request, "description"));
  return all;
}

// Servers that give interrupts ids take the answer to one of them under its id.
json::value resume_of(const open_question& question, json::value answer) {
  const bool has_id = question.id.size() == 32 && made_of(question.id, "");
  return has_id ? json::object{{question.id, std::move(answer)}} : std::move(answer);
}

class server_agent final : public known_toolbox {
public:
  explicit server_agent(const tool_source& source)
    : known_toolbox(source.service, ask_tool(source)), assistant_(source.assistant) {}

  bool finds_its_calls() const override { return true; }

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto depth = std::max<int64_t>(int_or(ctx.metadata(), depth_key), 0);
    if (depth >= deepest)
      co_return tool_error(what.id, what.name,
                           "Error: too many servers ask each other. Do without this agent.");
    const auto path = "/threads/"
                      + hash_uuid(std::string(ctx.thread_id()) + '|' + std::string(ctx.task_id())
                                  + '|' + name() + '|' + assistant_);
    const auto by = std::chrono::steady_clock::now() + longest_task;
    auto order = [&](json::object more, int64_t answers) {
      json::object metadata{{depth_key, depth + 1}, {answers_key, answers}};
      more["assistant_id"] = assistant_;
      more["metadata"] = std::move(metadata);
      more["stream_mode"] = behalf::list("custom");
      more["on_disconnect"] = "cancel";
      more["multitask_strategy"] = "reject";
      more["if_not_exists"] = "create";
      return more;
    };
    auto looking = last_run_of(ctx, path);
    const auto last = co_await std::move(looking);
    if (!last)
      co_return failed_call(ctx, what, last.error(), name());
    int64_t given = 0;
    while (ctx.answer(static_cast<std::size_t>(given)))
      ++given;
    if (last->id.empty() && given != 0)
      co_return tool_error(what.id, what.name,
                           "Error: the other server does not know this conversation any more.");
    if (last->id.empty() && may_have_run(ctx)) // its task has another id where nothing was stored
      co_return unknown_call(ctx, what, name());
    // Answers go to the questions they were given to: those before them were sent already.
    const bool is_others = !last->id.empty() && !last->answers;
    const auto sent = std::clamp<int64_t>(last->answers.value_or(0), 0, given);
    auto answers = sent;
    for (int64_t i = 0; i < sent; ++i) {
      auto passed = ctx.interrupt(nullptr);
      co_await std::move(passed);
    }
    result<void> went;
    if (last->id.empty()) {
      json::object input{{"messages", behalf::list(human(string_or(what.args, "message")))}};
      auto asking =
        follow(ctx, "POST", path + "/runs/stream", order({{"input", std::move(input)}}, 0), by);
      went = co_await std::move(asking);
    } else if (last->is_open()) {
      auto joining =
        follow(ctx, "GET",
               path + "/runs/" + percent_encode(last->id) + "/stream?cancel_on_disconnect=true",
               std::nullopt, by);
      went = co_await std::move(joining);
    } else if (last->has_failed()) {
      went = fail(errc::upstream, "its run failed");
    }
    bool was_cut = last->status == "interrupted";
    for (;;) {
      if (!went)
        co_return failed_call(ctx, what, went.error(), name());
      auto reading = state_of(ctx, path);
      auto state = co_await std::move(reading);
      if (!state)
        co_return failed_call(ctx, what, state.error(), name());
      auto question = question_in(*state);
      if (!question && !is_half_done(*state))
        co_return outcome_of(answer_of_agent(object_or_empty(*state, "values")), what);
      if (!question && !std::exchange(was_cut, false))
        co_return tool_error(what.id, what.name,
                             "Error: '" + name() + "' stopped before it was done.");
      if (!question) { // it was cancelled when this server ended, and goes on now
        auto going_on =
          follow(ctx, "POST", path + "/runs/stream", order({{"input", nullptr}}, answers), by);
        went = co_await std::move(going_on);
        continue;
      }
      if (is_others && given != 0)
        co_return tool_error(what.id, what.name,
                             "Error: somebody has gone on with this on the other server, where it "
                             "waits for an answer.");
      was_cut = false;
      if (text_bytes(question->value, longest_question) > longest_question)
        co_return tool_error(what.id, what.name,
                             "Error: '" + name() + "' asks a question that is too long.");
      auto asked = shown(question->value, name());
      do {
        auto stop = ctx.interrupt(asked);
        auto answer = co_await std::move(stop);
        json::object command{{"resume", resume_of(*question, std::move(answer))}};
        auto resuming = follow(ctx, "POST", path + "/runs/stream",
                               order({{"command", std::move(command)}}, ++answers), by);
        went = co_await std::move(resuming);
        if (!went)
          asked["error"] = went.error().message;
      } while (!went && went.error().code == errc::invalid_argument);
    }
  }

private:
  coroutine<result<last_run>> last_run_of(context ctx, std::string path) const {
    auto asking = ctx.service(name()).get(path + "/runs?limit=1");
    const auto reply = co_await std::move(asking);
    if (!reply)
      co_return reply.error();
    last_run found;
    if (reply->status == 404)
      co_return found;
    if (reply->status != 200)
      co_return refusal(reply->status, dump(reply->body));
    const auto* all = reply->body.if_array();
    if (!all || all->empty())
      co_return found;
    const auto* run = all->front().if_object();
    found.id = run ? string_or(*run, "run_id") : "";
    if (found.id.empty())
      co_return fail(errc::upstream, "it does not answer as an Agent Server does");
    found.status = string_or(*run, "status");
    if (const auto& metadata = object_or_empty(*run, "metadata"); metadata.contains(answers_key))
      found.answers = int_or(metadata, answers_key);
    co_return found;
  }

  coroutine<result<json::object>> state_of(context ctx, std::string path) const {
    auto asking = ctx.service(name()).get(path + "/state");
    auto reply = co_await std::move(asking);
    if (!reply)
      co_return reply.error();
    if (reply->status != 200)
      co_return refusal(reply->status, dump(reply->body));
    if (!reply->body.is_object())
      co_return fail(errc::upstream, "it does not answer as an Agent Server does");
    co_return std::move(reply->body.get_object());
  }

  // Until the run has ended. A run whose stream is left before is cancelled there, so nothing goes
  // on when this call does not.
  coroutine<result<void>> follow(context ctx, std::string_view method, std::string path,
                                 std::optional<json::object> body, deadline by) const {
    auto request = ctx.service(name()).request(method, path);
    request.header("Accept", "text/event-stream");
    if (body)
      request.body(std::move(*body));
    auto opening = request.stream();
    auto reply = co_await std::move(opening);
    if (!reply)
      co_return reply.error();
    const bool taken = reply->status() >= 200 && reply->status() < 300;
    std::string refused; // what is said instead of events
    event_stream events;
    std::size_t read = 0, unfinished = 0;
    int passed_on = 0;
    result<void> became;
    for (bool last = false; !last && became && refused.size() < longest_refusal;) {
      auto next = reply->next();
      const auto part = co_await std::move(next);
      if (!part)
        co_return part.error();
      last = part->last;
      if (std::chrono::steady_clock::now() >= by)
        became = fail(errc::timeout, {});
      if (!taken) {
        refused += part->bytes;
        continue;
      }
      read += part->bytes.size();
      unfinished += part->bytes.size();
      for (const auto& event : events.feed(part->bytes)) {
        unfinished = 0;
        if (event.name == "error")
          became = failed_there(event.data);
        else if (event.name == "custom" && ++passed_on <= most_events)
          pass_on(ctx, event.data, reply->scrub());
      }
      if (unfinished > longest_event || read > longest_stream)
        became = fail(errc::upstream, "it tells too much while it works");
    }
    auto closing = reply->close();
    co_await std::move(closing);
    if (!taken && became)
      became = refusal(reply->status(), valid_utf8(std::move(refused)));
    if (!became && reply->scrub()) {
      auto why = became.error();
      scrub(why, *reply->scrub());
      became = std::move(why);
    }
    co_return became;
  }

  // What the agent tells while it works, as an event of this run.
  void pass_on(const context& ctx, std::string_view data,
               const std::shared_ptr<const text_scrubber>& secrets) const {
    auto told = parse_json(data);
    if (!told || data.size() > longest_question)
      return;
    if (secrets)
      scrub(*told, *secrets);
    ctx.write({{"type", "agent_event"}, {"service", name()}, {"data", std::move(*told)}});
  }

  const std::string assistant_;
};

} // namespace

std::shared_ptr<const toolbox> agent_server_toolbox(const tool_source& source) {
  return std::make_shared<server_agent>(source);
}

} // namespace behalf
