// Agents of other servers, by the A2A protocol (version 0.3, JSON-RPC).
#include "agents/tools/other_agent.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <chrono>

namespace behalf {
namespace {

using std::chrono::milliseconds;

constexpr int most_failures = 5;
constexpr milliseconds first_wait{200}, longest_wait{5'000};
constexpr std::size_t most_parts = 64;

json::object rpc(std::string_view method, json::object params) {
  return {{"jsonrpc", "2.0"}, {"id", uuid4()}, {"method", method}, {"params", std::move(params)}};
}

// The message alone: nothing of the user, the run or the conversation goes along.
json::object send_of(std::string_view text) {
  json::object part{{"kind", "text"}, {"text", text}};
  json::object message{{"kind", "message"},
                       {"role", "user"},
                       {"messageId", uuid4()},
                       {"parts", list(std::move(part))}};
  json::object how{{"blocking", false}, {"acceptedOutputModes", list("text/plain")}};
  json::object params{{"message", std::move(message)}, {"configuration", std::move(how)}};
  return rpc("message/send", std::move(params));
}

void add_parts(json::array& to, const json::object& from) {
  const auto* parts = member(from, "parts");
  if (!parts || !parts->is_array())
    return;
  for (const auto& one : parts->get_array()) {
    if (!one.is_object() || to.size() >= most_parts)
      continue;
    const auto& part = one.get_object();
    const auto& file = object_or_empty(part, "file");
    json::object shown{{"type", "text"}};
    if (const auto* data = member(part, "data")) {
      shown["text"] = dump(*data);
    } else if (file.empty()) {
      shown["text"] = string_or(part, "text");
    } else if (const auto* uri = member(file, "uri"); uri && uri->is_string()) {
      shown = {{"type", "resource_link"}, {"uri", *uri}, {"name", string_or(file, "name")}};
    } else {
      json::object blob{{"uri", string_or(file, "name")},
                        {"mimeType", string_or(file, "mimeType")},
                        {"blob", string_or(file, "bytes")}};
      shown = {{"type", "resource"}, {"resource", std::move(blob)}};
    }
    to.push_back(std::move(shown));
  }
}

bool is_under_way(std::string_view state) {
  return state == "submitted" || state == "working";
}

// A result of tools/call, of a message or a task that does not go on by itself.
json::object result_of(const json::object& said) {
  json::array content;
  if (string_or(said, "kind") == "message") {
    add_parts(content, said);
    return {{"content", std::move(content)}};
  }
  const auto& status = object_or_empty(said, "status");
  const auto state = string_or(status, "state");
  const bool done = state == "completed";
  if (!done) {
    json::object first{{"type", "text"}};
    first["text"] = state == "input-required" || state == "auth-required"
                      ? "The agent waits for a person's answer, which cannot be given from here:"
                      : "The agent did not do it (" + std::string(state.substr(0, 64)) + "):";
    content.push_back(std::move(first));
  }
  if (const auto* artifacts = done ? member(said, "artifacts") : nullptr;
      artifacts && artifacts->is_array())
    for (const auto& one : artifacts->get_array())
      if (one.is_object())
        add_parts(content, one.get_object());
  if (content.empty() || !done)
    add_parts(content, object_or_empty(status, "message"));
  return {{"content", std::move(content)}, {"isError", !done}};
}

// The result of a request, or why there is none.
result<json::object> answer_in(const result<service_reply>& reply) {
  if (!reply)
    return reply.error();
  if (reply->status == 401)
    return error{errc::denied, {}, {}, "needs_auth"};
  const auto* body = reply->body.if_object();
  if (!body)
    return fail(errc::upstream, "HTTP " + std::to_string(reply->status));
  const auto& why = object_or_empty(*body, "error");
  if (!why.empty())
    return fail(errc::upstream, std::string(string_or(why, "message", "an error")));
  const auto& given = object_or_empty(*body, "result");
  if (given.empty())
    return fail(errc::upstream, "the answer is none of the A2A protocol");
  return given;
}

class remote_agent final : public known_toolbox {
public:
  explicit remote_agent(const tool_source& source)
    : known_toolbox(source.service, ask_tool(source)) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto by = std::chrono::steady_clock::now() + longest_task; // looks take time, too
    auto sending = asked(ctx, send_of(string_or(what.args, "message")));
    auto answer = co_await std::move(sending);
    milliseconds waited{0};
    int failed = 0; // looks in a row
    for (auto wait = first_wait; answer && goes_on(*answer);
         wait = std::min(wait * 2, longest_wait)) {
      if (waited >= longest_task || std::chrono::steady_clock::now() >= by)
        co_return tool_error(what.id, what.name,
                             "Error: the agent has not answered in 10 minutes.");
      auto pause = ctx.sleep(wait);
      if (const auto slept = co_await std::move(pause); !slept)
        co_return failed_call(ctx, what, slept.error(), name());
      waited += wait;
      json::object which{{"id", string_or(*answer, "id")}, {"historyLength", 0}};
      auto asking = asked(ctx, rpc("tasks/get", std::move(which)));
      auto next = co_await std::move(asking);
      failed = next ? 0 : failed + 1;
      if (next || failed == most_failures) // what it works on goes on while one look at it fails
        answer = std::move(next);
    }
    if (!answer)
      co_return failed_call(ctx, what, answer.error(), name());
    service_reply made;
    made.body = result_of(*answer);
    co_return outcome_of(made, what);
  }

private:
  coroutine<result<json::object>> asked(context ctx, json::object request) const {
    auto posting = ctx.service(name()).post("", std::move(request));
    const auto reply = co_await std::move(posting);
    co_return answer_in(reply);
  }

  static bool goes_on(const json::object& said) {
    return !string_or(said, "id").empty()
           && is_under_way(string_or(object_or_empty(said, "status"), "state"));
  }
};

} // namespace

std::shared_ptr<const toolbox> a2a_toolbox(const tool_source& source) {
  return std::make_shared<remote_agent>(source);
}

} // namespace behalf
